"""WebVTT: voices, speaker colours in a ``STYLE`` block, and a timestamp before each word.

A timestamp with no text after it says that the word before has ended. Browsers light a word at its
timestamp only when it stands in an element of its own, hence ``<c>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecg.captions.scenario import Scenario
from ecg.captions.sidecars.shown import (
    ShownCue,
    clock,
    language_tag,
    lit_color,
    shown_cues,
    speaker_names,
)

# In a CSS string all but these are written as escapes; a `-->` would end the block.
_NOT_PLAIN_IN_CSS = re.compile(r"[^A-Za-z0-9 \u00a1-\U0010ffff]")


def to_text(scenario: Scenario) -> str:
    """``scenario`` as WebVTT."""
    names = speaker_names(scenario)
    language = language_tag(scenario)
    header = f"WEBVTT\nLanguage: {language}\n" if language else "WEBVTT\n"
    style = "\n".join(["STYLE", *_rules(scenario, names)])
    blocks = [header, f"{style}\n", *(_block(cue, names[cue.speaker]) for cue in shown_cues(scenario))]
    return "\n".join(blocks)


def escaped(text: str) -> str:
    """``text`` as cue text or as the name of a voice."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _rules(scenario: Scenario, names: dict[str, str]) -> Iterator[str]:
    text, box = scenario.style.text, scenario.style.box
    yield f"::cue {{ background-color: {_rgba(box.color, box.opacity)}; }}"
    for speaker, name in names.items():
        yield f'::cue(v[voice="{_css_string(name)}"]) {{ color: {lit_color(scenario, speaker)}; }}'
    yield f"::cue(c:future) {{ color: {_rgba(text.color, text.opacity)}; }}"


def _block(cue: ShownCue, name: str) -> str:
    voice = re.sub("-$", "&#45;", escaped(name))  # the tag's own > must not make an arrow of it
    return f"{clock(cue.start_ms)} --> {clock(cue.end_ms)}\n<v {voice}>{_timed_text(cue)}</v>\n"


def _timed_text(cue: ShownCue) -> str:
    """The words with timestamps, which must rise and lie within the cue; a word that cannot have one is
    lit with the word before."""
    parts, last_ms = [], cue.start_ms
    silent_from_ms = None  # the end of the word before, until it is written
    for line_number, line in enumerate(cue.lines):
        for index, word in enumerate(line):
            if silent_from_ms is not None and last_ms < silent_from_ms < word.start_ms:
                parts.append(_stamp(silent_from_ms))
                last_ms = silent_from_ms
            parts.append("\n" if line_number and not index else word.gap if index else "")
            if last_ms < word.start_ms < cue.end_ms:
                parts.append(_stamp(word.start_ms))
                last_ms = word.start_ms
            parts.append(f"<c>{escaped(word.text)}</c>")
            silent_from_ms = word.end_ms
    if silent_from_ms is not None and last_ms < silent_from_ms < cue.end_ms:
        parts.append(_stamp(silent_from_ms))
    return "".join(parts)


def _stamp(time_ms: int) -> str:
    return f"<{clock(time_ms)}>"


def _css_string(text: str) -> str:
    return _NOT_PLAIN_IN_CSS.sub(lambda char: f"\\{ord(char[0]):x} ", text)


def _rgba(color: str, opacity: float) -> str:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"
