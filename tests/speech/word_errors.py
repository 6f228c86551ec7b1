"""How far what was recognised is from what was said."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from ecg.transcript import Word


def plain(text: str) -> list[str]:
    """Words as they sound: lower case, no punctuation."""
    return re.sub(r"[^a-z' ]", "", text.lower()).split()


def word_error_rate(truth: Sequence[str], heard: Sequence[str]) -> float:
    """Substitutions, insertions and deletions per true word."""
    row = list(range(len(heard) + 1))
    for count, true_word in enumerate(truth, 1):
        before, row = row, [count]
        for index, word in enumerate(heard):
            row.append(min(before[index + 1] + 1, row[index] + 1, before[index] + (word != true_word)))
    return row[-1] / len(truth)


def start_errors_s(truth: Sequence[tuple[str, float]], heard: Sequence[Word]) -> list[float]:
    """Distance of the starts of words recognised correctly from the true ones, in seconds."""
    true_words = [plain(text)[0] for text, _ in truth]
    matcher = difflib.SequenceMatcher(None, true_words, [word.text.lower() for word in heard], False)
    return [
        abs(heard[block.b + offset].start_s - truth[block.a + offset][1])
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    ]
