"""From letters laid on frames to words and sentences, as whisperx 3.8.6 does it, without its tables.

A text is spelled in the letters of a model (`spell`), those are laid on frames elsewhere (`trellis`), and
`assemble` makes words and sentences of them: the same texts, and times equal to the millisecond.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from ecg.speech.timing import AlignedSegment, Spoken, TimedWord
from ecg.speech.trellis import Span

# Its words are single characters there.
LANGUAGES_WITHOUT_SPACES = frozenset({"ja", "zh"})
SPACE = "|"  # how CTC models of languages with spaces write one

Sentence = tuple[int, int]  # first and last (exclusive) character


@dataclass(frozen=True, slots=True)
class Spelling:
    """``letters``: what is laid, lower case; ``positions``: where in the text each of them stands.

    There are more letters than positions where a character has two in lower case (İ).
    """

    letters: str
    positions: tuple[int, ...]


def spell(text: str, alphabet: Container[str], language: str) -> Spelling:
    """The letters of a text. Those outside the ``alphabet`` stay; spaces at the edges do not count."""
    spaced = language not in LANGUAGES_WITHOUT_SPACES
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    letters, positions = [], []
    for position in range(first, last):
        letter = text[position].lower()
        if spaced:
            letter = letter.replace(" ", SPACE)
        if letter in alphabet or letter not in (" ", SPACE):
            letters.append(letter)
            positions.append(position)
    return Spelling("".join(letters), tuple(positions))


def assemble(
    spoken: Spoken, spelling: Spelling, spans: Sequence[Span], frame_s: float,
    sentences: Sequence[Sentence], language: str,
) -> list[AlignedSegment]:  # fmt: skip
    """The sentences of what was spoken, in order of time, with their words.

    ``spans``: the frames of each letter; ``frame_s``: how long a frame lasts. Signs that were not spelled
    leave a word without time; it borrows that of the word nearest in its sentence. Sentences at the very
    same time become one.
    """
    letters = _timed_letters(spoken, spelling, spans, frame_s)
    numbers = _word_numbers(spoken.text, language)
    parts = [
        _sentence(spoken.text, letters, numbers, first, min(last, len(letters) - 1))
        for first, last in sentences
    ]
    texts = [spoken.text[first:last] for first, last in sentences]
    times = zip(_nearest([part[0] for part in parts]), _nearest([part[1] for part in parts]), strict=True)
    segments = [
        AlignedSegment(start_s, end_s, part[2], text)
        for (start_s, end_s), part, text in zip(times, parts, texts, strict=True)
        if start_s is not None and end_s is not None
    ]
    return _one_per_time(segments, "" if language in LANGUAGES_WITHOUT_SPACES else " ")


_Timed = tuple[float, float, float] | None  # start and end in seconds, score


def _timed_letters(spoken: Spoken, spelling: Spelling, spans: Sequence[Span], frame_s: float) -> list[_Timed]:
    """For each character of the text its time, rounded to milliseconds, and its score."""
    letters: list[_Timed] = [None] * len(spoken.text)
    for position, span in zip(spelling.positions, spans, strict=False):
        letters[position] = (
            round(span.start * frame_s + spoken.start_s, 3),
            round(span.end * frame_s + spoken.start_s, 3),
            round(span.score, 3),
        )
    return letters


def _word_numbers(text: str, language: str) -> list[int]:
    """Which word each character belongs to; a space belongs to the word after it."""
    if language in LANGUAGES_WITHOUT_SPACES:
        return list(range(len(text)))
    numbers: list[int] = []
    number = 0
    for char in text:
        number += char == " " and bool(numbers)
        numbers.append(number)
    return numbers


def _sentence(
    text: str, letters: Sequence[_Timed], numbers: Sequence[int], first: int, last: int
) -> tuple[float | None, float | None, tuple[TimedWord, ...]]:
    """Start, end and words of the characters ``first`` to ``last`` (inclusive)."""
    inside = range(first, last + 1)
    starts = [letter[0] for position in inside if (letter := letters[position])]
    ends = [letter[1] for position in inside if text[position] != " " and (letter := letters[position])]
    words = []
    for _, group in groupby(inside, key=numbers.__getitem__):
        positions = list(group)
        written = text[positions[0] : positions[-1] + 1].strip()
        if written:
            words.append(_word(written, [letters[i] for i in positions if text[i] != " "]))
    return min(starts, default=None), max(ends, default=None), _with_borrowed_times(words)


def _word(text: str, letters: Sequence[_Timed]) -> TimedWord:
    timed = [letter for letter in letters if letter]
    if not timed:
        return TimedWord(text, None, None)
    # Summed and rounded with numpy, whose last digit may differ from Python's.
    scores = np.array([letter[2] if letter else 0.0 for letter in letters])
    score = float(round(scores.sum() / len(timed), 3))
    return TimedWord(text, min(letter[0] for letter in timed), max(letter[1] for letter in timed), score)


def _with_borrowed_times(words: Sequence[TimedWord]) -> tuple[TimedWord, ...]:
    if all(word.start_s is not None for word in words):
        return tuple(words)
    starts = _nearest([word.start_s for word in words])
    ends = _nearest([word.end_s for word in words])
    times = zip(words, starts, ends, strict=True)
    return tuple(replace(word, start_s=start_s, end_s=end_s) for word, start_s, end_s in times)


def _nearest(values: Sequence[float | None]) -> list[float | None]:
    """Missing values as the nearest one there is; the one before, where two are equally near."""
    known = [index for index, value in enumerate(values) if value is not None]
    if not known:
        return list(values)
    return [values[min(known, key=lambda other: (abs(other - index), other))] for index in range(len(values))]


def _one_per_time(segments: Sequence[AlignedSegment], space: str) -> list[AlignedSegment]:
    def time(segment: AlignedSegment) -> tuple[float, float]:
        return segment.start_s, segment.end_s

    together = []
    for _, group in groupby(sorted(segments, key=time), key=time):
        same = list(group)
        words = tuple(word for segment in same for word in segment.words)
        text = space.join(segment.text for segment in same)
        together.append(replace(same[0], words=words, text=text))
    return together
