"""What every format shows of a scenario: cues in order of time, in whole milliseconds, as clean lines."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ecg.captions.palette import laid_over
from ecg.captions.scenario import Cue, CueWord, Scenario

# Whatever some reader takes for the end of a line, and the space itself; not the no-break space.
_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x20\x85\u2028\u2029]+")
# Control characters, halves of characters and non-characters: no format can hold them all.
_UNSAYABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")

_POP_EMBEDDING, _POP_ISOLATE = "\u202c", "\u2069"
_EMBEDDINGS, _ISOLATES = "\u202a\u202b\u202d\u202e", "\u2066\u2067\u2068"
_RIGHT_TO_LEFT = {"R", "AL", "AN", "RLE", "RLO", "RLI"}

WORD_JOINER = "\u2060"


@dataclass(frozen=True)
class ShownWord:
    """A word with clean text; times are milliseconds from the start of the media, within its cue's."""

    word: CueWord
    start_ms: int
    end_ms: int

    @property
    def text(self) -> str:
        return self.word.text

    @property
    def gap(self) -> str:
        """What stands before it in running text."""
        return "" if self.word.glued else " "


@dataclass(frozen=True)
class ShownCue:
    """A cue with clean text; times are milliseconds from the start of the media."""

    start_ms: int
    end_ms: int
    speaker: str
    lane: int
    lines: tuple[tuple[ShownWord, ...], ...]

    @property
    def words(self) -> tuple[ShownWord, ...]:
        return tuple(word for line in self.lines for word in line)

    @property
    def text(self) -> str:
        """The lines, one below the other."""
        return "\n".join(map(line_text, self.lines))

    @property
    def has_right_to_left(self) -> bool:
        """Whether any of its text runs from right to left."""
        return any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in self.text)

    @property
    def leans_right(self) -> bool:
        """Whether its first letter of a clear direction is a right-to-left one."""
        directions = (unicodedata.bidirectional(char) for char in self.text)
        return next((kind for kind in directions if kind in ("L", "R", "AL")), "L") != "L"


def shown_cues(scenario: Scenario) -> list[ShownCue]:
    """The cues by start, the lower lane first."""
    cues = sorted(scenario.cues, key=lambda cue: (cue.start_s, cue.lane))
    return [_shown(cue) for cue in cues]


def line_text(line: Sequence[ShownWord]) -> str:
    """The words as running text."""
    return "".join(f"{word.gap if index else ''}{word.text}" for index, word in enumerate(line))


def clean(text: str) -> str:
    """``text`` on one line and without characters that break a file; nothing else is changed.

    Line breaks become spaces, control characters U+FFFD, and a byte order mark, which some reader would
    swallow, the word joiner that means the same.
    """
    return _BREAKS.sub(" ", _UNSAYABLE.sub("\ufffd", text)).strip(" ").replace("\ufeff", WORD_JOINER)


def speaker_names(scenario: Scenario) -> dict[str, str]:
    """The name to show of each speaker who has a cue, by id; no two are the same."""
    names: dict[str, str] = {}
    for speaker in dict.fromkeys(cue.speaker for cue in scenario.cues):
        name = balanced(clean(scenario.speakers[speaker].name or speaker))
        names[speaker] = _distinct(name, names)
    return names


def lit_color(scenario: Scenario, speaker: str) -> str:
    """The colour of ``speaker``'s words once they are spoken."""
    text = scenario.style.text
    return laid_over(scenario.speakers[speaker].color, text.tint, text.color)


def language_tag(scenario: Scenario) -> str:
    """The scenario's language as a BCP 47 tag; empty when it is not known or not one."""
    tag = scenario.language
    return tag if _LANGUAGE.fullmatch(tag) and tag != "und" else ""


def clock(time_ms: int, point: str = ".") -> str:
    """``time_ms`` as hours, minutes, seconds and milliseconds: ``01:02:03.004``."""
    seconds, ms = divmod(time_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{ms:03d}"


def balanced(text: str) -> str:
    """``text`` with every embedding and isolate of direction closed, so that none reaches what follows."""
    waiting: list[str] = []
    for char in text:
        if char in _EMBEDDINGS:
            waiting.append(_POP_EMBEDDING)
        elif char in _ISOLATES:
            waiting.append(_POP_ISOLATE)
        elif char == _POP_EMBEDDING and waiting[-1:] == [char]:
            waiting.pop()
        elif char == _POP_ISOLATE and char in waiting:
            while waiting.pop() != char:
                pass
    return text + "".join(reversed(waiting))


def _shown(cue: Cue) -> ShownCue:
    start_ms = _milliseconds(cue.start_s)
    end_ms = max(_milliseconds(cue.end_s), start_ms + 1)
    lines = tuple(
        _closed(tuple(_shown_word(cue.words[index], start_ms, end_ms) for index in line))
        for line in cue.lines
    )
    return ShownCue(start_ms, end_ms, cue.speaker, cue.lane, lines)


def _shown_word(word: CueWord, earliest_ms: int, latest_ms: int) -> ShownWord:
    start_ms = min(max(_milliseconds(word.start_s), earliest_ms), latest_ms)
    end_ms = min(max(_milliseconds(word.end_s), start_ms), latest_ms)
    return ShownWord(replace(word, text=clean(word.text)), start_ms, end_ms)


def _closed(line: tuple[ShownWord, ...]) -> tuple[ShownWord, ...]:
    """A direction may be opened in one word and closed in a later one, so a line is balanced as a whole."""
    text = line_text(line)
    last = replace(line[-1].word, text=line[-1].text + balanced(text)[len(text) :])
    return (*line[:-1], replace(line[-1], word=last))


def _milliseconds(time_s: float) -> int:
    return int(time_s * 1000 + 0.5)


def _distinct(name: str, taken: Mapping[str, str]) -> str:
    """``name``, with a number when another speaker has it already."""
    chosen, number = name, 1
    while chosen in taken.values():
        number += 1
        chosen = f"{name} ({number})"
    return chosen
