"""How long one core takes to measure how ten minutes of speech sound, against WORLD's Harvest alone.

Harvest is what one would take for the pitch without knowing better: it is steady, and slow. It runs on the
first minute only, in the same run; ours measures pitch, loudness, spectrum, MFCC and syllables of all ten.
Processor time. The target is 10 s. The sound: the recordings of ``$ECG_SPEECH_DATA``, again and again,
else voices made of harmonics.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from ecg.speech.prosody import Tracks, measure
from ecg.speech.waveform import HOP_S, SAMPLE_RATE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pyworld

DURATION_S, HARVEST_S, WORD_S, RUNS = 600, 60, 0.3, 3
TARGET_S = 10.0


def speech() -> tuple[np.ndarray, str]:
    """Ten minutes of 16-bit sound, and what it is."""
    found = sorted(Path(os.environ.get("ECG_SPEECH_DATA", "/nonexistent")).glob("austen-*.wav"))
    if found:
        once = np.concatenate([wavfile.read(wav)[1] for wav in found])
        return np.resize(once, DURATION_S * SAMPLE_RATE), "read"
    time_s = np.arange(DURATION_S * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * np.pi * (120 * time_s + 8 * np.sin(2 * np.pi * 0.7 * time_s))
    voice = sum(np.sin(n * phase) / n for n in range(1, 11)) * np.sin(2 * np.pi * 2.2 * time_s) ** 2
    return (6000 * voice).astype(np.int16), "made"


def analysed(wav: Path) -> Tracks:
    """All that an analysis asks of the sound: the tracks, and the features of 2,000 words."""
    tracks = measure(wav, lambda share: None)
    for index in range(int(DURATION_S / WORD_S)):
        tracks.features(index * WORD_S, (index + 0.9) * WORD_S)
    return tracks


def processor_s(work: Callable[[], object]) -> float:
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


def main() -> None:
    sound, kind = speech()
    minute = sound[: HARVEST_S * SAMPLE_RATE] / 32768.0
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        wavfile.write(wav, SAMPLE_RATE, sound)
        taken_s = min(processor_s(lambda: analysed(wav)) for _ in range(RUNS))
    harvest_s = processor_s(lambda: pyworld.harvest(minute, SAMPLE_RATE, 60, 600, HOP_S * 1000))
    harvest_s *= DURATION_S / HARVEST_S
    print(json.dumps({
        "name": "prosody", "ratio": round(harvest_s / taken_s, 1), "target_s": TARGET_S,
        "ok": taken_s <= TARGET_S, "prosody_s": round(taken_s, 2), "harvest_s": round(harvest_s, 1),
        "sound_s": DURATION_S, "realtime": round(DURATION_S / taken_s), "sound": kind,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
