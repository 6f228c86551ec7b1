"""Captions as their user has edited them: the words, and how they are to look.

A draft begins as a transcript (`Draft.of`), takes what its user sends (`Draft.changed`) and is drawn as the
scenario that it composes (`Draft.composed`).
"""

# ruff: noqa: RUF009 - `holds` makes a dataclass field, not a shared default

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ecg.captions import fields
from ecg.captions.composer import compose
from ecg.captions.fields import COLOR, Items, Maybe, Number, Record, Table, Text, Unread, holds, wrong
from ecg.captions.scenario import LONGEST_WORD, MOST_MARKS, Scenario, piled_marks
from ecg.captions.style import DEFAULT_STYLE, Style
from ecg.transcript import Baseline, Features, Mark, MarkKind, Segment, Speaker, Transcript, Word

#: Of one draft; a three-hour film has a third of it.
MOST_WORDS = 100_000
MOST_SPEAKERS = 1000

_TIME = Number(0, 9_000_000)
_MEASURE, _SHARE = Maybe(Number(-1e6, 1e6)), Maybe(Number(0, 1))
_NAME = Text(longest=1000)
_UNMEASURED = Baseline(None, None)
_DECIMALS = 3


@dataclass(frozen=True)
class _Sound:
    volume_db: float | None = holds(_MEASURE, None)
    pitch_hz: float | None = holds(_MEASURE, None)
    voiced_share: float | None = holds(_SHARE, None)
    spectral_centroid: float | None = holds(_MEASURE, None)
    mfcc: None = holds(Unread(), None)
    speaking_rate: float | None = holds(_MEASURE, None)
    pause_before_s: float | None = holds(_MEASURE, None)


@dataclass(frozen=True)
class _Word:
    word: str = holds(Text(longest=LONGEST_WORD))
    start: float = holds(_TIME)
    end: float = holds(_TIME)
    confidence: float | None = holds(_SHARE, None)
    acoustic_features: _Sound | None = holds(Maybe(Record(_Sound)), None)


@dataclass(frozen=True)
class _Mark:
    kind: str = holds(Text("|".join(MarkKind), f"one of {', '.join(MarkKind)}"))
    start: float = holds(_TIME)
    end: float = holds(_TIME)
    text: str = holds(Text(r"[\s\S]*", "text", longest=10_000), "")


@dataclass(frozen=True)
class _Label:
    speaker_id: str | None = holds(Maybe(_NAME), None)
    confidence: float | None = holds(_SHARE, None)


@dataclass(frozen=True)
class _Segment:
    start: float = holds(_TIME)
    end: float = holds(_TIME)
    words: tuple[_Word, ...] = holds(Items(Record(_Word), least=1, most=MOST_WORDS))
    speaker: _Label | None = holds(Maybe(Record(_Label)), None)
    acoustic_features: _Sound | None = holds(Maybe(Record(_Sound)), None)
    warnings: tuple[_Mark, ...] = holds(Items(Record(_Mark), most=1000), ())
    text: None = holds(Unread(), None)


@dataclass(frozen=True)
class _Baseline:
    median: float | None = holds(_MEASURE, None)
    spread: float | None = holds(_MEASURE, None)


@dataclass(frozen=True)
class _Speaker:
    volume_db: _Baseline = holds(Record(_Baseline), _Baseline())
    pitch_hz: _Baseline = holds(Record(_Baseline), _Baseline())
    total_duration: None = holds(Unread(), None)
    segment_count: None = holds(Unread(), None)


@dataclass(frozen=True)
class _Transcript:
    """What is read of a transcript that a user sends: the form is that of an analysis."""

    segments: tuple[_Segment, ...] = holds(Items(Record(_Segment), most=MOST_WORDS))
    speakers: Mapping[str, _Speaker] | None = holds(Maybe(Table(Record(_Speaker), MOST_SPEAKERS)), None)
    language: str = holds(Text(longest=35), "und")
    version: None = holds(Unread(), None)
    text: None = holds(Unread(), None)
    duration: None = holds(Unread(), None)
    metadata: None = holds(Unread(), None)
    warnings: None = holds(Unread(), None)


@dataclass(frozen=True)
class Draft:
    """``style``: the name of one, or the style itself. ``colors``: of speakers, in place of the style's.
    ``scenario``: what is drawn exactly as it is, whatever the rest says."""

    transcript: Transcript
    style: str | Style = DEFAULT_STYLE
    strength: float = 1.0
    colors: Mapping[str, str] = field(default_factory=dict)
    scenario: Scenario | None = None

    @classmethod
    def of(cls, transcript: Transcript) -> Draft:
        """A draft that nobody has edited yet."""
        segments = sorted(map(_settled, transcript.segments), key=lambda segment: segment.start_s)
        known = {speaker.id: (speaker.volume_db, speaker.pitch_hz) for speaker in transcript.speakers}
        return cls(replace(transcript, segments=tuple(segments), speakers=_speakers(segments, known)))

    def changed(self, sent: Mapping[str, Any]) -> Draft:
        """The draft with the fields of ``sent`` in place of its own, the others as they are.

        Raises `InvalidScenario` that names the first wrong value.
        """
        changes = {name: _READERS[name](value) for name, value in sent.items()}
        if "transcript" in changes:
            changes["transcript"] = _edited(self.transcript, changes["transcript"])
        return replace(self, **changes)

    def composed(self, style: Style, width: int, height: int) -> Scenario:
        """The captions for a picture of ``width`` × ``height``; ``style``: the one meant, in its strength."""
        if self.scenario is not None:
            return self.scenario
        scenario = compose(self.transcript, style, width, height)
        speakers = {
            name: replace(speaker, color=self.colors.get(name, speaker.color))
            for name, speaker in scenario.speakers.items()
        }
        return replace(scenario, speakers=speakers)

    def to_json(self) -> dict[str, Any]:
        return {
            "transcript": self.transcript.to_json(),
            "style": self.style if isinstance(self.style, str) else self.style.to_json(),
            "strength": self.strength,
            "colors": dict(self.colors),
            "scenario": self.scenario.to_json() if self.scenario else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Draft:
        """A draft as `to_json` wrote it."""
        others = {name: _READERS[name](data[name]) for name in data if name != "transcript"}
        return cls(Transcript.from_json(data["transcript"]), **others)


def _style(value: Any) -> str | Style:
    if isinstance(value, str):
        return _NAME.read(value, "style") or ""
    return fields.read(Style, value, "style")


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "transcript": lambda value: fields.read(_Transcript, value, "transcript"),
    "style": _style,
    "strength": lambda value: Number(0, 1).read(value, "strength"),
    "colors": lambda value: Table(COLOR, MOST_SPEAKERS).read(value, "colors"),
    "scenario": lambda value: None if value is None else Scenario.from_json(value),
}


def _edited(before: Transcript, sent: _Transcript) -> Transcript:
    """The transcript with the words, speakers and language sent; the rest tells how it was made."""
    _check_order(sent.segments)
    segments = [_segment(segment) for segment in sent.segments]
    known = {
        name: (_baseline(speaker.volume_db), _baseline(speaker.pitch_hz))
        for name, speaker in (sent.speakers or {}).items()
    }
    speakers = _speakers(segments, known)
    return replace(before, segments=tuple(segments), speakers=speakers, language=sent.language)


def _check_order(segments: Sequence[_Segment]) -> None:
    words, before_s = 0, 0.0
    for number, segment in enumerate(segments):
        path = f"transcript.segments[{number}]"
        if segment.start < before_s:
            raise wrong(f"{path}.start", f"must not be before the segment ahead of it starts ({before_s})")
        if segment.end < segment.start:
            raise wrong(f"{path}.end", f"must not be before start ({segment.start})")
        _check_words(segment, path)
        before_s, words = segment.start, words + len(segment.words)
        if words > MOST_WORDS:
            raise wrong("transcript.segments", f"must have at most {MOST_WORDS} words in all")


def _check_words(segment: _Segment, path: str) -> None:
    before_s = segment.start
    for number, word in enumerate(segment.words):
        at = f"{path}.words[{number}]"
        if word.start < before_s:
            raise wrong(f"{at}.start", f"must not be before the segment, or the word ahead of it, starts "
                        f"({before_s})")  # fmt: skip
        if word.end < word.start:
            raise wrong(f"{at}.end", f"must not be before start ({word.start})")
        if word.end > segment.end:
            raise wrong(f"{at}.end", f"must not be after the segment ends ({segment.end})")
        if not word.word.isascii() and (marks := piled_marks(word.word)) > MOST_MARKS:
            raise wrong(f"{at}.word", f"must have at most {MOST_MARKS} accents on a letter, not {marks}")
        before_s = word.start


def _segment(sent: _Segment) -> Segment:
    label = sent.speaker or _Label()
    marks = (Mark(MarkKind(mark.kind), mark.start, mark.end, mark.text) for mark in sent.warnings)
    words = (
        Word(word.word, word.start, word.end, word.confidence, _features(word.acoustic_features))
        for word in sent.words
    )
    return Segment(sent.start, sent.end, tuple(words), label.speaker_id, label.confidence,
                   _features(sent.acoustic_features), tuple(marks))  # fmt: skip


def _features(sound: _Sound | None) -> Features | None:
    return Features(**vars(sound)) if sound else None


def _baseline(sent: _Baseline) -> Baseline:
    return Baseline(sent.median, sent.spread)


def _settled(segment: Segment) -> Segment:
    """A segment that keeps to the rules of edited ones; its features are `_light`."""
    words = tuple(replace(word, features=_light(word.features)) for word in segment.words)
    start_s = min([segment.start_s, *(word.start_s for word in words)])
    end_s = max([segment.end_s, *(word.end_s for word in words)])
    return replace(segment, start_s=start_s, end_s=end_s, words=words, features=_light(segment.features))


def _light(features: Features | None) -> Features | None:
    """Features as finely as they are shown, and without the MFCC, which are not: a draft of hours is sent
    with each save."""
    if features is None:
        return None
    measured = {name: value for name, value in features.to_json().items() if isinstance(value, int | float)}
    return Features.from_json({name: round(value, _DECIMALS) for name, value in measured.items()})


def _speakers(
    segments: Iterable[Segment], known: Mapping[str, tuple[Baseline, Baseline]]
) -> tuple[Speaker, ...]:
    """Who speaks in the segments, with the baselines of loudness and pitch that are known."""
    lengths_s: dict[str, list[float]] = {}
    for segment in segments:
        if segment.speaker is not None:
            lengths_s.setdefault(segment.speaker, []).append(segment.end_s - segment.start_s)
    return tuple(
        Speaker(name, round(sum(found), 3), len(found), *known.get(name, (_UNMEASURED, _UNMEASURED)))
        for name, found in lengths_s.items()
    )
