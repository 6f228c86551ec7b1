"""Where a line may end: widths of words before they are set, and the cost of a break between two words.

Sense units stay together: a break is best after punctuation, then before a conjunction or preposition,
bad after an article, worse inside a number, a name or (where no spaces part them) a word. It never comes
before closing punctuation. Words are in the order in which they are said, also where they are written
from right to left.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, pairwise
from pathlib import Path

import budoux

from ecg.captions.scenario import CueWord
from ecg.captions.style import Style

# Costs of ending a line or cue between two words; only their ratios matter.
AFTER_SENTENCE, AFTER_CLAUSE, BEFORE_JOINT, PLAIN, TORN, INSIDE = 0.0, 1.0, 3.0, 5.0, 9.0, 40.0

_SENTENCE_ENDS = ".!?…。！？؟۔।॥"
_CLAUSE_ENDS = ",;:—–、，；：،؛"
_CLOSING_QUOTES = "\"'”’)]」』）】》"
# What cannot start a line (kinsoku): small kana and marks of length always, the rest when it stands alone.
_NEVER_FIRST = "。！？、，；：」』）】》〕〉々ゝゞーぁぃぅぇぉっゃゅょァィゥェォッャュョ・％"
_CLOSING = _SENTENCE_ENDS + _CLAUSE_ENDS + "”’)]}%‰°"
_OPENING = "“‘([{「『（【《〔〈¿¡"
_CURRENCIES = "$€£₩¥"
# Chinese words that lean on the one before.
_ENCLITICS = frozenset("的地得了着著过過们們吗嗎呢吧啊")
_NAME_PARTICLES = frozenset(
    ["van", "von", "de", "da", "di", "del", "der", "den", "du", "la", "le", "bin", "ibn", "al", "dos"]
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+")
# So many words are held together by punctuation at most: a row of full stops has no end otherwise.
_LONGEST_UNIT = 8

# Advances of Roboto Flex that are far from its average.
_LETTER_EM = {
    char: em
    for chars, em in {"iljI'’": 0.22, "ftr.,:;!()[]-\"“”": 0.3, "wW": 0.76, "mM@—…%": 0.8}.items()
    for char in chars
}
# Languages and scripts without spaces, by the models that find their words or phrases.
_PARSERS = {
    "ja": budoux.load_default_japanese_parser, "th": budoux.load_default_thai_parser,
    "zh": budoux.load_default_simplified_chinese_parser,
    "zh-hant": budoux.load_default_traditional_chinese_parser,
}  # fmt: skip
_NOT_LATIN = ("ko", "ja", "zh", "yue", "th", "ar", "he")
_TRADITIONAL = ("zh-hant", "zh-tw", "zh-hk", "zh-mo", "yue")


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


@dataclass(frozen=True, slots=True)
class Unit:
    """Words that no break may part, most often one.

    ``em`` and ``chars``: its length as `LineLimits` counts; ``space_em`` and ``space_chars``, that of the
    space before it. ``seam``: the cost of a break before it. ``closes``: whether a sentence ends with it.
    """

    words: tuple[CueWord, ...]
    em: float
    chars: float
    space_em: float
    space_chars: float
    seam: float
    closes: bool

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return self.words[-1].end_s


def units(words: Sequence[CueWord], limits: LineLimits, language: str) -> list[Unit]:
    """One speaker's words, in the order they are said, as what a line is made of; each word is in one."""
    starts = _sense_starts(words, language)
    found: list[list[CueWord]] = []
    seams: list[float] = []
    for index, word in enumerate(words):
        before = words[index - 1] if index else None
        if before and len(found[-1]) < _LONGEST_UNIT and _inseparable(before.text, word.text):
            found[-1].append(word)
            continue
        found.append([word])
        torn_inside = word.glued and (index not in starts or word.text in _ENCLITICS)
        seams.append(INSIDE if torn_inside and index else _seam_cost(words, index, language))
    return [_unit(unit, seam, limits) for unit, seam in zip(found, seams, strict=True)]


def width_em(words: Sequence[CueWord], limits: LineLimits) -> float:
    """Width of a line, estimated; the player measures it and shrinks what is too wide after all."""
    spaces = sum(not word.glued for word in words[1:])
    return sum(map(_word_width, words)) + spaces * limits.space_em


def chars_of(row: Sequence[Unit]) -> float:
    """Characters to read in ``row``; a wide one counts as several."""
    return sum(unit.chars for unit in row) + sum(unit.space_chars for unit in row[1:])


class Filling:
    """Fills lines from the last unit backwards, to find how many words can be shown at once."""

    def __init__(self, limits: LineLimits) -> None:
        self._limits = limits
        self._lines = self._em = self._chars = 0.0
        self._space_em = self._space_chars = 0.0  # between the units so far and the next one to the left
        self._fits = True

    def takes(self, unit: Unit) -> bool:
        """Put ``unit`` to the left of those before; false when that needs more lines than there are, or one
        that is wider than a line."""
        limits = self._limits
        em = self._em + unit.em + self._space_em
        chars = self._chars + unit.chars + self._space_chars
        if self._lines and em <= limits.em and chars <= limits.chars:
            self._em, self._chars = em, chars
        else:
            self._lines, self._em, self._chars = self._lines + 1, unit.em, unit.chars
        self._space_em, self._space_chars = unit.space_em, unit.space_chars
        self._fits = self._fits and self._lines <= limits.lines and (
            self._em <= limits.em and self._chars <= limits.chars
        )  # fmt: skip
        return self._fits


def break_lines(row: Sequence[Unit], limits: LineLimits) -> tuple[tuple[int, ...], ...] | None:
    """The best lines for ``row``, as indices into its words; ``None`` when it does not fit on the lines
    allowed."""
    best = _best_breaks(row, limits)
    if best is None:
        return None
    words_before = [0, *accumulate(len(unit.words) for unit in row)]
    edges = (0, *(words_before[end] for end in best), words_before[-1])
    return tuple(tuple(range(start, end)) for start, end in pairwise(edges))


def tear(row: Sequence[Unit], limits: LineLimits) -> float:
    """The cost of the worst end of a line in the best lines for ``row``; 0 where there is one line."""
    return max((row[end].seam for end in _best_breaks(row, limits) or ()), default=0.0)


def ends_sentence(text: str) -> bool:
    """Whether ``text`` closes a sentence; an abbreviation such as ``Mr.`` or an initial does not."""
    bare = text.rstrip(_CLOSING_QUOTES)
    if bare[-1:] not in tuple(_SENTENCE_ENDS):
        return False
    return text.lower() not in _abbreviations() and not _INITIALS.fullmatch(text)


def _best_breaks(row: Sequence[Unit], limits: LineLimits) -> tuple[int, ...] | None:
    """Cheapest positions of line ends, fewest lines first."""
    for lines in range(1, limits.lines + 1):
        found = _cheapest(row, limits, lines)
        if found is not None:
            return found[1]
    return None


def _cheapest(row: Sequence[Unit], limits: LineLimits, lines: int) -> tuple[float, tuple[int, ...]] | None:
    if lines == 1:
        raggedness = _raggedness(row, limits)
        return None if raggedness is None else (raggedness, ())
    options = []
    for end in range(1, len(row)):
        first = _raggedness(row[:end], limits)
        if first is None:
            break
        rest = _cheapest(row[end:], limits, lines - 1)
        if rest is not None:
            options.append((row[end].seam + first + rest[0], (end, *(end + later for later in rest[1]))))
    return min(options, default=None)


def _raggedness(line: Sequence[Unit], limits: LineLimits) -> float | None:
    """Squares of the lengths add up to the least when the lines are even; ``None`` if it does not fit."""
    em = sum(unit.em for unit in line) + sum(unit.space_em for unit in line[1:])
    filled = max(em / limits.em, chars_of(line) / limits.chars)
    return 12 * filled**2 if filled <= 1 else None


def _unit(words: Sequence[CueWord], seam: float, limits: LineLimits) -> Unit:
    gaps = [_space_chars(word, limits) for word in words]
    chars = sum(_word_chars(word, limits) for word in words) + sum(gaps[1:])
    space_em = 0.0 if words[0].glued else limits.space_em
    closes = ends_sentence(words[-1].text)
    return Unit(tuple(words), width_em(words, limits), chars, space_em, gaps[0], seam, closes)


def _space_chars(word: CueWord, limits: LineLimits) -> float:
    """Characters the space before ``word`` counts as: half a wide one among wide ones."""
    if word.glued:
        return 0.0
    return limits.wide_char / 2 if _wide(word.text[0]) else 1.0


def _inseparable(before: str, word: str) -> bool:
    """Whether ``word`` cannot start a line, or ``before`` cannot end one."""
    if word[0] in _NEVER_FIRST or before[-1] in _OPENING:
        return True
    if before in _CURRENCIES and word[0].isdigit():
        return True
    # "…and" and ".5" may start a line, "…" and "." may not.
    return word[0] in _CLOSING and not any(map(str.isalnum, word))


def _seam_cost(words: Sequence[CueWord], index: int, language: str) -> float:
    """The cost of a break before ``words[index]``; see the constants above."""
    if not index:
        return AFTER_SENTENCE
    before, word = words[index - 1].text, words[index].text
    if ends_sentence(before):
        return AFTER_SENTENCE
    # A comma inside a number spoken in parts ("1," "000") ends no clause.
    if before.rstrip(_CLOSING_QUOTES)[-1:] in tuple(_CLAUSE_ENDS):
        return INSIDE if before[0].isdigit() and before[-1] in ",:" and word[0].isdigit() else AFTER_CLAUSE
    joints = _joints(_language_of(before + word, language))
    if _in_number(words, index, joints) or _in_name(words, index, joints):
        return INSIDE
    if before.lower() in joints.not_after or word.rstrip(_CLOSING).lower() in joints.not_before:
        return TORN
    good = word.lower() in joints.before or (len(before) > 2 and before.endswith(joints.endings))
    return BEFORE_JOINT if good else PLAIN


def _in_number(words: Sequence[CueWord], index: int, joints: Joints) -> bool:
    before, word = words[index - 1].text, words[index].text
    plain, later = before.lower(), word.rstrip(_CLOSING).lower()
    if before[-1].isdigit():
        if "가" <= later[:1] <= "힣":  # a counter and its particle are one word
            return any(later[:length] in joints.after_number for length in (1, 2, 3))
        # Counters follow a number without a space in Chinese and Japanese.
        counted = _wide(word[0]) and words[index].glued
        return counted or word[0].isdigit() or word[0] in _CURRENCIES or later in joints.after_number
    return plain in joints.numbers and (later in joints.numbers or later in joints.after_number)


def _in_name(words: Sequence[CueWord], index: int, joints: Joints) -> bool:
    """Whether two neighbours read like one name: ``Ada Lovelace``, ``van Gogh``, ``Apollo 11``."""
    before, word = words[index - 1].text, words[index].text
    if _is_name(before, joints):
        if word in _NAME_PARTICLES:
            return index + 1 < len(words) and _is_name(words[index + 1].text, joints)
        return word[0].isdigit() or _is_name(word, joints)
    return before in _NAME_PARTICLES and _is_name(word, joints) and index > 1 and (
        _is_name(words[index - 2].text, joints)
    )  # fmt: skip


def _is_name(text: str, joints: Joints) -> bool:
    """A capital, other than that of a sentence's first word or of a text all in capitals."""
    if not text[0].isupper() or text.partition("'")[0].partition("’")[0] == "I":
        return False
    lower = text.lower()
    shouted = len(text) > 1 and text.isupper() and not _INITIALS.fullmatch(text)
    return not shouted and lower not in joints.before and (lower not in joints.not_after or lower[-1] == ".")


def _sense_starts(words: Sequence[CueWord], language: str) -> set[int]:
    """Which words start a word or phrase of a script without spaces, or stand apart.

    Recognisers cut such scripts into arbitrary pieces; `budoux` says where words really part.
    """
    starts = set(range(len(words)))
    for first, last in _glued_spans(words):
        text = "".join(word.text for word in words[first:last])
        parser = _parser(_model_for(text, language))
        if parser is not None:
            edges = set(accumulate(map(len, parser.parse(text)), initial=0))
            at = accumulate((len(word.text) for word in words[first:last]), initial=0)
            starts -= {index for index, begins in zip(range(first, last), at, strict=False)
                       if begins not in edges}  # fmt: skip
    return starts


def _glued_spans(words: Sequence[CueWord]) -> Iterator[tuple[int, int]]:
    """Stretches of more than one word that have no spaces between them."""
    first = 0
    for index in range(1, len(words) + 1):
        if index == len(words) or not words[index].glued:
            if index - first > 1:
                yield first, index
            first = index


def _model_for(text: str, language: str) -> str:
    """The model for ``text``: that of the language, else by its letters."""
    tag = language.lower()
    if tag.startswith(_TRADITIONAL):
        return "zh-hant"
    primary = tag.partition("-")[0]
    if primary in _PARSERS:
        return primary
    if any("ぁ" <= char <= "ヿ" for char in text):
        return "ja"
    return "zh" if any("一" <= char <= "鿿" for char in text) else ""


@cache
def _parser(name: str) -> budoux.Parser | None:
    return _PARSERS[name]() if name in _PARSERS else None


def _word_chars(word: CueWord, limits: LineLimits) -> float:
    narrow, wide = _char_counts(word.text)
    # Among wide characters a narrow one counts as half of one.
    return (narrow / 2 + wide) * limits.wide_char if wide else narrow


def _word_width(word: CueWord) -> float:
    # As Roboto Flex is: weight 710 is 1.15 times as wide as 400, width 150 is 1.3 times as wide as 100.
    heaviness = 1 + max(word.weight - 400, 0) / 2000
    letters_em = word.spacing * sum(_char_counts(word.text)) if word.spacing else 0.0
    return _word_em(word.text) * word.size * (word.width / 100) ** 0.62 * heaviness + letters_em


@lru_cache(65536)
def _char_counts(text: str) -> tuple[int, int]:
    """How many narrow and how many wide characters ``text`` has."""
    wide = sum(map(_wide, text))
    return len(text) - wide - sum(map(_invisible, text)), wide


@lru_cache(65536)
def _word_em(text: str) -> float:
    return sum(map(_char_em, text))


def _char_em(char: str) -> float:
    if _invisible(char):
        return 0.0
    if _wide(char):
        return 1.0
    return _LETTER_EM.get(char, 0.57 if char.isupper() else 0.5)


def _invisible(char: str) -> bool:
    """Marks over other letters, joiners, and vowels and finals of Hangul in parts."""
    return unicodedata.category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff"


def _wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF" and unicodedata.category(char) != "Mn"


@dataclass(frozen=True)
class Joints:
    """What holds the words of a language together, in lower case: a break is good ``before`` some words and
    after some ``endings``, bad ``not_after`` and ``not_before`` others. ``numbers`` are written as words;
    ``after_number`` are units and multiples."""

    before: Collection[str] = ()
    not_after: Collection[str] = ()
    not_before: Collection[str] = ()
    numbers: Collection[str] = ()
    after_number: Collection[str] = ()
    endings: tuple[str, ...] = ()


@cache
def _abbreviations() -> frozenset[str]:
    return frozenset(
        word for joints in _all_joints().values() for word in joints.not_after if word.endswith(".")
    )


@cache
def _all_joints() -> dict[str, Joints]:
    data = json.loads((Path(__file__).parent / "joints.json").read_text())
    return {language: _read_joints(kinds) for language, kinds in data.items()}


def _read_joints(kinds: dict[str, list[str]]) -> Joints:
    endings = tuple(kinds.pop("endings", ()))
    return Joints(**{kind: frozenset(words) for kind, words in kinds.items()}, endings=endings)


def _language_of(text: str, language: str) -> str:
    """English, most often, where it is in Latin letters amid another script."""
    return "en" if text.isascii() and language.partition("-")[0].lower() in _NOT_LATIN else language


@lru_cache(64)
def _joints(language: str) -> Joints:
    return _all_joints().get(language.split("-")[0].lower(), Joints())
