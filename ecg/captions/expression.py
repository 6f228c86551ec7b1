"""From how a word sounds to how it looks: loudness to size, pitch to weight, timbre to width,
or as a style says.

Each is judged against the speaker's own baseline (median and spread in this media), so that neither a
quiet microphone nor a deep voice changes anything by itself. What was not measured stays plain.

Median and spread are robust: one shout moves neither. Where a speaker says little, the spread of a usual
voice counts for more than what a few words show of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ecg.captions.style import Axis, Style
from ecg.transcript import Baseline, Features, Speaker, Transcript, Word

_MAD_TO_SPREAD = 1.4826  # makes the median absolute deviation of a normal distribution its standard deviation
# From fewer words the spread is guesswork: that of a usual voice counts for more than theirs.
_WORDS_FOR_SPREAD = 12
# Of two words nobody can say which is the usual one.
_WORDS_FOR_MEDIAN = 3
# How many words a baseline of the analysis stands for, at least, where not all of them are at hand.
_WORDS_PER_S = 1.0
# No word is said faster; recognisers give some no length at all.
_SHORTEST_S = 0.001
# No level or pitch is beyond it; sums of such values stay finite.
_LARGEST = 1e6


@dataclass(frozen=True)
class Look:
    """Size as a multiple of normal, the font's weight and width axes, and how far a word stands above its
    line and its letters stand apart, in em."""

    size: float
    weight: float
    width: float
    raised: float
    spacing: float


@dataclass(frozen=True)
class Usual:
    """What is usual for a speaker: ``median`` and ``spread`` (1.4826 × median absolute deviation) over
    ``words`` words, in the unit of its `Heard`. ``median`` is ``None`` where nothing was measured."""

    median: float | None
    spread: float
    words: float

    def deviation(self, value: float, axis: Axis) -> float:
        """How far ``value`` is from the median, in spreads; 0 where too little was heard to say."""
        if self.median is None or self.words < _WORDS_FOR_MEDIAN:
            return 0.0
        trust = self.words**3 / (self.words**3 + _WORDS_FOR_SPREAD**3)
        common = math.sqrt(axis.spread_floor * axis.spread_ceiling)
        spread = trust * self.spread + (1 - trust) * common
        return (value - self.median) / min(max(spread, axis.spread_floor), axis.spread_ceiling)


@dataclass(frozen=True)
class Heard:
    """How a word sounds, each ``None`` where it was not measured: loudness in dB, pitch and timbre in
    semitones, duration in doublings of the time per letter. The names are those of `Axis.source`."""

    loudness: float | None
    pitch: float | None
    timbre: float | None
    duration: float | None


@dataclass(frozen=True)
class Voice:
    """What is usual for one speaker, in the units of `Heard`."""

    loudness: Usual
    pitch: Usual
    timbre: Usual
    duration: Usual

    def look(self, word: Word, style: Style) -> Look:
        """How a word of this speaker looks in ``style``."""
        said = heard(word)
        return Look(
            self._shown(style.size, said, "loudness"),
            self._shown(style.weight, said, "pitch"),
            self._shown(style.width, said, "timbre"),
            self._shown(style.raised, said, "pitch"),
            self._shown(style.spacing, said, "duration"),
        )

    def _shown(self, axis: Axis, said: Heard, source: str) -> float:
        if axis.below == axis.above == axis.rest:
            return axis.rest  # most styles leave some axes alone
        source = axis.source or source
        return emphasis(axis, getattr(said, source), getattr(self, source))


def voices(transcript: Transcript, speaker_of: Callable[[str | None], str]) -> dict[str, Voice]:
    """The baselines of every speaker who says a word.

    Loudness and pitch are the analysis's own baselines where it has them, else taken from the words.
    """
    recorded = {speaker_of(speaker.id): speaker for speaker in transcript.speakers}
    said: dict[str, list[Heard]] = {}
    for segment in transcript.segments:
        said.setdefault(speaker_of(segment.speaker), []).extend(map(heard, segment.words))
    return {name: _voice(words, recorded.get(name)) for name, words in said.items()}


def heard(word: Word) -> Heard:
    """How ``word`` sounds."""
    features = word.features or Features()
    spoken_s, letters = word.end_s - word.start_s, sum(map(str.isalnum, word.text))
    return Heard(
        features.volume_db,
        _semitones(features.pitch_hz),
        _semitones(features.spectral_centroid),
        math.log2(spoken_s / max(letters, 1)) if spoken_s >= _SHORTEST_S else None,
    )


def usual(values: Iterable[float | None]) -> Usual:
    """Median and robust spread of what was measured."""
    known = [value for value in values if value is not None and abs(value) < _LARGEST]
    if not known:
        return Usual(None, 0.0, 0)
    middle = median(known)
    return Usual(middle, _MAD_TO_SPREAD * median(abs(value - middle) for value in known), len(known))


def emphasis(axis: Axis, value: float | None, usual: Usual) -> float:
    """Where ``value`` puts a word on ``axis``, for a speaker whose ``usual`` is in the same unit."""
    if value is None or not abs(value) < _LARGEST:
        return _rounded(axis.rest, axis.step)
    deviation = usual.deviation(value, axis)
    if deviation >= 0:
        share, end = _beyond(deviation, axis.dead_above, axis.full_above), axis.above
    else:
        share, end = _beyond(-deviation, axis.dead_below, axis.full_below), axis.below
    return _rounded(axis.rest + (end - axis.rest) * share, axis.step)


def _voice(words: Sequence[Heard], recorded: Speaker | None) -> Voice:
    loudness, pitch = usual(word.loudness for word in words), usual(word.pitch for word in words)
    if recorded is not None:
        said = recorded.total_duration_s * _WORDS_PER_S
        loudness = _recorded(recorded.volume_db, max(said, loudness.words)) or loudness
        pitch = _recorded(_in_semitones(recorded.pitch_hz), max(said, pitch.words)) or pitch
    timbre, duration = usual(word.timbre for word in words), usual(word.duration for word in words)
    return Voice(loudness, pitch, timbre, duration)


def _recorded(baseline: Baseline, words: float) -> Usual | None:
    """A baseline of the analysis; ``None`` where it has none."""
    if baseline.median is None or not abs(baseline.median) < _LARGEST:
        return None
    spread = baseline.spread or 0.0
    return Usual(baseline.median, spread if 0 <= spread < _LARGEST else 0.0, words)


def _in_semitones(baseline: Baseline) -> Baseline:
    """A baseline in hertz as one in semitones."""
    middle = _semitones(baseline.median)
    if middle is None or not baseline.median:
        return Baseline(None, None)
    return Baseline(middle, 12 * math.log2(1 + max(baseline.spread or 0.0, 0.0) / baseline.median))


def _beyond(deviation: float, dead: float, full: float) -> float:
    """How far ``deviation`` is from the edge of the dead zone to its full effect, 0..1."""
    return min(max((deviation - dead) / max(full - dead, 1e-9), 0.0), 1.0)


def _rounded(value: float, step: float) -> float:
    # Few distinct values also mean few instances of the variable font to rasterise.
    return round(round(value / step) * step, 6)


def _semitones(frequency_hz: float | None) -> float | None:
    if not frequency_hz or not math.isfinite(frequency_hz) or frequency_hz < 0:
        return None
    return 12 * math.log2(frequency_hz)
