"""Gather one speaker's words into phrases to be shown together: neither torn sentences nor single words.

A long pause always ends a phrase. Between pauses the split is the cheapest over the whole stretch of
speech (dynamic programming), so that an early choice never leaves a lonely word at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ecg.captions.lines import Filling, LineLimits, ends_sentence, seam_cost
from ecg.captions.scenario import CueWord
from ecg.captions.style import Phrasing

_PER_PHRASE = 1.0  # fewer phrases are better, all else equal
_PER_MISSING_WORD = 0.7  # a phrase shorter than the style's least
_SENTENCE_INSIDE = 2.0  # a sentence that ends in the middle of a phrase
_PAUSE_RELIEF_PER_S = 10.0  # a pause makes a break cheaper
_WIDE_CHARS_PER_WORD = 2.5  # tokens of unspaced scripts are pieces of words


def phrases(
    words: Sequence[CueWord], phrasing: Phrasing, limits: LineLimits, language: str
) -> list[tuple[CueWord, ...]]:
    """Split the words of one speaker, in the order they are said, into phrases; each word is in one."""
    found = []
    for stretch in _between_pauses(words, phrasing.pause_s):
        edges = _cheapest_edges(stretch, phrasing, limits, language)
        found += [tuple(stretch[start:end]) for start, end in edges]
    return found


def _between_pauses(words: Sequence[CueWord], pause_s: float) -> Iterator[Sequence[CueWord]]:
    start = 0
    for index in range(1, len(words)):
        if words[index].start_s - words[index - 1].end_s >= pause_s:
            yield words[start:index]
            start = index
    if words:
        yield words[start:]


def _cheapest_edges(
    words: Sequence[CueWord], phrasing: Phrasing, limits: LineLimits, language: str
) -> list[tuple[int, int]]:
    """Start and end of each phrase. ``best[end]`` is the least cost of splitting ``words[:end]``."""
    weights = _reading_weights(words)
    closes = [ends_sentence(word.text) for word in words]
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(words) + 1):
        seam = _seam(words, end, language)
        options = [
            (best[start][0] + seam + _cost_of(count, any(closes[start : end - 1]), phrasing), start)
            for start, count in _starts(words, weights, end, phrasing, limits)
        ]
        best.append(min(options))
    return _walk_back(best)


def _starts(
    words: Sequence[CueWord], weights: Sequence[float], end: int, phrasing: Phrasing, limits: LineLimits
) -> Iterator[tuple[int, float]]:
    """Where a phrase that ends before ``end`` may start, and how many words it then has."""
    filling, count = Filling(limits), 0.0
    for start in range(end - 1, -1, -1):
        count += weights[start]
        fits = filling.takes(words[start]) and count <= phrasing.max_words
        if not fits and start < end - 1:
            return
        yield start, count


def _walk_back(best: list[tuple[float, int]]) -> list[tuple[int, int]]:
    edges, end = [], len(best) - 1
    while end:
        start = best[end][1]
        edges.append((start, end))
        end = start
    return edges[::-1]


def _seam(words: Sequence[CueWord], end: int, language: str) -> float:
    if end == len(words):
        return 0.0
    pause_s = max(words[end].start_s - words[end - 1].end_s, 0.0)
    return max(seam_cost(words[end - 1], words[end], language) - _PAUSE_RELIEF_PER_S * pause_s, 0.0)


def _cost_of(count: float, sentence_inside: bool, phrasing: Phrasing) -> float:
    missing = max(phrasing.min_words - count, 0.0)
    return _PER_PHRASE + _PER_MISSING_WORD * missing + _SENTENCE_INSIDE * sentence_inside


def _reading_weights(words: Sequence[CueWord]) -> list[float]:
    """How much of a word each of ``words`` is to a reader."""
    unspaced = [word.glued or later.glued for word, later in pairwise((*words, words[-1]))]
    return [
        min(len(word.text) / _WIDE_CHARS_PER_WORD, 1.0) if joined else 1.0
        for word, joined in zip(words, unspaced, strict=True)
    ]
