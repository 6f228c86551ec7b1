"""Numbers and signs as English speaks them: enough for prices, years, dates and sums."""

from __future__ import annotations

import re

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
         "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
         "nineteen")  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_SIGNS = {"%": "percent", "&": "and", "+": "plus", "=": "equals", "@": "at", "×": "times", "°": "degrees",
          ".": "point", "$": "dollars", "€": "euros", "£": "pounds"}  # fmt: skip
_PIECES = re.compile(
    r"[$€£]?\d[\d,]*(?:\.\d+)?(?:st|nd|rd|th)?\b|\d+|[^\W\d_]+(?:['’][^\W\d_]+)*|[%&+=@×°$€£]"
)


def cardinal(number: int) -> list[str]:
    """A whole number in words: 4512 is four thousand five hundred twelve."""
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        return [_TENS[number // 10 - 2], *(cardinal(number % 10) if number % 10 else [])]
    for scale, name in _SCALES:
        if number >= scale:
            rest = number % scale
            return [*cardinal(number // scale), name, *(cardinal(rest) if rest else [])]
    raise ValueError(f"{number} is negative")


def readings(word: str) -> tuple[tuple[str, ...], ...]:
    """The ways to say a word that has digits or signs in it, in lower case; none for any other."""
    if not any(letter.isdecimal() or letter in _SIGNS for letter in word.strip(".")):
        return ()
    ways: list[list[str]] = [[]]
    for piece in _PIECES.findall(word.lower()):
        ways = [way + more for way in ways for more in _piece(piece)][:8]
    return tuple(dict.fromkeys(tuple(way) for way in ways if way))


def _piece(piece: str) -> list[list[str]]:
    if piece in _SIGNS:
        return [[_SIGNS[piece]]]
    match = re.fullmatch(r"([$€£]?)([\d,]+)(?:\.(\d+))?(st|nd|rd|th)?", piece)
    if match is None or not match[2].replace(",", "").isascii():
        return [[piece]]
    sign, whole, decimals, ordinal = match.groups()
    ways = _whole(whole.replace(",", ""))
    if ordinal:
        return [[*way[:-1], _ordinal(way[-1])] for way in ways[:1]]
    if sign:
        return _money(ways[0], _SIGNS[sign], decimals)
    if decimals:
        return [[*way, "point", *(_ONES[int(digit)] for digit in decimals)] for way in ways[:1]]
    return ways


def _whole(digits: str) -> list[list[str]]:
    """As a number, as a year, digit by digit."""
    one_by_one = [_ONES[int(digit)] for digit in digits]
    if len(digits) > 12 or (len(digits) > 1 and digits[0] == "0"):
        return [one_by_one]
    ways = [cardinal(int(digits))]
    if (len(digits) == 4 and digits[1] != "0") or (len(digits) == 4 and digits[2] != "0"):
        century, year = int(digits[:2]), int(digits[2:])
        rest = ["hundred"] if not year else [*(["oh"] if year < 10 else []), *cardinal(year)]
        ways.append([*cardinal(century), *rest])
    return [*ways, one_by_one] if len(digits) > 1 else ways


def _money(whole: list[str], unit: str, decimals: str | None) -> list[list[str]]:
    named = [*whole, unit.removesuffix("s") if whole == ["one"] else unit]
    if not decimals or not int(decimals):
        return [named]
    cents = cardinal(int(decimals[:2].ljust(2, "0")))
    return [[*named, *cents], [*named, "and", *cents, "cents"], [*whole, *cents]]


def _ordinal(word: str) -> str:
    if word in _ORDINALS:
        return _ORDINALS[word]
    return word[:-1] + "ieth" if word.endswith("y") else word + "th"
