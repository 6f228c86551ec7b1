"""Synthetic speech whose word times are known: espeak-ng's library reports each word as it speaks it."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from tests.conftest import require

_SYNCHRONOUS = 2
_WORD_EVENT = 1
_RATE = 1
_UTF8 = 1


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", ctypes.c_char * 8),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """espeak-ng, initialised, and its sample rate."""
    name = ctypes.util.find_library("espeak-ng")
    require(name, "libespeak-ng is not installed")
    library = ctypes.CDLL(name)
    return library, library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)


def speak(
    text: str, wav: Path, *, voice: str = "en-gb", words_per_minute: int = 150, pause_s: float = 0.5
) -> list[tuple[str, float]]:
    """Write ``text`` as 16 kHz mono WAV, ``pause_s`` before and after it; its words with their starts (s)."""
    library, rate = _library()
    sound: list[np.ndarray] = []
    words: list[tuple[str, float]] = []

    @_Callback
    def heard(samples, count, events):
        if count > 0:
            sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == _WORD_EVENT:
                first = event.text_position - 1
                word = text[first : first + event.length]
                if any(map(str.isalpha, word)):  # it reports the end of a clause as a word, too
                    words.append((word, pause_s + event.audio_position / 1000))
            index += 1
        return 0

    library.espeak_SetSynthCallback(heard)
    library.espeak_SetVoiceByName(voice.encode())
    library.espeak_SetParameter(_RATE, words_per_minute, 0)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
    silence = np.zeros(int(pause_s * 16000))
    spoken = resample_poly(np.concatenate(sound).astype(float), 16000, rate)
    wavfile.write(wav, 16000, np.concatenate([silence, spoken, silence]).clip(-32768, 32767).astype("<i2"))
    return words
