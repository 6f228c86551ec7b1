"""From how a word sounds to how it looks: loudness to size, pitch to weight, timbre to width.

Each is judged against the speaker's own baseline (median and spread in this media), so that neither a
quiet microphone nor a deep voice changes anything by itself. What was not measured stays plain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from ecg.captions.style import Axis, Style
from ecg.transcript import Baseline, Features, Transcript

_MAD_TO_SPREAD = 1.4826  # makes the median absolute deviation of a normal distribution its standard deviation
_NOTHING = Baseline(None, None)


@dataclass(frozen=True)
class Look:
    """Size as a multiple of normal, and the font's weight and width axes."""

    size: float
    weight: float
    width: float


@dataclass(frozen=True)
class Voice:
    """What is normal for one speaker: loudness in dB, pitch and timbre in semitones."""

    loudness: Baseline
    pitch: Baseline
    timbre: Baseline

    def look(self, features: Features | None, style: Style) -> Look:
        """How a word of this speaker looks in ``style``."""
        heard = features or Features()
        return Look(
            emphasis(style.size, heard.volume_db, self.loudness),
            emphasis(style.weight, _semitones(heard.pitch_hz), self.pitch),
            emphasis(style.width, _semitones(heard.spectral_centroid), self.timbre),
        )


def voices(transcript: Transcript, speaker_of: Callable[[str | None], str]) -> dict[str, Voice]:
    """The baselines of every speaker who says a word.

    Loudness and pitch are the analysis's own baselines where it has them, else taken from the words.
    """
    recorded = {speaker.id: speaker for speaker in transcript.speakers}
    heard: dict[str, list[Features]] = {}
    for segment in transcript.segments:
        words = heard.setdefault(speaker_of(segment.speaker), [])
        words += [word.features for word in segment.words if word.features]
    return {
        speaker: Voice(
            _known(recorded[speaker].volume_db if speaker in recorded else _NOTHING)
            or baseline(f.volume_db for f in words),
            _pitch_known(recorded[speaker].pitch_hz if speaker in recorded else _NOTHING)
            or baseline(_semitones(f.pitch_hz) for f in words),
            baseline(_semitones(f.spectral_centroid) for f in words),
        )
        for speaker, words in heard.items()
    }


def baseline(values: Iterable[float | None]) -> Baseline:
    """Median and robust spread of what was measured; nothing of nothing."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return _NOTHING
    middle = median(known)
    return Baseline(middle, _MAD_TO_SPREAD * median(abs(value - middle) for value in known))


def emphasis(axis: Axis, value: float | None, normal: Baseline) -> float:
    """Where ``value`` puts a word on ``axis``, for a speaker whose ``normal`` is in the same unit."""
    if value is None or not math.isfinite(value) or normal.median is None:
        return _rounded(axis.rest, axis.step)
    spread = min(max(normal.spread or 0.0, axis.spread_floor), axis.spread_ceiling)
    deviation = (value - normal.median) / spread
    if deviation >= 0:
        share, end = _beyond(deviation, axis.dead_above, axis.full_above), axis.above
    else:
        share, end = _beyond(-deviation, axis.dead_below, axis.full_below), axis.below
    return _rounded(axis.rest + (end - axis.rest) * share, axis.step)


def _beyond(deviation: float, dead: float, full: float) -> float:
    """How far ``deviation`` is from the edge of the dead zone to its full effect, 0..1."""
    return min(max((deviation - dead) / max(full - dead, 1e-9), 0.0), 1.0)


def _rounded(value: float, step: float) -> float:
    # Few distinct values also mean few instances of the variable font to rasterise.
    return round(round(value / step) * step, 6)


def _semitones(frequency_hz: float | None) -> float | None:
    return 12 * math.log2(frequency_hz) if frequency_hz and frequency_hz > 0 else None


def _known(recorded: Baseline) -> Baseline | None:
    return recorded if recorded.median is not None else None


def _pitch_known(recorded: Baseline) -> Baseline | None:
    """A baseline in hertz as one in semitones."""
    if not recorded.median:
        return None
    return Baseline(_semitones(recorded.median), 12 * math.log2(1 + (recorded.spread or 0) / recorded.median))
