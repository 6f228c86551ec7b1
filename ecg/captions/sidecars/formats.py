"""The formats there are, and writing a scenario in one of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from ecg.captions.scenario import Scenario
from ecg.captions.sidecars import ass, srt, ttml, txt, vtt
from ecg.errors import BadRequest


@dataclass(frozen=True)
class Format:
    """A kind of sidecar file. ``extension`` has no dot; ``end_s``: it can say no time as late as this
    (seconds), ``None`` when it can say them all."""

    name: str
    title: str
    extension: str
    media_type: str
    to_text: Callable[[Scenario], str]
    end_s: float | None = None


def _json(scenario: Scenario) -> str:
    return json.dumps(scenario.to_json(), ensure_ascii=False, indent=2) + "\n"


# Readers of SubRip, WebVTT and TTML take two digits of hours for granted; ASS has one.
_HUNDRED_HOURS_S, _TEN_HOURS_S = 360_000.0, 36_000.0

FORMATS = MappingProxyType({
    format.name: format
    for format in (
        Format("srt", "SubRip", "srt", "application/x-subrip", srt.to_text, _HUNDRED_HOURS_S),
        Format("vtt", "WebVTT", "vtt", "text/vtt", vtt.to_text, _HUNDRED_HOURS_S),
        Format("ass", "Advanced SubStation Alpha", "ass", "text/x-ass", ass.to_text, _TEN_HOURS_S),
        Format("ttml", "TTML (IMSC 1.1 Text)", "ttml", "application/ttml+xml", ttml.to_text,
               _HUNDRED_HOURS_S),
        Format("json", "ECG scenario", "json", "application/json", _json),
        Format("txt", "Plain text", "txt", "text/plain", txt.to_text),
    )
})  # fmt: skip


def format_named(name: str) -> Format:
    """The format called ``name``; raises `BadRequest` when there is none."""
    if name not in FORMATS:
        raise BadRequest(f"There is no format {name!r}; choose one of {', '.join(FORMATS)}.", format=name)
    return FORMATS[name]


def write(scenario: Scenario, format: str) -> str:
    """``scenario`` as the text of a sidecar file; encode it in UTF-8.

    Every word of the scenario is in it, and nothing of a word is taken for the format's own signs. Line
    breaks and control characters within a word become spaces and U+FFFD.

    Raises `BadRequest` for a format that is not in `FORMATS`, and for times that it cannot say.
    """
    chosen = format_named(format)
    last_s = max((cue.end_s for cue in scenario.cues), default=0.0)
    if chosen.end_s is not None and last_s >= chosen.end_s:
        raise BadRequest(
            f"{chosen.title} cannot say times from {chosen.end_s / 3600:.0f} hours on, and the captions end "
            f"at {last_s / 3600:.1f} hours. Choose json or txt, or cut the video into parts.",
            format=format, end_s=last_s,
        )  # fmt: skip
    return chosen.to_text(scenario)
