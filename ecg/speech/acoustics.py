"""Frame-wise measures of sound at a 10 ms hop: level, pitch, spectrum. Numbers only, no policy.

Sound comes as float64 in -1..1 at 16 kHz; frame ``i`` covers samples ``160 * i`` to ``160 * (i + 1)``
(spectra see 25 ms around its middle). Long files are walked in blocks, so memory does not grow with them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import distribution
from types import ModuleType

import numpy as np
from scipy.fft import dct, rfft, rfftfreq

from ecg.speech.waveform import HOP, HOP_S, SAMPLE_RATE, Samples


@contextmanager
def _pkg_resources() -> Iterator[None]:
    """What pyworld 0.3.5 wants of it, its own version; setuptools has none of it any more from 82 on."""
    missing = "pkg_resources" not in sys.modules
    if missing:
        sys.modules["pkg_resources"] = ModuleType("pkg_resources")
        sys.modules["pkg_resources"].get_distribution = distribution  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if missing:
            del sys.modules["pkg_resources"]


with _pkg_resources():
    import pyworld

_WINDOW = int(0.025 * SAMPLE_RATE)
_FFT = 512
_BLOCK_FRAMES = 3000
# Blocks overlap by this many frames on either side, so that no measure sees a block's edge.
_CONTEXT_FRAMES = 50
_FULL_SCALE = 32768.0
_LOWEST_F0, _HIGHEST_F0 = 60.0, 600.0
# Two looks at the same voice differ by less than this share; DIO's slips by an octave or a fifth.
_AGREEMENT = 0.1
_MEL_BANDS = 40
_FLOOR = 1e-10


def blocks(samples: Samples) -> Iterator[tuple[int, int, np.ndarray]]:
    """Walk the sound: (first frame, frame count, float64 sound with half a second of context either side).

    The sound has ``(count + 100) * 160`` samples, padded with zeros where the file ends.
    """
    total = -(-len(samples) // HOP)
    for first in range(0, total, _BLOCK_FRAMES):
        count = min(_BLOCK_FRAMES, total - first)
        start, stop = (first - _CONTEXT_FRAMES) * HOP, (first + count + _CONTEXT_FRAMES) * HOP
        sound = np.zeros(stop - start)
        inside = samples[max(0, start) : stop]
        sound[max(0, -start) : max(0, -start) + len(inside)] = inside / _FULL_SCALE
        yield first, count, sound


def _own(frames: np.ndarray, count: int) -> np.ndarray:
    return frames[_CONTEXT_FRAMES : _CONTEXT_FRAMES + count]


def power(sound: np.ndarray, count: int) -> np.ndarray:
    """Mean square of each frame of a block; 1.0 is a square wave at full scale, a sine there 0.5."""
    return _own(np.square(sound).reshape(-1, HOP).mean(axis=1), count)


def pitch(sound: np.ndarray, count: int) -> np.ndarray:
    """F0 in Hz at the middle of each frame of a block, 0 where it is unvoiced (WORLD's DIO and StoneMask).

    In noise DIO takes now this and now that for a voice, depending on where its grid lies. So a pitch
    counts only where a second look, at the edges of the frames, finds it on one side or the other.
    """
    edges, _ = _dio(sound)
    from_middle = sound[HOP // 2 :]
    coarse, times = _dio(from_middle)
    refined = pyworld.stonemask(from_middle, coarse, times, SAMPLE_RATE)
    count_all = min(len(refined), len(edges) - 1)
    found = refined[:count_all]
    far = np.minimum(np.abs(edges[:count_all] - found), np.abs(edges[1 : count_all + 1] - found))
    return _own(np.where(far <= _AGREEMENT * found, found, 0.0), count)


def _dio(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pyworld.dio(
        sound, SAMPLE_RATE, f0_floor=_LOWEST_F0, f0_ceil=_HIGHEST_F0, frame_period=HOP_S * 1000, speed=4
    )


def spectra(sound: np.ndarray, count: int) -> np.ndarray:
    """Power spectra of a block's frames, shape (count, 257)."""
    first = _CONTEXT_FRAMES * HOP + HOP // 2 - _WINDOW // 2
    view = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[first : first + count * HOP : HOP]
    return np.square(np.abs(rfft(view * np.hanning(_WINDOW), _FFT)))


def centroid(spectrum: np.ndarray) -> np.ndarray:
    """Centre of gravity in Hz of each magnitude spectrum; 0 where there is no sound."""
    magnitude = np.sqrt(spectrum)
    weight = magnitude.sum(axis=1)
    return magnitude @ rfftfreq(_FFT, 1 / SAMPLE_RATE) / np.maximum(weight, _FLOOR)


def mfcc(spectrum: np.ndarray, coefficients: int) -> np.ndarray:
    """Mel-frequency cepstral coefficients, shape (n, coefficients); the first one is the level."""
    mel = np.log(spectrum @ _mel_filters() + _FLOOR)
    return dct(mel, type=2, norm="ortho", axis=1)[:, :coefficients]


@cache
def _mel_filters() -> np.ndarray:
    """Triangles even on the mel scale from 60 to 7600 Hz, shape (257, 40)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (60.0, 7600.0))
    edges = 700 * (10 ** (np.linspace(low, high, _MEL_BANDS + 2) / 2595) - 1)
    hz = rfftfreq(_FFT, 1 / SAMPLE_RATE)[:, None]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)
