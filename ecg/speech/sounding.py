"""Where a recording sounds and where it is silent, by its level alone, at a 10 ms hop."""

from __future__ import annotations

import numpy as np

from ecg.speech.waveform import HOP, HOP_S, SAMPLE_RATE, Samples, seconds

# Sound lies less than this under the loud parts near it,
_RANGE_DB = 35.0
# and this much over the noise near it, as far as that leaves the loud parts so much.
_OVER_NOISE_DB, _UNDER_LOUD_DB = 6.0, 15.0
# Whole stretches without any sound have no loud parts: nothing so far under the file's peaks is sound.
_WHOLE_RANGE_DB = 50.0
# "Near" is a block of 10 s and its neighbours.
_BLOCK = 1000
# A click is no sound: of five hops three must be loud.
_WIDTH, _LOUD_OF_WIDTH = 5, 3
_CHUNK = 60 * SAMPLE_RATE


class Loudness:
    """Which hops of a recording sound. A chunk of samples at a time is read, never the whole file."""

    def __init__(self, samples: Samples) -> None:
        self.duration_s = seconds(samples)
        self._sounds = _sounding(_levels_db(samples))

    def between(self, start_s: float, end_s: float) -> tuple[np.ndarray, np.ndarray]:
        """The span cut at hops: edges in seconds (n + 1), from ``start_s`` to ``end_s``, and n times whether
        it sounds. What lies beyond the recording is silent.
        """
        first, last = int(start_s / HOP_S) + 1, int(np.ceil(end_s / HOP_S))
        edges = np.concatenate(([start_s], np.arange(first, last) * HOP_S, [end_s])).clip(start_s, end_s)
        inside = self._sounds[first - 1 : last]
        return edges, np.pad(inside, (0, len(edges) - 1 - len(inside)))


def _levels_db(samples: Samples) -> np.ndarray:
    """The RMS level of each hop in dB below full scale."""
    hops = len(samples) // HOP
    powers = np.empty(hops)
    for first in range(0, hops, _CHUNK // HOP):
        chunk = samples[first * HOP : min(hops * HOP, first * HOP + _CHUNK)].astype(np.float32)
        powers[first : first + len(chunk) // HOP] = np.square(chunk.reshape(-1, HOP)).mean(axis=1)
    return 10 * np.log10(powers / 32768.0**2 + 1e-12)


def _sounding(levels_db: np.ndarray) -> np.ndarray:
    """Whether each hop sounds, by levels in dB."""
    if not len(levels_db):
        return np.zeros(0, bool)
    loud = np.empty(len(levels_db), bool)
    least_db = np.percentile(levels_db, 99.5) - _WHOLE_RANGE_DB
    for first in range(0, len(levels_db), _BLOCK):
        near = levels_db[max(0, first - _BLOCK) : first + 2 * _BLOCK]
        noise_db, loud_db = np.percentile(near, [10, 95])
        over_noise_db = min(noise_db + _OVER_NOISE_DB, loud_db - _UNDER_LOUD_DB)
        border_db = max(least_db, loud_db - _RANGE_DB, over_noise_db)
        loud[first : first + _BLOCK] = levels_db[first : first + _BLOCK] > border_db
    return np.convolve(loud, np.ones(_WIDTH), "same") >= _LOUD_OF_WIDTH
