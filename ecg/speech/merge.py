"""Words, turns and tracks become one transcript. Pure: the same parts give the same transcript."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecg.speech.engine import Recognized
from ecg.speech.prosody import Tracks
from ecg.speech.word_speakers import Labelled, label_words
from ecg.transcript import UNKNOWN_SPEAKER, Baseline, Features, Mark, Segment, Speaker, Transcript, Turn, Word

_SHORTEST_WORD_S = 0.02
# Makes the median absolute deviation of a normal distribution its standard deviation.
_MAD_TO_SD = 1.4826


def merge(
    recognized: Recognized,
    turns: tuple[Turn, ...] | None,
    tracks: Tracks,
    duration_s: float,
    metadata: Mapping[str, Any],
) -> Transcript:
    """One transcript out of what was recognised, who spoke when, and how it sounded.

    Segments are parted where the speaker changes. Every word starts before it ends, inside
    ``duration_s``, and not before the one ahead of it ends; ``metadata["words_retimed"]`` counts those
    that had to be moved for it. ``turns`` is ``None`` when finding the speakers failed: all words then
    carry `UNKNOWN_SPEAKER`, and a warning says so.
    """
    segments, moved = _timed(recognized.segments, duration_s)
    parted = [part for segment in segments for part in _by_speaker(segment, turns or ())]
    measured = _measured(parted, tracks)
    return Transcript(
        segments=tuple(measured),
        speakers=_speakers(measured),
        language=recognized.language,
        duration_s=duration_s,
        metadata={**recognized.metadata, **metadata, "words_retimed": moved},
        warnings=(*recognized.warnings, *_warnings(turns, segments)),
    )


def _warnings(turns: tuple[Turn, ...] | None, segments: Sequence[Segment]) -> Iterable[str]:
    if all(segment.speaker for segment in segments):
        return
    if turns is None:
        yield f"The speakers could not be told apart; every word is under {UNKNOWN_SPEAKER}."
    elif not turns:
        yield f"No speaker's turns were found; every word is under {UNKNOWN_SPEAKER}."


def _timed(segments: Sequence[Segment], duration_s: float) -> tuple[list[Segment], int]:
    """The segments with words that are in order and inside the media, and how many words were moved."""
    ordered = sorted(segments, key=lambda segment: segment.start_s)
    words = [word for segment in ordered for word in segment.words]
    mended = _in_order(words, duration_s)
    moved = sum(old != new for old, new in zip(words, mended, strict=True))
    rest = iter(mended)
    return [replace(s, words=tuple(next(rest) for _ in s.words)) for s in ordered if s.words], moved


def _in_order(words: Sequence[Word], duration_s: float) -> list[Word]:
    shortest = min(_SHORTEST_WORD_S, duration_s / (len(words) + 1))
    spans = [[word.start_s, word.end_s] for word in words]
    clock = 0.0
    for span in spans:
        span[0] = max(span[0], clock)
        clock = span[0] + shortest
    limit = duration_s
    for span in reversed(spans):
        span[0] = min(span[0], limit - shortest)
        span[1] = min(max(span[1], span[0] + shortest), limit)
        limit = span[0]
    return [replace(word, start_s=start, end_s=end) for word, (start, end) in zip(words, spans, strict=True)]


def _by_speaker(segment: Segment, turns: Sequence[Turn]) -> list[Segment]:
    """The segment in parts of one speaker each; one whose speaker was given is left whole."""
    if segment.speaker is not None:
        return [segment]
    parts: list[list[Labelled]] = []
    for labelled in label_words(segment.words, turns):
        if not parts or parts[-1][-1].speaker != labelled.speaker:
            parts.append([])
        parts[-1].append(labelled)
    starts_s = [part[0].word.start_s for part in parts]
    marks: list[list[Mark]] = [[] for _ in parts]
    for mark in segment.marks:
        marks[max(0, bisect_right(starts_s, mark.start_s) - 1)].append(mark)
    return [_part(part, tuple(own)) for part, own in zip(parts, marks, strict=True)]


def _part(part: Sequence[Labelled], marks: tuple[Mark, ...]) -> Segment:
    words = tuple(labelled.word for labelled in part)
    speaker, confidence = part[0].speaker, _confidence(part)
    return Segment(words[0].start_s, words[-1].end_s, words, speaker, confidence, marks=marks)


def _confidence(part: Sequence[Labelled]) -> float | None:
    """Share of the words' time that lies in their speaker's turns."""
    covered = [labelled.covered_s for labelled in part if labelled.covered_s is not None]
    spoken_s = sum(labelled.word.end_s - labelled.word.start_s for labelled in part)
    return min(1.0, sum(covered) / spoken_s) if covered else None


def _measured(segments: Sequence[Segment], tracks: Tracks) -> list[Segment]:
    """The segments with the features of their words and of themselves."""
    measured, clock = [], 0.0
    for segment in segments:
        starts = (clock, *(word.end_s for word in segment.words))
        words = tuple(
            replace(word, features=_features(tracks, word, before))
            for word, before in zip(segment.words, starts, strict=False)
        )
        measured.append(replace(segment, words=words, features=_features(tracks, segment, clock)))
        clock = segment.end_s
    return measured


def _features(tracks: Tracks, span: Word | Segment, silent_since_s: float) -> Features:
    features = tracks.features(span.start_s, span.end_s)
    return replace(features, pause_before_s=max(0.0, span.start_s - silent_since_s))


def _speakers(segments: Sequence[Segment]) -> tuple[Speaker, ...]:
    """Each speaker with what is normal for the voice, in order of first appearance."""
    by_speaker: dict[str, list[Segment]] = defaultdict(list)
    for segment in segments:
        by_speaker[segment.speaker or UNKNOWN_SPEAKER].append(segment)
    return tuple(_speaker(name, spoken) for name, spoken in by_speaker.items())


def _speaker(name: str, segments: Sequence[Segment]) -> Speaker:
    features = [word.features for segment in segments for word in segment.words if word.features]
    return Speaker(
        name,
        sum(segment.end_s - segment.start_s for segment in segments),
        len(segments),
        _baseline([f.volume_db for f in features]),
        _baseline([f.pitch_hz for f in features]),
    )


def _baseline(values: Sequence[float | None]) -> Baseline:
    known = [value for value in values if value is not None]
    if not known:
        return Baseline(None, None)
    median = statistics.median(known)
    return Baseline(median, _MAD_TO_SD * statistics.median(abs(value - median) for value in known))
