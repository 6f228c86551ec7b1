"""Laying known letters on the frames of a CTC model: forced alignment in numpy.

A model gives, for every frame, the log probability of each letter and of "blank" (nothing new).
`lay` is strict: every token gets frames, in order, and the result equals that of whisperx 3.8.6
(trellis, path and scores). `lay_loosely` is for a text that was not spoken word for word: words may
be left out, and sound that belongs to no word may lie between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecg.errors import ProcessingError

Emission = np.ndarray  # float32 (frames, tokens): log probabilities

# What a loose path pays, in natural logarithms. Peaks of a trained model lie near 0 where a letter is
# said and below -8 where it is not, so a word is left out when its letters fit worse than this on average.
_LEFT_OUT_PER_TOKEN = 5.0
# A frame that sounds like some letter but belongs to no word.
_FOREIGN_PER_FRAME = 3.0
# Sums of the same numbers in another order differ by less than this.
_TIE = 1e-6
# One bit each for the way back, so 500 MB: half an hour of sound with all that is said in it.
_MOST_CELLS = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """Frames ``start`` to ``end`` (exclusive) of one token or word; ``score``: mean probability, 0..1."""

    start: int
    end: int
    score: float


def with_wildcard(emission: Emission, blank: int) -> Emission:
    """The emission with one more column, for letters the model does not know: the best that is not blank."""
    letters = np.delete(emission, blank, axis=1)
    return np.concatenate([emission, letters.max(axis=1, keepdims=True)], axis=1)


def lay(emission: Emission, tokens: Sequence[int], blank: int) -> list[Span] | None:
    """One span per token, meeting each other, or ``None`` where there are too few frames for the tokens.

    A token's span begins with the frame that emits it and lasts until the next token's. ``tokens`` are
    columns of ``emission``.
    """
    columns = np.asarray(tokens, np.intp)
    entered, last_scores = _forward(emission, columns, blank)
    end = int(np.argmax(last_scores))
    starts = _entries(entered, end)
    return None if starts is None else _spans(emission, columns, blank, starts, end)


def _forward(emission: Emission, columns: np.ndarray, blank: int) -> tuple[np.ndarray, np.ndarray]:
    """Which cells (frame, token) are best entered anew, and the last token's best score after each frame."""
    frames, count = len(emission), len(columns)
    # Nothing emitted yet; the sum is kept in double precision, as torch keeps it.
    before_all = np.append(0.0, np.cumsum(emission[:, blank], dtype=np.float64)).astype(np.float32)
    entered = np.empty((frames, count), bool)
    last_scores = np.empty(frames + 1, np.float32)
    scores, following = np.full((2, count + 1), -np.inf, np.float32)
    scores[0], last_scores[0] = before_all[0], scores[count]
    stay, change = np.empty((2, count), np.float32)
    blanks, starts = emission[:, blank].tolist(), before_all.tolist()
    for frame, emitted in enumerate(np.take(emission, columns, axis=1)):
        np.add(scores[1:], blanks[frame], out=stay)
        np.add(scores[:-1], emitted, out=change)
        np.greater(change, stay, out=entered[frame])
        np.maximum(stay, change, out=following[1:])
        following[0] = starts[frame + 1]
        last_scores[frame + 1] = following[count]
        scores, following = following, scores
    return entered, last_scores


def _entries(entered: np.ndarray, end: int) -> np.ndarray | None:
    """The frame at which each token is entered, on the best path that ends before frame ``end``."""
    frames, count = entered.shape
    # Searching bytes of one token's column is as fast as it gets without compiled code.
    ways = np.ascontiguousarray(entered.T).tobytes()
    starts = np.empty(count, np.intp)
    for token in range(count - 1, -1, -1):
        found = ways.rfind(1, token * frames, token * frames + end)
        if found < 0:
            return None
        starts[token] = end = found - token * frames
    return starts


def _spans(emission: Emission, columns: np.ndarray, blank: int, starts: np.ndarray, end: int) -> list[Span]:
    probabilities = np.exp(emission[starts[0] : end, blank])
    probabilities[starts - starts[0]] = np.exp(emission[starts, columns])
    ends = np.append(starts[1:], end)
    sums = np.add.reduceat(probabilities.astype(np.float64), starts - starts[0])
    scores = sums / (ends - starts)
    return [Span(*span) for span in zip(starts.tolist(), ends.tolist(), scores.tolist(), strict=True)]


def lay_loosely(
    emission: Emission, words: Sequence[Sequence[int]], blank: int, separator: int | None
) -> list[Span | None]:
    """One span per word, ``None`` for a word that is left out (or has no tokens).

    Between words, and before and after all of them, any sound may lie. ``separator``: the token a model
    emits between words. A span's score is the mean probability of the word's tokens where they begin.
    Raises `ProcessingError` where text times sound is too much for one call.
    """
    spoken = [index for index, word in enumerate(words) if len(word)]
    laid: list[Span | None] = [None] * len(words)
    if spoken and len(emission):
        path = _LoosePath(emission, [words[index] for index in spoken], blank, separator)
        for index, span in zip(spoken, path.spans(), strict=True):
            laid[index] = span
    return laid


class _LoosePath:
    """The best path through gaps and words: gap 0, word 0, gap 1, word 1 … and a last gap."""

    def __init__(
        self, emission: Emission, words: Sequence[Sequence[int]], blank: int, separator: int | None
    ) -> None:
        lengths = np.array([len(word) for word in words])
        self.columns = np.concatenate([np.asarray(word, np.intp) for word in words])
        self.lasts = np.cumsum(lengths) - 1
        self.firsts = self.lasts - lengths + 1
        self.emission = emission
        self.blanks = emission[:, blank]
        self.between = _between_words(emission, blank, separator)
        # What leaving out all words before each gap costs.
        self.left_out = np.concatenate([[0.0], np.cumsum(lengths * _LEFT_OUT_PER_TOKEN)])
        if len(emission) * len(self.columns) > _MOST_CELLS:
            raise ProcessingError(
                "The text is too long to be laid on this much sound at once: split it at places whose time "
                "is known.", frames=len(emission), tokens=len(self.columns),
            )  # fmt: skip

    def spans(self) -> list[Span | None]:
        """One per word."""
        self._run()
        return self._back()

    def _run(self) -> None:
        tokens = np.full(len(self.columns), -np.inf)
        gaps, _ = self._with_words_left_out(np.append(0.0, np.full(len(self.firsts), -np.inf)))
        # For each frame, as bits: token entered anew, word entered straight from the one before it, gap
        # entered from the word before it, gap reached by leaving out the word before it.
        self.ways: list[list[np.ndarray]] = []
        for frame, row in enumerate(self.emission):
            tokens, gaps = self._step(tokens, gaps, row[self.columns].astype(np.float64), frame)
        self.ends_in_word = bool(tokens[-1] >= gaps[-1])

    def _step(
        self, tokens: np.ndarray, gaps: np.ndarray, emitted: np.ndarray, frame: int
    ) -> tuple[np.ndarray, np.ndarray]:
        ends_of_words = tokens[self.lasts]
        straight = np.append(False, ends_of_words[:-1] > gaps[1:-1])
        before = np.empty_like(tokens)
        before[1:] = tokens[:-1]
        before[self.firsts] = np.where(straight, np.append(-np.inf, ends_of_words[:-1]), gaps[:-1])
        stay = tokens + np.maximum(emitted, self.blanks[frame])
        change = before + emitted
        # On a tie the word lasts longer: its end is where something else is heard.
        left = np.append(False, ends_of_words >= gaps[1:] - _TIE)
        gaps = np.where(left, np.append(-np.inf, ends_of_words), gaps) + self.between[frame]
        gaps, skipped = self._with_words_left_out(gaps)
        self.ways.append([np.packbits(bits) for bits in (change > stay, straight, left, skipped)])
        return np.maximum(stay, change), gaps

    def _with_words_left_out(self, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every gap reached at no time from an earlier one, at the price of the words between."""
        best = np.maximum.accumulate(gaps + self.left_out)
        skipped = np.append(False, best[:-1] >= gaps[1:] + self.left_out[1:] - _TIE)
        return np.where(skipped, best - self.left_out, gaps), skipped

    def _back(self) -> list[Span | None]:
        """Walk from the last frame to the first; every word met is given its frames."""
        found: list[Span | None] = [None] * len(self.firsts)
        starts: dict[int, int] = {}
        # In a gap (no token), ``word`` is the one that comes after it.
        word, token, end = len(found), None, len(self.ways)
        if self.ends_in_word:
            word, token = word - 1, len(self.columns) - 1
        for frame in range(len(self.ways) - 1, -1, -1):
            entered, straight, left, skipped = self.ways[frame]
            if token is None:
                while _bit(skipped, word):
                    word -= 1
                if _bit(left, word):
                    word, end = word - 1, frame
                    token = int(self.lasts[word])
            elif _bit(entered, token):
                starts[token] = frame
                if token > self.firsts[word]:
                    token -= 1
                    continue
                found[word] = self._span(word, starts, end)
                end, token = frame, token - 1 if _bit(straight, word) else None
                word -= token is not None
        return found

    def _span(self, word: int, starts: dict[int, int], end: int) -> Span:
        tokens = range(int(self.firsts[word]), int(self.lasts[word]) + 1)
        chances = [self.emission[starts[token], self.columns[token]] for token in tokens]
        return Span(starts[tokens[0]], end, float(np.exp(chances).mean()))


def _between_words(emission: Emission, blank: int, separator: int | None) -> np.ndarray:
    """What a frame between words scores: nothing said, a space, or, at a price, any letter."""
    quiet = emission[:, [blank] if separator is None else [blank, separator]].max(axis=1)
    return np.maximum(quiet, emission.max(axis=1) - _FOREIGN_PER_FRAME).astype(np.float64)


def _bit(packed: np.ndarray, index: int) -> bool:
    return bool(packed[index >> 3] >> (7 - (index & 7)) & 1)
