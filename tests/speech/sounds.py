"""Sound to work on: real recordings, tones of known level and pitch, voices in turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import wavfile

from ecg.transcript import Turn
from tests.conftest import speech
from tests.spoken import ffmpeg, voice

RATE = 16000
TRUTH = {
    "jfk.flac": "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country",
    "austen-0870.wav": "and mister john dashwood had then leisure to consider how much there might be "
    "prudently in his power to do for them",
    "austen-0890.wav": "unless to be rather cold hearted and rather selfish is to be ill disposed",
}


def ignore_progress(share: float) -> None:
    pass


def recording(name: str, folder: Path) -> Path:
    """A real recording as 16 kHz mono WAV."""
    source, wav = speech(name), folder / f"{name}.wav"
    ffmpeg("-i", source, "-ac", "1", "-ar", str(RATE), "-c:a", "pcm_s16le", wav)
    return wav


def write(wav: Path, sound: np.ndarray) -> Path:
    """Write sound in -1..1 as 16-bit WAV."""
    wavfile.write(wav, RATE, np.round(np.clip(sound, -1, 1) * 32767).astype("<i2"))
    return wav


def sine(hz: float, level_db: float, duration_s: float) -> np.ndarray:
    """A sine of the given RMS level in dBFS."""
    time_s = np.arange(round(duration_s * RATE)) / RATE
    return np.sqrt(2) * 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * time_s)


def hum(hz: float, duration_s: float) -> np.ndarray:
    """A voiced sound: ten harmonics, falling off like a voice's."""
    time_s = np.arange(round(duration_s * RATE)) / RATE
    return 0.2 * sum(np.sin(2 * np.pi * hz * n * time_s + n) / n for n in range(1, 11))


def talk(folder: Path, parts: list[tuple[str, str]], gap_s: float) -> tuple[Path, list[Turn]]:
    """Sentences, each in the flite voice named with it, with silence between; and who really speaks when."""
    sounds, turns, clock = [], [], 0.0
    for index, (name, text) in enumerate(parts):
        _, samples = wavfile.read(voice(folder / f"part-{index}.wav", text, name))
        spoken = _trimmed(samples / 32768)
        turns.append(Turn(clock, clock + len(spoken) / RATE, name))
        sounds += [spoken, np.zeros(int(gap_s * RATE))]
        clock = sum(map(len, sounds)) / RATE
    return write(folder / "talk.wav", np.concatenate(sounds)), turns


def _trimmed(sound: np.ndarray) -> np.ndarray:
    audible = np.flatnonzero(np.abs(sound) > 0.006)
    return sound[audible[0] : audible[-1] + 1]
