"""A given script laid over what was heard: its words, verbatim, with times, and marks where they differ.

Pure. An engine that recognises hands over the words it heard (`laid`); one that compares the script with
the sound itself hands over what it found at each place (`placed`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from ecg.speech.numerals import readings
from ecg.transcript import Mark, MarkKind, Segment, Word, glued

#: Lines of a script, each the words of one segment.
Lines = Sequence[Sequence[str]]

# A word that is not said is shown for this long at most.
_UNSAID_S = 0.25
# Places to compare at once; longer texts are first parted at what they have in common.
_MOST_CELLS = 4_000
# One word here may be several there: "cold-hearted", "cannot", "$4.50".
_MOST_JOINED, _MOST_JOINED_DIGITS = 3, 7
# Less than leaving one word out and putting another in.
_SUBSTITUTED = 1.5


@dataclass(frozen=True, slots=True)
class Found:
    """What the sound has for the script's words ``first`` up to, but without, ``last``.

    Counted over all lines. Nothing between ``first`` and ``last``: said without being in the script.
    Times in seconds; ``None``: these words are not said. ``text``: what was heard, where that is known.
    """

    first: int
    last: int
    start_s: float | None = None
    end_s: float | None = None
    kind: MarkKind | None = None
    text: str = ""
    confidence: float | None = None


def lines_of(script: str) -> list[list[str]]:
    """The script's lines that are not empty, in words: as they stand between spaces.

    Where a writing has no spaces, every sign is a word, with the punctuation that belongs to it.
    """
    lines = [[word for token in line.split() for word in _parted(token)] for line in script.splitlines()]
    return [line for line in lines if line]


@lru_cache(maxsize=100_000)
def form(word: str) -> str:
    """The word without what cannot be heard: case, punctuation, accents' encodings. May be empty."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(letter for letter in folded if unicodedata.category(letter)[0] in "LMN")


def laid(lines: Lines, heard: Sequence[Word]) -> tuple[Segment, ...]:
    """The script's lines with the times of the words that were heard, in order of time, marked where they
    differ. Every word has a time, and none starts before the one ahead of it ends.
    """
    words = [word for line in lines for word in line]
    return placed(lines, list(_compared(words, [word for word in heard if form(word.text)])))


def placed(lines: Lines, found: Sequence[Found]) -> tuple[Segment, ...]:
    """The script's lines where they were found. ``found`` in order, with every word of the script once."""
    texts = [word for line in lines for word in line]
    words = _timed([word for one in found for word in _words_of(one, texts)])
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(line))
    marks: list[list[Mark]] = [[] for _ in lines]
    for one in found:
        for mark, index in _marks_of(one, words):
            marks[next(n for n, end in enumerate(ends[1:]) if index < end)].append(mark)
    return tuple(
        Segment(words[first].start_s, words[last - 1].end_s, tuple(words[first:last]), marks=tuple(own))
        for (first, last), own in zip(pairwise(ends), marks, strict=True)
    )


def _parted(token: str) -> Iterator[str]:
    """A token parted between signs that are written without spaces."""
    word = token[0]
    for letter in token[1:]:
        kind, before = unicodedata.category(letter), unicodedata.category(word[-1])
        joined = kind[0] == "M" or (kind[0] == "P" and kind not in {"Ps", "Pi"}) or before in {"Ps", "Pi"}
        if joined or not glued(word, letter):
            word += letter
        else:
            yield word
            word = letter
    yield word


# --- comparing words


def _compared(words: Sequence[str], heard: Sequence[Word]) -> Iterator[Found]:
    """Both in boxes, parted at the longest passage they have in common, so that hours need little memory."""
    ours, theirs = [form(word) for word in words], [form(word.text) for word in heard]
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    waiting = [(0, len(ours), 0, len(theirs), False)]
    while waiting:
        a, a_end, b, b_end, same = waiting.pop()
        if same:
            yield from (_said(a + n, a + n + 1, heard[b + n : b + n + 1], None) for n in range(a_end - a))
        elif (a_end - a) * (b_end - b) <= _MOST_CELLS:
            yield from _cheapest(words, heard, (a, a_end, b, b_end))
        elif size := (common := matcher.find_longest_match(a, a_end, b, b_end)).size:
            waiting.append((common.a + size, a_end, common.b + size, b_end, False))
            waiting.append((common.a, common.a + size, common.b, common.b + size, True))
            waiting.append((a, common.a, b, common.b, False))
        else:
            yield from _nothing_in_common(heard, a, a_end, b, b_end)


def _nothing_in_common(heard: Sequence[Word], a: int, a_end: int, b: int, b_end: int) -> Iterator[Found]:
    yield from (Found(index, index + 1, kind=MarkKind.SCRIPT_OMISSION) for index in range(a, a_end))
    for index in range(b, b_end):
        yield _said(a_end, a_end, heard[index : index + 1], MarkKind.SCRIPT_INSERTION)


def _cheapest(
    words: Sequence[str], heard: Sequence[Word], box: tuple[int, int, int, int]
) -> list[Found]:  # fmt: skip
    """The way through both with the fewest deviations."""
    a, a_end, b, b_end = box
    costs: dict[tuple[int, int], tuple[float, tuple[int, int], MarkKind | None]] = {}
    forms = _Forms(words, heard, box)

    def offer(to: tuple[int, int], cost: float, step: tuple[int, int], kind: MarkKind | None) -> None:
        if to not in costs or cost < costs[to][0] - 1e-9:
            costs[to] = cost, step, kind

    costs[a, b] = 0.0, (0, 0), None
    for i in range(a, a_end + 1):
        for j in range(b, b_end + 1):
            cost = costs[i, j][0]
            for step in forms.equal(i, j):
                offer((i + step[0], j + step[1]), cost, step, None)
            if i < a_end and forms.silent(i):
                offer((i + 1, j), cost, (1, 0), None)
            elif i < a_end:
                offer((i + 1, j), cost + 1, (1, 0), MarkKind.SCRIPT_OMISSION)
                if j < b_end:
                    offer((i + 1, j + 1), cost + _SUBSTITUTED, (1, 1), MarkKind.SCRIPT_SUBSTITUTION)
            if j < b_end:
                offer((i, j + 1), cost + 1, (0, 1), MarkKind.SCRIPT_INSERTION)
    way, at = [], (a_end, b_end)
    while at != (a, b):
        _, (ours, theirs), kind = costs[at]
        at = at[0] - ours, at[1] - theirs
        way.append(_said(at[0], at[0] + ours, heard[at[1] : at[1] + theirs], kind))
    return way[::-1]


class _Forms:
    """What can be heard of the words in a box, on both sides, and which of them are the same."""

    def __init__(self, words: Sequence[str], heard: Sequence[Word], box: tuple[int, int, int, int]) -> None:
        a, a_end, b, b_end = box
        self._a, self._b = a, b
        self._words, self._heard = words[a:a_end], [word.text for word in heard[b:b_end]]
        self._ours, self._theirs = [form(word) for word in self._words], [form(word) for word in self._heard]

    def silent(self, i: int) -> bool:
        """Whether there is nothing to say: a dash."""
        return not self._ours[i - self._a]

    def equal(self, i: int, j: int) -> Iterator[tuple[int, int]]:
        """How many words from here on are the same: one and one, one and several, or several and one."""
        i, j = i - self._a, j - self._b
        if i == len(self._ours) or j == len(self._theirs) or not self._ours[i]:
            return
        if self._ours[i] == self._theirs[j]:
            yield 1, 1
            return
        for count in _joined(self._words[i], self._theirs[j:]):
            yield 1, count
        for count in _joined(self._heard[j], self._ours[i:]):
            yield count, 1


def _joined(word: str, others: Sequence[str]) -> Iterator[int]:
    """How many of the others together are the word, in any way to say it."""
    spoken, most = _spoken(word)
    text = ""
    for count, other in enumerate(others[:most], 1):
        text += other
        if other and text in spoken:
            yield count


@lru_cache(maxsize=10_000)
def _spoken(word: str) -> tuple[frozenset[str], int]:
    """The ways to say a word, without spaces, and how many words they have at most."""
    ways = frozenset({form(word), *(form("".join(reading)) for reading in readings(word))})
    return ways, _MOST_JOINED_DIGITS if any(map(str.isdigit, word)) else _MOST_JOINED


def _said(first: int, last: int, heard: Sequence[Word], kind: MarkKind | None) -> Found:
    if not heard:
        return Found(first, last, kind=kind)
    known = [word.confidence for word in heard if word.confidence is not None]
    text = " ".join(word.text for word in heard)
    return Found(first, last, heard[0].start_s, heard[-1].end_s, kind, text, min(known, default=None))


# --- times and marks


@dataclass(frozen=True, slots=True)
class _Untimed:
    text: str


def _words_of(found: Found, texts: Sequence[str]) -> list[Word | _Untimed]:
    """The script's words in a span of sound, each as long as it has letters."""
    own = texts[found.first : found.last]
    if found.start_s is None or found.end_s is None:
        return [_Untimed(text) for text in own]
    letters = sum(map(len, own))
    words: list[Word | _Untimed] = []
    start_s = found.start_s
    for text in own:
        end_s = min(found.end_s, start_s + (found.end_s - found.start_s) * len(text) / letters)
        words.append(Word(text, start_s, end_s, found.confidence))
        start_s = end_s
    return words


def _timed(words: Sequence[Word | _Untimed]) -> list[Word]:
    """The words in order of time; those that are not said lie beside the ones that are."""
    timed: list[Word] = []
    clock_s, waiting = 0.0, 0
    for word in words:
        if isinstance(word, _Untimed):
            timed.append(Word(word.text, clock_s, clock_s))
            waiting += 1
            continue
        start_s = max(clock_s, word.start_s)
        timed.append(replace(word, start_s=start_s, end_s=max(start_s, word.end_s)))
        _spread(timed, len(timed) - 1 - waiting, waiting, start_s)
        clock_s, waiting = timed[-1].end_s, 0
    _spread(timed, len(timed) - waiting, waiting, clock_s + _UNSAID_S * waiting)
    return timed


def _spread(words: list[Word], first: int, count: int, before_s: float) -> None:
    """Lay words that are not said between the one ahead and ``before_s``; at the start, beside the next."""
    if not count:
        return
    clock_s = words[first].start_s
    length_s = min(_UNSAID_S, (before_s - clock_s) / count)
    if first == 0:
        clock_s = before_s - count * length_s
    for index in range(first, first + count):
        end_s = min(before_s, clock_s + length_s)
        words[index] = replace(words[index], start_s=clock_s, end_s=end_s)
        clock_s = end_s


def _marks_of(found: Found, words: Sequence[Word]) -> Iterator[tuple[Mark, int]]:
    """The marks of a deviation, each with the index of a word in whose line it belongs."""
    if found.kind is None or not words:
        return
    if found.first < found.last:
        for index in range(found.first, found.last):
            word = words[index]
            yield Mark(found.kind, word.start_s, word.end_s, word.text), index
        return
    start_s, end_s = found.start_s or 0.0, found.end_s or 0.0
    before, after = found.first - 1, found.first
    nearer_after = after < len(words) and (
        before < 0 or words[after].start_s - end_s < start_s - words[before].end_s
    )
    yield Mark(found.kind, start_s, end_s, found.text), after if nearer_after else before
