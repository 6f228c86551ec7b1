"""How speech sounds: tracks measured once per file, from which any span's features follow at once.

Sums over a span are differences of prefix sums; only the median pitch looks at the span itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from ecg.speech import acoustics
from ecg.speech.engine import ProgressCallback
from ecg.speech.waveform import HOP_S, read_wav
from ecg.transcript import Features

MFCC_COUNT = 13
# A frame has energy when it is within this range of the file's loud frames, and above the hiss of any room.
_RANGE_DB = 35.0
_QUIETEST_DB = -65.0
_LOUD_PERCENTILE = 95
# Below this a level is no measurement: 16-bit sound has one step at -90 dBFS.
_SILENCE_DB = -100.0
# A syllable's nucleus stands out from the dips beside it by 2 dB (de Jong & Wempe 2009).
_NUCLEUS_DB = 2.0
_SMOOTHING_FRAMES = 2.5
# One or two voiced frames are as likely a glitch of the tracker as a pitch.
_FEWEST_VOICED = 3
_LONGEST_SYLLABLE_FRAMES = 100


@dataclass(frozen=True, eq=False)
class Tracks:
    """Measures of a file at a 10 ms hop; frame ``i`` is the sound from ``0.01 * i`` to ``0.01 * (i + 1)`` s.

    ``power``: mean square, 1.0 at full scale, (n,). ``f0_hz``: 0 where unvoiced, (n,). ``centroid_hz``: (n,).
    ``mfcc``: (n, 13). All float32.
    """

    power: np.ndarray
    f0_hz: np.ndarray
    centroid_hz: np.ndarray
    mfcc: np.ndarray

    def save(self, path: Path) -> None:
        """Write the tracks as a compressed ``.npz`` file."""
        with path.open("wb") as file:
            np.savez_compressed(
                file, power=self.power, f0_hz=self.f0_hz, centroid_hz=self.centroid_hz, mfcc=self.mfcc
            )

    @classmethod
    def load(cls, path: Path) -> Tracks:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(data["power"], data["f0_hz"], data["centroid_hz"], data["mfcc"])

    @cached_property
    def level_db(self) -> np.ndarray:
        """RMS level of each frame in dBFS (a sine at full scale has -3.01), float32 (n,)."""
        return 10 * np.log10(np.maximum(self.power, 1e-12))

    @cached_property
    def energetic(self) -> np.ndarray:
        """Which frames have sound that counts, bool (n,)."""
        audible = self.level_db[self.level_db > _QUIETEST_DB]
        loud = np.percentile(audible, _LOUD_PERCENTILE) if len(audible) else 0.0
        return self.level_db > max(_QUIETEST_DB, float(loud) - _RANGE_DB)

    @cached_property
    def voiced(self) -> np.ndarray:
        """Which frames have a pitch, bool (n,)."""
        return (self.f0_hz > 0) & self.energetic

    @cached_property
    def nuclei(self) -> np.ndarray:
        """Which frames are the peak of a syllable, bool (n,)."""
        envelope = gaussian_filter1d(np.maximum(self.level_db, _QUIETEST_DB), _SMOOTHING_FRAMES)
        peaks, _ = find_peaks(envelope, prominence=_NUCLEUS_DB, wlen=_LONGEST_SYLLABLE_FRAMES)
        marks = np.zeros(len(envelope), bool)
        marks[peaks] = True
        return marks & self.energetic

    @cached_property
    def _sums(self) -> np.ndarray:
        """Prefix sums, float64 (n + 1, 6 + 13), in the order `features` takes them apart.

        Filled column by column: at 55 MB an hour there must be no second copy of them.
        """
        weight = self.energetic
        columns = (self.power, weight, self.power * weight, self.voiced, self.nuclei,
                   self.centroid_hz * weight)  # fmt: skip
        sums = np.zeros((len(self.power) + 1, len(columns) + MFCC_COUNT))
        for index, column in enumerate(columns):
            np.cumsum(column, dtype=np.float64, out=sums[1:, index])
        for index in range(MFCC_COUNT):
            np.cumsum(self.mfcc[:, index] * weight, dtype=np.float64, out=sums[1:, len(columns) + index])
        return sums

    def features(self, start_s: float, end_s: float) -> Features:
        """How the span sounds, over its energetic frames; what cannot be measured there is ``None``."""
        first, last = self._frames(start_s, end_s)
        if last <= first:
            return Features()
        power, energetic, loud, voiced, nuclei, centroid, *mfcc = self._sums[last] - self._sums[first]
        if energetic < 0.5:
            return Features(volume_db=_decibels(power / (last - first)), voiced_share=0.0, speaking_rate=0.0)
        return Features(
            volume_db=_decibels(loud / energetic),
            pitch_hz=self._median_pitch(first, last),
            voiced_share=float(voiced / (last - first)),
            spectral_centroid=float(centroid / energetic),
            mfcc=tuple(float(value / energetic) for value in mfcc),
            speaking_rate=float(nuclei / ((last - first) * HOP_S)),
        )

    def _frames(self, start_s: float, end_s: float) -> tuple[int, int]:
        """The span as frame numbers; at least one frame of it where it lies inside the sound."""
        first = min(max(0, round(start_s / HOP_S)), len(self.power))
        return first, min(max(first + 1, round(end_s / HOP_S)), len(self.power))

    def _median_pitch(self, first: int, last: int) -> float | None:
        voiced = self.f0_hz[first:last][self.voiced[first:last]]
        return float(np.median(voiced)) if len(voiced) >= _FEWEST_VOICED else None


def _decibels(power: float) -> float | None:
    level = 10 * float(np.log10(max(power, 1e-12)))
    return level if level > _SILENCE_DB else None


def measure(wav: Path, on_progress: ProgressCallback) -> Tracks:
    """Measure a 16 kHz mono WAV file.

    ``on_progress`` gets the finished share, 0..1, and may raise to stop the work.
    """
    samples = read_wav(wav)
    total = -(-len(samples) // acoustics.HOP)
    power, f0_hz, centroid_hz = (np.zeros(total, np.float32) for _ in range(3))
    mfcc = np.zeros((total, MFCC_COUNT), np.float32)
    for first, count, sound in acoustics.blocks(samples):
        span = slice(first, first + count)
        spectrum = acoustics.spectra(sound, count)
        power[span] = acoustics.power(sound, count)
        f0_hz[span] = acoustics.pitch(sound, count)
        centroid_hz[span] = acoustics.centroid(spectrum)
        mfcc[span] = acoustics.mfcc(spectrum, MFCC_COUNT)
        on_progress((first + count) / total)
    return Tracks(power, f0_hz, centroid_hz, mfcc)
