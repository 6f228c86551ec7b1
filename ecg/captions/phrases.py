"""Gather one speaker's words into phrases to be shown together: neither torn sentences nor single words.

A long pause always ends a phrase. Between pauses the split is the cheapest over the whole stretch of
speech (dynamic programming), so that an early choice never leaves a lonely word at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ecg.captions.lines import INSIDE, TORN, Filling, LineLimits, Unit, tear, units
from ecg.captions.scenario import CueWord
from ecg.captions.style import Phrasing

_PER_PHRASE = 1.0  # fewer phrases are better, all else equal
_PER_MISSING_WORD = 0.7  # a phrase shorter than the style's least
_SENTENCE_INSIDE = 2.0  # a sentence that ends in the middle of a phrase
_PAUSE_RELIEF_PER_S = 10.0  # a pause makes a break cheaper
_WIDE_CHARS_PER_WORD = 2.5  # tokens of unspaced scripts are pieces of words
_FEWEST_ALONE = 4  # words a phrase must have to be parted off for the sake of a line
_TOO_BRIEF = 6.0  # a phrase that the next one takes the place of after less than
_BRIEFEST_S = 0.8
_LONGEST_S = 7.0  # a caption that stays longer is read twice


def phrases(
    words: Sequence[CueWord], phrasing: Phrasing, limits: LineLimits, language: str
) -> list[tuple[Unit, ...]]:
    """Split the words of one speaker, in the order they are said, into phrases; each word is in one."""
    found = []
    for stretch in _between_pauses(units(words, limits, language), phrasing.pause_s):
        for start, end in _cheapest_edges(stretch, phrasing, limits):
            found += _untorn(tuple(stretch[start:end]), limits)
    return found


def _untorn(row: tuple[Unit, ...], limits: LineLimits) -> list[tuple[Unit, ...]]:
    """``row`` in two where a line would part what belongs together, if that helps: rather a short phrase."""
    cost = tear(row, limits)
    if cost < TORN:
        return [row]
    # For a name two words may stand alone, for an article not.
    least = 1 if cost >= INSIDE else _FEWEST_ALONE
    halves = [
        (max(row[at].seam, tear(row[:at], limits), tear(row[at:], limits)), abs(2 * at - len(row)), at)
        for at in range(least, len(row) - least + 1)
    ]
    worst, _, at = min(halves, default=(cost, 0, 0))
    return [row[:at], row[at:]] if worst < cost else [row]


def _between_pauses(row: Sequence[Unit], pause_s: float) -> Iterator[Sequence[Unit]]:
    start = 0
    for index in range(1, len(row)):
        before, unit = row[index - 1], row[index]
        # A leap back in time is a break, too: nobody says two things at once.
        if unit.start_s - before.end_s >= pause_s or before.start_s - unit.start_s >= pause_s:
            yield row[start:index]
            start = index
    if row:
        yield row[start:]


def _cheapest_edges(row: Sequence[Unit], phrasing: Phrasing, limits: LineLimits) -> list[tuple[int, int]]:
    """Start and end of each phrase. ``best[end]`` is the least cost of splitting ``row[:end]``."""
    weights = _reading_weights(row)
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(row) + 1):
        seam = _seam(row, end)
        best.append(min(
            (best[start][0] + seam + cost, start)
            for start, cost in _starts(row, weights, end, phrasing, limits)
        ))  # fmt: skip
    return _walk_back(best)


def _starts(
    row: Sequence[Unit], weights: Sequence[float], end: int, phrasing: Phrasing, limits: LineLimits
) -> Iterator[tuple[int, float]]:
    """Where a phrase that ends before ``end`` may start, and what it then costs."""
    filling, count, sentence_inside = Filling(limits), 0.0, False
    last_s = row[end - 1].end_s
    gone_s = row[end].start_s if end < len(row) else math.inf
    for start in range(end - 1, -1, -1):
        unit, last = row[start], start == end - 1
        count += weights[start]
        sentence_inside |= unit.closes and not last
        fits = filling.takes(unit) and count <= phrasing.max_words and last_s - unit.start_s <= _LONGEST_S
        if not fits and not last:
            return
        brief = gone_s - unit.start_s < _BRIEFEST_S
        yield start, _cost_of(count, sentence_inside, phrasing) + _TOO_BRIEF * brief


def _walk_back(best: list[tuple[float, int]]) -> list[tuple[int, int]]:
    edges, end = [], len(best) - 1
    while end:
        start = best[end][1]
        edges.append((start, end))
        end = start
    return edges[::-1]


def _seam(row: Sequence[Unit], end: int) -> float:
    if end == len(row):
        return 0.0
    pause_s = row[end].start_s - row[end - 1].end_s
    # Words that overlap would stand in two boxes at once.
    overlap = TORN if pause_s < 0 else 0.0
    return max(row[end].seam - _PAUSE_RELIEF_PER_S * max(pause_s, 0.0), 0.0) + overlap


def _cost_of(count: float, sentence_inside: bool, phrasing: Phrasing) -> float:
    missing = max(phrasing.min_words - count, 0.0)
    return _PER_PHRASE + _PER_MISSING_WORD * missing + _SENTENCE_INSIDE * sentence_inside


def _reading_weights(row: Sequence[Unit]) -> list[float]:
    """How much of a word each unit is to a reader."""
    joined = [unit.words[0].glued or later.words[0].glued for unit, later in pairwise((*row, row[-1]))]
    return [
        min(sum(len(word.text) for word in unit.words) / _WIDE_CHARS_PER_WORD, 1.0) if pieces else 1.0
        for unit, pieces in zip(row, joined, strict=True)
    ]
