"""Synthetic speech whose word times are known: espeak-ng's library reports each word as it speaks it."""

from __future__ import annotations

import ctypes.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from tests.conftest import require
from tests.speech import espeak_process


def speak(
    text: str, wav: Path, *, voice: str = "en-gb", words_per_minute: int = 150, pause_s: float = 0.5
) -> list[tuple[str, float]]:
    """Write ``text`` as 16 kHz mono WAV, ``pause_s`` before and after it; its words with their starts (s)."""
    name = ctypes.util.find_library("espeak-ng")
    require(name, "libespeak-ng is not installed")
    command = [sys.executable, espeak_process.__file__, str(name), voice, str(words_per_minute), text]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    head, _, sound = said.partition(b"\n")
    told = json.loads(head)
    spoken = resample_poly(np.frombuffer(sound, np.int16).astype(float), 16000, told["rate"])
    silence = np.zeros(int(pause_s * 16000))
    wavfile.write(wav, 16000, np.concatenate([silence, spoken, silence]).clip(-32768, 32767).astype("<i2"))
    return [(word, pause_s + start_ms / 1000) for word, start_ms in told["words"]]
