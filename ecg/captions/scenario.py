"""The scenario: pure data that says what is on screen at every time. No code, no HTML, no URLs.

    Scenario ─ style
             ├ speakers ─ colour, name
             └ cues ─ lines (indices into words)
                    └ words ─ text, time, size, font axes

Times are seconds from the start of the media. `json_schema` is the published shape; `Scenario.from_json`
also checks what a schema cannot say, and points at the value that is wrong.
"""

# ruff: noqa: RUF009 - `holds` makes a dataclass field, not a shared default

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecg.captions import fields
from ecg.captions.fields import COLOR, Flag, Items, Number, Record, Table, Text, holds, shown, wrong
from ecg.captions.style import Style

VERSION = 1

# Four months: where numbers still tell times apart by less than a millionth of a frame.
_TIME = Number(0, 10_000_000)
_PIXELS = Number(16, 16384, whole=True)
LONGEST_WORD = 1000
LONGEST_NAME = 1000
_MOST_WORDS = 1000
# Of one document: more than is said in a day.
_MOST_CUES, _MOST_SPEAKERS = 100_000, 1000
# In one cue: more takes a browser longer to lay out than anybody waits.
_MOST_CHARACTERS = 10_000
# Nobody writes letters with more; what is piled higher stands far outside of its line.
MOST_MARKS = 8

_LINE = Items(Number(0, whole=True), least=1, most=_MOST_WORDS)
_NAME = Text(longest=LONGEST_NAME)


@dataclass(frozen=True)
class CueWord:
    """One word on screen. ``size`` is a multiple of the style's normal size; ``weight`` and ``width`` are
    the font's axes. ``glued``: no space between the word before and this one. ``raised`` (how far above its
    line it stands) and ``spacing`` (added after each letter) are em of the normal size."""

    text: str = holds(Text(longest=LONGEST_WORD))
    start_s: float = holds(_TIME)
    end_s: float = holds(_TIME)
    size: float = holds(Number(0.2, 5), 1.0)
    weight: float = holds(Number(1, 1000), 400)
    width: float = holds(Number(25, 200), 100)
    glued: bool = holds(Flag(), False)
    raised: float = holds(Number(-1, 1), 0.0)
    spacing: float = holds(Number(-1, 1), 0.0)


@dataclass(frozen=True)
class Cue:
    """A box of one speaker's words, on screen from ``start_s`` until before ``end_s``.

    ``lane`` 0 is the lowest; boxes of the same lane are never on screen together. ``lines`` holds, per
    line, indices into ``words``; read one after the other they are 0, 1, 2 …
    """

    id: str = holds(_NAME)
    start_s: float = holds(_TIME)
    end_s: float = holds(_TIME)
    speaker: str = holds(_NAME)
    lane: int = holds(Number(0, 15, whole=True))
    lines: tuple[tuple[int, ...], ...] = holds(Items(_LINE, least=1, most=_MOST_WORDS))
    words: tuple[CueWord, ...] = holds(Items(Record(CueWord), least=1, most=_MOST_WORDS))


@dataclass(frozen=True)
class CueSpeaker:
    """How a speaker is shown."""

    color: str = holds(COLOR)
    name: str | None = holds(Text(nullable=True, longest=LONGEST_NAME), None)


@dataclass(frozen=True)
class Scenario:
    """What is on screen at every time. ``width`` × ``height``: the picture the lines were broken for."""

    version: int = holds(Number(VERSION, VERSION, whole=True))
    width: int = holds(_PIXELS)
    height: int = holds(_PIXELS)
    duration_s: float = holds(_TIME)
    language: str = holds(_NAME)
    style: Style = holds(Record(Style))
    speakers: Mapping[str, CueSpeaker] = holds(Table(Record(CueSpeaker), _MOST_SPEAKERS))
    cues: tuple[Cue, ...] = holds(Items(Record(Cue), most=_MOST_CUES))

    def to_json(self) -> dict[str, Any]:
        return fields.write(self)

    def between(self, from_s: float, to_s: float) -> Scenario:
        """The same with no other cues than those on screen from ``from_s`` until before ``to_s``, and those
        that share the screen with one of them, or with one that does: cues stand on one another."""
        kept: set[str] = set()
        for together in _on_screen_together(self.cues):
            if together[0].start_s < to_s and max(cue.end_s for cue in together) > from_s:
                kept.update(cue.id for cue in together)
        return replace(self, cues=tuple(cue for cue in self.cues if cue.id in kept))

    @property
    def characters(self) -> frozenset[str]:
        """All that captions are written with, in Unicode's composed form."""
        return frozenset(
            unicodedata.normalize("NFC", " ".join(word.text for cue in self.cues for word in cue.words))
        )

    @classmethod
    def from_json(cls, data: Any) -> Scenario:
        """Raises `InvalidScenario` whose message starts with the path of the first wrong value."""
        scenario = fields.read(cls, data)
        for index, cue in enumerate(scenario.cues):
            _check_cue(scenario, cue, f"cues[{index}]")
        _check_ids(scenario.cues)
        _check_lanes(scenario.cues)
        return scenario


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a scenario."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ECG caption scenario",
        **fields.schema(Scenario),
    }


def _on_screen_together(cues: Iterable[Cue]) -> list[list[Cue]]:
    """Cues in the order in which they come, divided wherever none is on screen both before and after."""
    groups: list[list[Cue]] = []
    end_s = -math.inf
    for cue in sorted(cues, key=lambda cue: cue.start_s):
        if cue.start_s >= end_s:
            groups.append([])
        groups[-1].append(cue)
        end_s = max(end_s, cue.end_s)
    return groups


def _check_cue(scenario: Scenario, cue: Cue, path: str) -> None:
    if cue.end_s <= cue.start_s:
        raise wrong(f"{path}.end_s", f"must be after start_s ({cue.start_s}), not {cue.end_s}")
    if cue.speaker not in scenario.speakers:
        raise wrong(f"{path}.speaker", f"{shown(cue.speaker)} is not among speakers")
    if [index for line in cue.lines for index in line] != list(range(len(cue.words))):
        raise wrong(f"{path}.lines", f"must name every word 0..{len(cue.words) - 1} once, in order")
    if (length := sum(len(word.text) for word in cue.words)) > _MOST_CHARACTERS:
        raise wrong(f"{path}.words", f"must have at most {_MOST_CHARACTERS} characters, not {length}")
    for index, word in enumerate(cue.words):
        _check_word(cue, word, f"{path}.words[{index}]")


def _check_word(cue: Cue, word: CueWord, path: str) -> None:
    if word.end_s <= word.start_s:
        raise wrong(f"{path}.end_s", f"must be after start_s ({word.start_s}), not {word.end_s}")
    if word.start_s < cue.start_s:
        raise wrong(f"{path}.start_s", f"is before the cue is on screen ({cue.start_s})")
    if word.end_s > cue.end_s:
        raise wrong(f"{path}.end_s", f"is after the cue has gone ({cue.end_s})")
    if not word.text.isascii() and (marks := piled_marks(word.text)) > MOST_MARKS:
        raise wrong(f"{path}.text", f"must have at most {MOST_MARKS} accents on a letter, not {marks}")


def piled_marks(text: str) -> int:
    """The most accents that one letter has; what is invisible between them keeps none apart."""
    most = marks = 0
    for kind in map(unicodedata.category, text):
        marks = marks + 1 if kind[0] == "M" else marks if kind == "Cf" else 0
        most = max(most, marks)
    return most


def _check_ids(cues: tuple[Cue, ...]) -> None:
    seen: dict[str, int] = {}
    for index, cue in enumerate(cues):
        if cue.id in seen:
            raise wrong(f"cues[{index}].id", f"{shown(cue.id)} is the id of cues[{seen[cue.id]}] already")
        seen[cue.id] = index


def _check_lanes(cues: tuple[Cue, ...]) -> None:
    last: dict[int, int] = {}
    for index in sorted(range(len(cues)), key=lambda index: cues[index].start_s):
        cue, before = cues[index], last.get(cues[index].lane)
        if before is not None and cue.start_s < cues[before].end_s:
            raise wrong(f"cues[{index}].start_s", f"overlaps cues[{before}] in lane {cue.lane}")
        last[cue.lane] = index
