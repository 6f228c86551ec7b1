"""Where a line may end: widths of words before they are set, and the cost of a break between two words.

Sense units stay together: a break is best after punctuation, then before a conjunction or preposition,
and bad after an article, inside a number or a name, or before closing punctuation.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from ecg.captions.scenario import CueWord
from ecg.captions.style import Style

# Costs of ending a line or cue between two words; only their ratios matter.
AFTER_SENTENCE, AFTER_CLAUSE, BEFORE_JOINT, PLAIN, TORN, FORBIDDEN = 0.0, 1.0, 3.0, 5.0, 9.0, 60.0

_SENTENCE_ENDS = ".!?…。！？"
_CLAUSE_ENDS = ",;:—–、，；："
_CLOSING_QUOTES = "\"'”’)]」』）】》"
_CLOSING = _SENTENCE_ENDS + _CLAUSE_ENDS + "”’)]」』）】》々ーぁぃぅぇぉっゃゅょァィゥェォッャュョ"
_OPENING = "“‘([「『（【《"

# Advances of Roboto Flex that are far from its average.
_LETTER_EM = {"iljI'’": 0.22, "ftr.,:;!()[]-\"“”": 0.3, "wW": 0.76, "mM@—…%": 0.8}


@dataclass(frozen=True)
class LineLimits:
    """What fits on a line: ``em`` of the normal text size, and characters to read (a wide one counts as
    several)."""

    em: float
    chars: int
    wide_char: float
    lines: int
    space_em: float


def line_limits(style: Style, width: int, height: int) -> LineLimits:
    """The limits of ``style`` in a picture of ``width`` × ``height`` pixels."""
    room_em = width * (1 - 2 * style.area.side) / style.text_size_px(width, height) - 2 * style.box.padding_x
    phrasing = style.phrasing
    return LineLimits(
        max(room_em, 1.0), phrasing.max_chars, phrasing.max_chars / phrasing.max_wide_chars,
        phrasing.max_lines, style.text.word_space,
    )  # fmt: skip


def fits(words: Sequence[CueWord], limits: LineLimits) -> bool:
    """Whether ``words`` fit on one line."""
    return width_em(words, limits) <= limits.em and _chars(words, limits) <= limits.chars


def width_em(words: Sequence[CueWord], limits: LineLimits) -> float:
    """Width of a line, estimated; the player measures it and shrinks what is too wide after all."""
    spaces = sum(not word.glued for word in words[1:])
    return sum(map(_word_width, words)) + spaces * limits.space_em


class Filling:
    """Fills lines from the last word backwards, to find how many words can be shown at once."""

    def __init__(self, limits: LineLimits) -> None:
        self._limits = limits
        self._lines = self._em = self._chars = 0.0
        self._gap = 0  # spaces between the words so far and the next one to the left

    def takes(self, word: CueWord) -> bool:
        """Put ``word`` to the left of those before; false when that needs more lines than there are.
        The first word is always taken."""
        em, chars = _word_width(word), _word_chars(word, self._limits)
        wider = self._em + em + self._gap * self._limits.space_em
        longer = self._chars + chars + self._gap
        if self._lines and wider <= self._limits.em and longer <= self._limits.chars:
            self._em, self._chars = wider, longer
        else:
            self._lines, self._em, self._chars = self._lines + 1, em, chars
        self._gap = int(not word.glued)
        return self._lines <= self._limits.lines


def break_lines(
    words: Sequence[CueWord], limits: LineLimits, language: str
) -> tuple[tuple[int, ...], ...] | None:
    """The best lines for ``words``, as indices; ``None`` when they do not fit on the lines allowed."""
    best = _best_breaks(words, limits, language)
    if best is None:
        return None
    edges = (0, *best, len(words))
    return tuple(tuple(range(start, end)) for start, end in pairwise(edges))


def seam_cost(before: CueWord, word: CueWord, language: str) -> float:
    """The cost of a break between two neighbouring words; see the constants above."""
    if word.text[0] in _CLOSING or before.text[-1] in _OPENING:
        return FORBIDDEN
    if ends_sentence(before.text):
        return AFTER_SENTENCE
    if before.text.rstrip(_CLOSING_QUOTES)[-1:] in tuple(_CLAUSE_ENDS):
        return AFTER_CLAUSE
    if _torn(before.text, word.text, language):
        return TORN
    return BEFORE_JOINT if word.text.lower() in _joints(language)[0] else PLAIN


def ends_sentence(text: str) -> bool:
    """Whether ``text`` closes a sentence; an abbreviation such as ``Mr.`` does not."""
    bare = text.rstrip(_CLOSING_QUOTES)
    return bare[-1:] in tuple(_SENTENCE_ENDS) and text.lower() not in _abbreviations()


def _best_breaks(words: Sequence[CueWord], limits: LineLimits, language: str) -> tuple[int, ...] | None:
    """Cheapest positions of line ends, fewest lines first."""
    if fits(words, limits):
        return ()
    for lines in range(2, limits.lines + 1):
        found = _cheapest(words, limits, language, lines)
        if found is not None:
            return found[1]
    return None


def _cheapest(
    words: Sequence[CueWord], limits: LineLimits, language: str, lines: int
) -> tuple[float, tuple[int, ...]] | None:
    if lines == 1:
        return (_raggedness(words, limits), ()) if fits(words, limits) else None
    options = []
    for end in range(1, len(words)):
        if not fits(words[:end], limits):
            break
        rest = _cheapest(words[end:], limits, language, lines - 1)
        if rest is not None:
            seam = seam_cost(words[end - 1], words[end], language)
            cost = seam + _raggedness(words[:end], limits) + rest[0]
            options.append((cost, (end, *(end + later for later in rest[1]))))
    return min(options, default=None)


def _raggedness(line: Sequence[CueWord], limits: LineLimits) -> float:
    """Squares of the lengths add up to the least when the lines are even."""
    return 12 * (width_em(line, limits) / limits.em) ** 2


def _torn(before: str, word: str, language: str) -> bool:
    """Whether a break here would part an article from its noun, a number, or a name."""
    if before.lower() in _joints(language)[1]:
        return True
    if before[-1].isdigit() and (word[0].isdigit() or word[0] in "%€$£₩°"):
        return True
    return before[0].isupper() and word[0].isupper() and len(before) > 1


def _chars(words: Sequence[CueWord], limits: LineLimits) -> float:
    return sum(_word_chars(word, limits) for word in words) + sum(not word.glued for word in words[1:])


def _word_chars(word: CueWord, limits: LineLimits) -> float:
    wide = _wide_chars(word.text)
    return len(word.text) - wide + wide * limits.wide_char


def _word_width(word: CueWord) -> float:
    # As Roboto Flex is: weight 710 is 1.15 times as wide as 400, width 150 is 1.3 times as wide as 100.
    heaviness = 1 + max(word.weight - 400, 0) / 2000
    return _word_em(word.text) * word.size * (word.width / 100) ** 0.62 * heaviness


@lru_cache(65536)
def _wide_chars(text: str) -> int:
    return sum(map(_wide, text))


@lru_cache(65536)
def _word_em(text: str) -> float:
    return sum(_char_em(char) for char in text)


def _char_em(char: str) -> float:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Cf"):
        return 0.0
    if _wide(char):
        return 1.0
    for chars, em in _LETTER_EM.items():
        if char in chars:
            return em
    return 0.57 if char.isupper() else 0.5


def _wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


@cache
def _abbreviations() -> frozenset[str]:
    return frozenset(word for _, after in _all_joints().values() for word in after if word.endswith("."))


@cache
def _all_joints() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Per language: words before which a break is good, and words after which it is bad."""
    data = json.loads((Path(__file__).parent / "joints.json").read_text())
    return {
        language: (frozenset(words["before"]), frozenset(words["not_after"]))
        for language, words in data.items()
    }


def _joints(language: str) -> tuple[frozenset[str], frozenset[str]]:
    return _all_joints().get(language.split("-")[0].lower(), (frozenset(), frozenset()))
