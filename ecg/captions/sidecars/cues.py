"""Where the cues of a SubRip or WebVTT file are: times, text, and the line each begins on.

Our own, because no library tells the line, and each drops something in silence: a cue whose time it cannot
read, a last line that is a number, text after a blank line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ecg.errors import BadRequest, InvalidScenario

MAX_CUES = 50_000

_LAST_S = 360_000.0  # 100 hours
_MAX_CUE_CHARS = 20_000
_ARROW = "-->"
_TIME = r"(?:([0-9]{1,9}):)?([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]{1,3})[0-9]{0,6})?"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
# What stands before the arrow of a timing, however garbled, and not of a text such as "A --> B".
_LIKE_A_TIME = re.compile(r"\s*-?[0-9][-0-9:.,\s]*-->")
_NUMBER = re.compile(r"\s*[0-9]+\s*")
_NOT_A_CUE = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")


@dataclass(frozen=True)
class FileCue:
    """A cue as the file has it. ``line`` is that of its times, from 1; ``text`` still has its tags."""

    line: int
    start_s: float
    end_s: float
    text: tuple[str, ...]


@dataclass(frozen=True)
class CueFile:
    """What was found: ``format`` is ``vtt`` or ``srt``; ``language`` as the header names it, or empty;
    ``stray``: numbers of lines with text that is in no cue."""

    format: str
    language: str
    cues: tuple[FileCue, ...]
    stray: tuple[int, ...]


def find_cues(text: str) -> CueFile:
    """The cues of ``text``, in the order of the file.

    Raises `InvalidScenario` that names the line which is wrong, `BadRequest` for over `MAX_CUES` cues.
    """
    lines = re.split("\r\n|\r|\n", text)
    found = _webvtt(lines) if re.match(r"WEBVTT(\s|$)", text) else _subrip(lines)
    if not found.cues:
        raise InvalidScenario(
            "No cue was found in the file. Send SubRip or WebVTT, where each cue has a line such as "
            "00:00:01.000 --> 00:00:02.500."
        )
    return found


def time_s(parts: Sequence[str | None]) -> float | None:
    """Seconds from hours (or ``None``), minutes, seconds and a decimal fraction (or ``None``); ``None``
    when that is no time on a clock."""
    hours, minutes, seconds = (int(part or 0) for part in parts[:3])
    if minutes > 59 or seconds > 59:
        return None
    return hours * 3600 + minutes * 60 + seconds + int((parts[3] or "0").ljust(3, "0")) / 1000


def stamp_s(text: str) -> float | None:
    """Seconds from ``text`` such as ``00:01.500``; ``None`` when that is no time."""
    match = re.fullmatch(_TIME, text)
    return time_s(match.groups()) if match else None


def _webvtt(lines: list[str]) -> CueFile:
    cues: list[FileCue] = []
    stray: list[int] = []
    at = _past_block(lines, 0)
    language = _language(lines[1:at])
    while at < len(lines):
        end = _past_block(lines, at)
        timing = next((index for index in range(at, min(at + 2, end)) if _ARROW in lines[index]), None)
        if timing is not None:
            _add(cues, lines, timing, lines[timing + 1 : end])
        elif at < end and not _NOT_A_CUE.match(lines[at]):
            stray.append(at + 1)
        at = max(end, at + 1)
    return CueFile("vtt", language, tuple(cues), tuple(stray))


def _past_block(lines: list[str], start: int) -> int:
    """The end of the block at ``start``: a blank line, or times that cannot be those of this block."""
    for index in range(start, len(lines)):
        if not lines[index]:
            return index
        later = index > start + 1 or (index == start + 1 and _ARROW in lines[start])
        if _ARROW in lines[index] and (later or (start == 0 and index)):
            return index
    return len(lines)


def _language(header: Sequence[str]) -> str:
    for line in header:
        key, _, value = line.partition(":")
        if key.strip().lower() == "language" and re.fullmatch(r"[A-Za-z0-9-]{2,35}", value.strip()):
            return value.strip()
    return ""


def _subrip(lines: list[str]) -> CueFile:
    timings = [index for index, line in enumerate(lines) if _is_timing(lines, index, line)]
    cues: list[FileCue] = []
    for index, following in pairwise([*timings, len(lines)]):
        numbered = following < len(lines) and _NUMBER.fullmatch(lines[following - 1])
        _add(cues, lines, index, lines[index + 1 : following - 1 if numbered else following])
    before = lines[: timings[0]] if timings else []
    stray = [number for number, line in enumerate(before, start=1) if line.strip()]
    if stray and _NUMBER.fullmatch(before[-1]):
        stray.pop()
    return CueFile("srt", "", tuple(cues), tuple(stray))


def _is_timing(lines: list[str], index: int, line: str) -> bool:
    """SubRip's text may have an arrow in it, so only what begins as times do, or follows the number of a
    cue, is one."""
    if _ARROW not in line:
        return False
    numbered = index > 0 and _NUMBER.fullmatch(lines[index - 1]) is not None
    opens = numbered and (index == 1 or not lines[index - 2].strip())
    return opens or _LIKE_A_TIME.match(line) is not None


def _add(cues: list[FileCue], lines: list[str], index: int, text: Sequence[str]) -> None:
    if len(cues) >= MAX_CUES:
        raise BadRequest(
            f"The file has more than {MAX_CUES} cues (from line {index + 1} on). Cut it into parts.",
            line=index + 1, limit=MAX_CUES,
        )  # fmt: skip
    if sum(map(len, text)) > _MAX_CUE_CHARS:
        raise wrong_line(index + 1, f"the cue has more than {_MAX_CUE_CHARS} characters; cut it into cues")
    start_s, end_s = _times(lines[index], index + 1)
    cues.append(FileCue(index + 1, start_s, end_s, tuple(text)))


def _times(line: str, number: int) -> tuple[float, float]:
    match = _TIMING.fullmatch(line)
    start_s, end_s = (time_s(match.groups()[at : at + 4]) for at in (0, 4)) if match else (None, None)
    if start_s is None or end_s is None:
        raise wrong_line(number, f"{line.strip()[:80]!r} is not two times such as "
                                 "00:00:01.000 --> 00:00:02.500; correct it")  # fmt: skip
    if end_s < start_s:
        raise wrong_line(number, f"the cue ends at {end_s:g} s, before it starts at {start_s:g} s; "
                                 "correct its times")  # fmt: skip
    if end_s >= _LAST_S:
        raise wrong_line(number, "the cue ends after 100 hours or more; correct its times")
    return start_s, end_s


def wrong_line(number: int, message: str) -> InvalidScenario:
    """The error for line ``number`` of the file."""
    return InvalidScenario(f"Line {number}: {message}.", line=number)
