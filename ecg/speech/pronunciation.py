"""How English words sound, in the 39 phones of the CMU dictionary: looked up, or else by letter."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

from ecg.speech.numerals import readings

PHONES = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY",
    "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y",
    "Z", "ZH",
)  # fmt: skip
#: Phones of a word in a dictionary, parted by spaces, or ``None``; other ways to say it as ``word(2)`` ….
Lookup = Callable[[str], str | None]

_MOST_WAYS = 6
_PARTS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Letters to phones, the longest first; good enough for names, which the aligner stretches to what it hears.
_RULES = {
    "tion": "SH AH N", "sion": "ZH AH N", "ough": "AO", "augh": "AO", "eigh": "EY", "igh": "AY", "tch": "CH",
    "dge": "JH", "sch": "SH", "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "ck": "K", "ng": "NG",
    "qu": "K W", "kn": "N", "wr": "R", "gh": "G", "ee": "IY", "ea": "IY", "ie": "IY", "ei": "AY", "ai": "EY",
    "ay": "EY", "oa": "OW", "oo": "UW", "ou": "AW", "ow": "OW", "oi": "OY", "oy": "OY", "au": "AO",
    "aw": "AO", "ew": "Y UW", "ue": "UW", "er": "ER", "ir": "ER", "ur": "ER", "ar": "AA R", "or": "AO R",
    "ce": "S", "ci": "S IH", "cy": "S IY", "ge": "JH", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH",
    "f": "F",
    "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P",
    "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW"}
_LETTERS = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH",
    "i": "AY", "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY",
    "q": "K Y UW", "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY",
    "w": "D AH B AH L Y UW", "x": "EH K S", "y": "W AY", "z": "Z IY",
}  # fmt: skip


def pronunciations(text: str, lookup: Lookup) -> tuple[str, ...]:
    """The ways to say a word or several, phones parted by spaces; none where there is nothing to say."""
    spoken = readings(text) or (tuple(_PARTS.findall(text)),)
    ways = [way for reading in spoken for way in _said_in_turn(reading, lookup)]
    return tuple(dict.fromkeys(way for way in ways if way))[:_MOST_WAYS]


def _said_in_turn(words: tuple[str, ...], lookup: Lookup) -> list[str]:
    each = [_ways(word, lookup)[: 2 if len(words) > 1 else _MOST_WAYS] for word in words[:40]]
    # Many words at once would have thousands of ways together.
    return [" ".join(way) for way in product(*(ways[: 1 if len(words) > 3 else None] for ways in each))]


def _ways(word: str, lookup: Lookup) -> list[str]:
    known = word.lower().replace("’", "'")
    ways = [lookup(known), *(lookup(f"{known}({number})") for number in range(2, _MOST_WAYS))]
    found = [way for way in ways if way]
    if found:
        return found
    if word.isupper() and 1 < len(word) <= 5:
        return [" ".join(_LETTERS.get(letter, "") for letter in known).strip(), by_letter(known)]
    return [by_letter(known)]


def by_letter(word: str) -> str:
    """A guess at how an unknown word sounds, by its letters."""
    letters = re.sub(r"[^a-z]", "", word.lower())
    phones: list[str] = []
    index = 0
    while index < len(letters):
        rest = letters[index:]
        if re.match(r"[aeiou][b-df-hj-np-tv-z]e$", rest):  # the silent e of "name"
            phones.append(_LONG[rest[0]])
            index += 1
            continue
        if rest == "e" and index > 1:
            break
        length = next(size for size in (4, 3, 2, 1) if rest[:size] in _RULES)
        phones += _RULES[rest[:length]].split()
        index += length
    return " ".join(now for now, before in zip(phones, ["", *phones], strict=False) if now != before)
