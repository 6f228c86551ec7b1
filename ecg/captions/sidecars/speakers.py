"""Speakers who are named in the text, as in ``Anna: We are here.``

A colon says little, so a name must look like one, and must come twice, unless the file names its speakers
from the first cue on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ecg.captions.sidecars.shown import clean
from ecg.captions.sidecars.words import Piece

_MAX_CHARS = 32
# At the start of a line: up to three words, a colon, and something said. No space is needed after a wide one.
_PREFIX = re.compile(
    rf"^[^\S\n]*(?:(?:-|–|>>)[^\S\n]*)?(?=[^:：\n]{{1,{_MAX_CHARS}}}[:：])"
    r"([^\W\d_][^\s:：]*(?:[ ][^\s:：]+){0,2})(?::[^\S\n]+|：[^\S\n]*)(?=[^\s:：])",
    re.MULTILINE,
)
_SURE = re.compile(r"SPEAKER_[0-9]+")


def named_speakers(cues: Sequence[Sequence[Piece]]) -> set[str]:
    """The names that begin lines of ``cues`` and are taken for speakers."""
    counts = Counter(name for pieces in cues for piece in pieces for name in _names(piece.text))
    sure = {name for name, count in counts.items() if count > 1 or _SURE.fullmatch(name)}
    first = next((names for pieces in cues if (names := _names("".join(p.text for p in pieces)))), [])
    opening = _names("".join(piece.text for piece in cues[0])) if cues else []
    return set(counts) if first and first == opening and first[0] in sure else sure


def with_voices(cues: Sequence[Sequence[Piece]], names: set[str]) -> list[list[Piece]]:
    """``cues`` with each of ``names`` taken out of the text as the voice of what follows, up to the next."""
    voice: str | None = None
    found: list[list[Piece]] = []
    for pieces in cues:
        parted: list[Piece] = []
        for piece in pieces:
            at = 0
            for prefix in _PREFIX.finditer(piece.text):
                if _name(prefix) in names:
                    parted.append(Piece(piece.text[at : prefix.start()], voice, piece.from_s))
                    voice, at = _name(prefix), prefix.end()
            parted.append(Piece(piece.text[at:], voice, piece.from_s))
        found.append(parted)
    return found


def _names(text: str) -> list[str]:
    return [name for prefix in _PREFIX.finditer(text) if (name := _name(prefix))]


def _name(prefix: re.Match[str]) -> str:
    """The name in ``prefix``; empty when it does not look like one: a word of it is in lower case."""
    words = prefix[1].split()
    return "" if any(word[0].islower() for word in words) else clean(prefix[1])
