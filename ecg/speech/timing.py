"""Every word gets a time: pure repairs of what an aligner hands over, each one marked.

An aligner leaves words without a time (the text does not fit the sound, a sign is not in its alphabet),
gives several words the same time, or stretches a word over the silence after it. `repaired` mends these
and nothing else: a word that no `Mark` names keeps its time to the last digit.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby

import numpy as np

from ecg.speech.sounding import Loudness
from ecg.speech.waveform import Samples
from ecg.transcript import Mark, MarkKind, Segment, Word, glued

# A word is laid on this much time or more where there is room, and on the narrower one before a
# neighbour with a measured time is touched: two pictures of a film, one frame of an alignment model.
_USUAL_S, _NARROW_S = 0.08, 0.02
# The longest a word of so many letters is laid on.
_SLOWEST_S_PER_LETTER, _SLOWEST_S = 0.2, 0.4
# A silence this long at a word's edge is no part of it; inside, only a far longer one parts it, because
# "2026-11-20" is one word that is spoken with pauses.
_PAUSE_S, _BREAK_S = 0.3, 1.0
# Soft beginnings and endings of a word lie below the level that counts as sound.
_MARGIN_S = 0.06


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was heard between two times, in seconds."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One word as an aligner hands it over. ``score``: how well it fits the sound, 0..1.

    Without a score its time is not measured: it is borrowed from a neighbour or laid.
    """

    text: str
    start_s: float | None
    end_s: float | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class AlignedSegment:
    """A sentence as an aligner hands it over; without words where its alignment failed.

    ``text``: as written (where empty: the words joined). ``source``: index of the `Spoken` it is from.
    """

    start_s: float
    end_s: float
    words: tuple[TimedWord, ...]
    text: str = ""
    source: int | None = None


def repaired(segments: Sequence[AlignedSegment], samples: Samples | None) -> tuple[Segment, ...]:
    """The segments, in order of time, with a time for every word: each word ends before the next starts.

    Words are rebuilt so that joined they are the segment's text. Untimed words are laid between their
    neighbours, by how long they are to say and where there is sound (``samples``: int16 at 16 kHz), and
    words with a silence at an edge are shortened (only with ``samples``). Segments without text are left
    out. Where the neighbours leave no room, one of them is laid anew too.
    """
    written = [(segment, words) for segment in segments if (words := _rebuilt(segment))]
    places = [_Place(word, segment) for segment, words in written for word in words]
    loudness = None if samples is None else Loudness(samples)
    _trust(places, lambda word: word.score is not None)
    _trust(places, lambda word: word.score is None)
    for first, last in _untimed_runs(places):
        _lay_run(places, first, last, loudness)
    if loudness:
        _shorten(places, loudness)
    ends = accumulate(len(words) for _, words in written)
    return tuple(
        _segment(places[end - len(words) : end]) for (_, words), end in zip(written, ends, strict=True)
    )


@dataclass(slots=True)
class _Place:
    """A word of a segment on its way to a time; ``mended``: what was done to it."""

    word: TimedWord
    segment: AlignedSegment
    start_s: float = math.nan
    end_s: float = math.nan
    mended: MarkKind | None = None

    @property
    def timed(self) -> bool:
        return not math.isnan(self.start_s)


def _segment(places: Sequence[_Place]) -> Segment:
    marks = []
    for kind, group in groupby(places, key=lambda place: place.mended):
        if kind is not None:
            words = tuple(map(_word, group))
            start_s, end_s = words[0].start_s, words[-1].end_s
            marks.append(Mark(kind, start_s, end_s, Segment(start_s, end_s, words).text))
    words = tuple(map(_word, places))
    return Segment(words[0].start_s, words[-1].end_s, words, marks=tuple(marks))


def _word(place: _Place) -> Word:
    score = place.word.score
    confidence = None if score is None or math.isnan(score) else min(1.0, max(0.0, score))
    return Word(place.word.text, place.start_s, place.end_s, confidence)


# --- words and text ---------------------------------------------------------------------------------


def _rebuilt(segment: AlignedSegment) -> list[TimedWord]:
    """The segment's words such that joined, with spaces where their script has them, they are its text.

    Aligners of Japanese and Chinese hand over characters; those of a foreign word are put together.
    """
    words: list[TimedWord] = []
    end = 0
    for word in segment.words:
        text = word.text.strip()
        start = segment.text.find(text, end)
        if not text:
            continue
        if words and start == end and not glued(words[-1].text, text):
            words[-1] = _together(words[-1], replace(word, text=text))
        else:
            words.append(replace(word, text=text))
        end = start + len(text) if start >= 0 else end
    return words or [TimedWord(text, None, None) for text in _words_of(segment.text)]


def _words_of(text: str) -> list[str]:
    """Words as written: parted by spaces, and between the characters of scripts that have none."""
    words: list[str] = []
    for token in text.split():
        words.append(token[0])
        for char in token[1:]:
            if glued(words[-1], char):
                words.append(char)
            else:
                words[-1] += char
    return words


def _together(first: TimedWord, second: TimedWord) -> TimedWord:
    """One word of two that touch."""
    times = [time for time in (_time(first), _time(second)) if time]
    scores = [word.score for word in (first, second) if word.score is not None]
    return TimedWord(
        first.text + second.text,
        times[0][0] if times else None,
        times[-1][1] if times else None,
        sum(scores) / len(scores) if times and scores else None,
    )


def _spoken_length(text: str) -> float:
    """About how long a word is to say, in letters: a digit is a word, a syllable sign two letters."""
    return max(1.0, sum(map(_letters, text)))


_SYLLABLES = ("HANGUL", "CJK", "HIRAGANA", "KATAKANA")


def _letters(char: str) -> float:
    if char.isdigit():
        return 4.0
    if char.isalpha():
        return 2.0 if unicodedata.name(char, "").startswith(_SYLLABLES) else 1.0
    return 3.0 if unicodedata.category(char) in ("Sc", "Sm") or char in "%@&#" else 0.0


# --- which times to keep ----------------------------------------------------------------------------


def _time(word: TimedWord) -> tuple[float, float] | None:
    """Start and end in seconds, if the word has them and they are possible."""
    if word.start_s is None or word.end_s is None or not 0.0 <= word.start_s < word.end_s < math.inf:
        return None
    return float(word.start_s), float(word.end_s)


def _trust(places: Sequence[_Place], whom: Callable[[TimedWord], bool]) -> None:
    """Keep as many times as are in order, of the words asked for, between those kept before."""
    kept_before = accumulate((p.end_s if p.timed else 0.0 for p in places), max, initial=0.0)
    from_the_end = (p.start_s if p.timed else math.inf for p in reversed(places))
    kept_after = list(accumulate(from_the_end, min, initial=math.inf))[-2::-1]
    spans = []
    for place, least_s, most_s in zip(places, kept_before, kept_after, strict=False):
        time = _time(place.word)
        if time and not place.timed and whom(place.word) and least_s <= time[0] and time[1] <= most_s:
            spans.append((*time, place))
    for start_s, end_s, place in _most_in_order(spans):
        place.start_s, place.end_s = start_s, end_s


def _most_in_order(spans: Sequence[tuple[float, float, _Place]]) -> list[tuple[float, float, _Place]]:
    """The most spans of which each ends before the next one starts, kept in their order.

    Of chains of the same length the one that ends first is followed, so this is n log n.
    """
    ends: list[float] = []  # of the best chain of each length
    tails: list[int] = []
    before: list[int] = []
    for index, (start_s, end_s, _) in enumerate(spans):
        length = bisect_right(ends, start_s)
        before.append(tails[length - 1] if length else -1)
        if length == len(ends):
            ends.append(end_s)
            tails.append(index)
        elif end_s < ends[length]:
            ends[length], tails[length] = end_s, index
    chain = []
    index = tails[-1] if tails else -1
    while index >= 0:
        chain.append(spans[index])
        index = before[index]
    return chain[::-1]


# --- laying words without a time ----------------------------------------------------------------------


def _untimed_runs(places: Sequence[_Place]) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) index of each run of words without a time, as they are met."""
    index = 0
    while index < len(places):
        first = index
        while index < len(places) and not places[index].timed:
            index += 1
        if index > first:
            yield first, index
        index += 1


def _lay_run(places: Sequence[_Place], first: int, last: int, loudness: Loudness | None) -> None:
    """Give the words ``first`` to ``last`` (exclusive) times between their neighbours."""
    duration_s = loudness.duration_s if loudness else math.inf
    before_s, after_s = _room(places, first, last, duration_s)
    while after_s - before_s < (last - first) * _NARROW_S:
        first, last = _with_a_neighbour(places, first, last)
        before_s, after_s = _room(places, first, last, duration_s)
    groups = [list(group) for _, group in groupby(places[first:last], key=lambda place: id(place.segment))]
    waiting = last - first
    for group in groups:
        waiting -= len(group)
        share_s = min(_USUAL_S, (after_s - before_s) / (len(group) + waiting))
        start_s, end_s = _window(group, before_s, after_s - waiting * share_s, share_s)
        _lay(group, start_s, end_s, loudness)
        before_s = group[-1].end_s


def _room(places: Sequence[_Place], first: int, last: int, duration_s: float) -> tuple[float, float]:
    """From the end of the word before to the start of the word after, in seconds."""
    before_s = places[first - 1].end_s if first else 0.0
    if last < len(places):
        return before_s, places[last].start_s
    return before_s, max(duration_s, before_s + (last - first) * _USUAL_S)


def _with_a_neighbour(places: Sequence[_Place], first: int, last: int) -> tuple[int, int]:
    """The run with one more word to lay anew: one of the same segment if there is one, the longer one."""

    def worth(index: int, beside: int) -> tuple[bool, float]:
        place = places[index]
        return place.segment is places[beside].segment, place.end_s - place.start_s

    if first > 0 and (last == len(places) or worth(first - 1, first) >= worth(last, last - 1)):
        return first - 1, last
    last += 1
    while last < len(places) and not places[last].timed:
        last += 1
    return first, last


def _window(group: Sequence[_Place], least_s: float, most_s: float, share_s: float) -> tuple[float, float]:
    """Where the words of one segment may lie: inside it, or beyond it as far as they need."""
    segment, need_s = group[0].segment, len(group) * share_s
    start_s, end_s = max(least_s, segment.start_s), min(most_s, segment.end_s)
    if end_s - start_s < need_s:
        end_s = min(most_s, start_s + need_s)
        start_s = max(least_s, end_s - need_s)
    return start_s, end_s


def _lay(group: Sequence[_Place], start_s: float, end_s: float, loudness: Loudness | None) -> None:
    """Spread words over a span, by how long they are to say, over the sound in it if there is enough."""
    edges, sounding = np.array([start_s, end_s]), np.array([True])
    if loudness:
        edges, sounding = loudness.between(start_s, end_s)
    lengths = np.diff(edges) * sounding
    if lengths.sum() < len(group) * _NARROW_S:
        lengths = np.diff(edges)
    clock = np.append(0.0, np.cumsum(lengths))
    to_say = np.array([_spoken_length(place.word.text) for place in group])
    # Half by length, half alike: so that even beside a very long word a short one can be seen.
    shares = 0.5 / len(group) + 0.5 * to_say / to_say.sum()
    marks = np.append(0.0, np.cumsum(shares)) * clock[-1]
    marks[-1] = clock[-1]
    free_s = start_s
    for place, letters, begin, end in zip(group, to_say, marks, marks[1:], strict=False):
        left = int(np.searchsorted(clock, begin, "right")) - 1
        right = int(np.searchsorted(clock, end, "left"))
        # One mark, reckoned from either side, may be rounded to two times.
        place.start_s = max(free_s, round(float(edges[left] + begin - clock[left]), 3))
        longest_s = max(_SLOWEST_S, letters * _SLOWEST_S_PER_LETTER)
        latest_s = float(edges[right] + end - clock[right])
        place.end_s = free_s = min(end_s, round(min(latest_s, place.start_s + longest_s), 3))
        place.mended = MarkKind.ESTIMATED_TIME


# --- words stretched over silence -----------------------------------------------------------------------


def _shorten(places: Sequence[_Place], loudness: Loudness) -> None:
    for place in places:
        start_s, end_s = _without_silence(place.start_s, place.end_s, loudness)
        if (start_s, end_s) != (place.start_s, place.end_s):
            place.start_s, place.end_s = start_s, end_s
            place.mended = place.mended or MarkKind.SHORTENED


def _without_silence(start_s: float, end_s: float, loudness: Loudness) -> tuple[float, float]:
    """The span without silences at its edges; of parts with a long silence between, the longest one."""
    if end_s - start_s <= _PAUSE_S:
        return start_s, end_s
    edges, sounding = loudness.between(start_s, end_s)
    borders = np.flatnonzero(np.diff(np.concatenate(([0], sounding.astype(np.int8), [0]))))
    runs = edges[borders].reshape(-1, 2).tolist()
    if not runs:
        return start_s, end_s
    parts = [runs[0]]
    for run in runs[1:]:
        if run[0] - parts[-1][1] < _BREAK_S:
            parts[-1] = [parts[-1][0], run[1]]
        else:
            parts.append(run)
    first_s, last_s = max(parts, key=lambda part: part[1] - part[0])
    if first_s - start_s >= _PAUSE_S:
        start_s = round(first_s - _MARGIN_S, 3)
    if end_s - last_s >= _PAUSE_S:
        end_s = round(last_s + _MARGIN_S, 3)
    return start_s, end_s
