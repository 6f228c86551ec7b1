"""TTML in the IMSC 1.1 Text profile: a region per lane, a style and an agent per speaker, words in time.

A timed span would be hidden outside its time. So that a line can be read ahead, each word is shown with its
cue, and an animation keeps it in the text's own colour until it is spoken; where animations are not known,
words have their speaker's colour throughout.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from math import gcd

from ecg.captions.scenario import Scenario
from ecg.captions.sidecars.shown import (
    ShownCue,
    ShownWord,
    clock,
    language_tag,
    lit_color,
    shown_cues,
    speaker_names,
)

PROFILE = "http://www.w3.org/ns/ttml/profile/imsc1.1/text"

_TTML = "http://www.w3.org/ns/ttml"
_PREFIXES = {
    "tts": f"{_TTML}#styling",
    "ttp": f"{_TTML}#parameter",
    "ttm": f"{_TTML}#metadata",
    "itts": f"{_TTML}/profile/imsc1#styling",
    "ebutts": "urn:ebu:tt:style",
}
_BOLD_WEIGHT = 600


def to_text(scenario: Scenario) -> str:
    """``scenario`` as a TTML document."""
    cues = shown_cues(scenario)
    agents = {speaker: f"s{number}" for number, speaker in enumerate(speaker_names(scenario), start=1)}
    root = ET.Element("tt", _root_attributes(scenario))
    root.append(_head(scenario, cues, agents))
    div = ET.SubElement(ET.SubElement(root, "body"), "div")
    for cue in cues:
        div.append(_paragraph(scenario, cue, agents[cue.speaker]))
    _indent(root, div)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _root_attributes(scenario: Scenario) -> dict[str, str]:
    divisor = gcd(scenario.width, scenario.height)
    return {
        "xmlns": _TTML,
        **{f"xmlns:{prefix}": uri for prefix, uri in _PREFIXES.items()},
        "xml:lang": language_tag(scenario),
        "ttp:contentProfiles": PROFILE,
        "ttp:timeBase": "media",
        "ttp:displayAspectRatio": f"{scenario.width // divisor} {scenario.height // divisor}",
    }


def _head(scenario: Scenario, cues: list[ShownCue], agents: dict[str, str]) -> ET.Element:
    head = ET.Element("head")
    metadata = ET.SubElement(head, "metadata")
    for speaker, name in speaker_names(scenario).items():
        agent = ET.SubElement(metadata, "ttm:agent", {"xml:id": f"agent-{agents[speaker]}", "type": "person"})
        ET.SubElement(agent, "ttm:name", {"type": "full"}).text = name
    styling = ET.SubElement(head, "styling")
    ET.SubElement(styling, "style", {"xml:id": "text", **_text_style(scenario)})
    for speaker, agent_id in agents.items():
        color = lit_color(scenario, speaker)
        ET.SubElement(styling, "style", {"xml:id": agent_id, "style": "text", "tts:color": color})
    layout = ET.SubElement(head, "layout")
    for lane, (top, height) in _bands(scenario, cues).items():
        layout.append(_region(scenario, lane, top, height))
    return head


def _text_style(scenario: Scenario) -> dict[str, str]:
    style = scenario.style
    size_rh = 100 * style.text_size_px(scenario.width, scenario.height) / scenario.height
    return {
        "tts:fontFamily": "proportionalSansSerif",
        "tts:fontSize": f"{size_rh:.3f}rh",
        "tts:lineHeight": f"{100 * style.text.line_height:.0f}%",
        "tts:textAlign": "center",
        "ebutts:linePadding": "0.5c",
        "itts:fillLineGap": "true",
    }


def _region(scenario: Scenario, lane: int, top: float, height: float) -> ET.Element:
    side = scenario.style.area.side
    return ET.Element("region", {
        "xml:id": _region_id(lane),
        "tts:origin": f"{100 * side:.3f}% {100 * top:.3f}%",
        "tts:extent": f"{100 * (1 - 2 * side):.3f}% {100 * height:.3f}%",
        "tts:displayAlign": "after",
        "tts:overflow": "visible",
        "tts:showBackground": "whenActive",
    })  # fmt: skip


def _bands(scenario: Scenario, cues: list[ShownCue]) -> dict[int, tuple[float, float]]:
    """Top and height of each lane's region, as shares of the picture: one above the other, without
    overlaps, lower where they would not all fit."""
    needed = {lane: 0.0 for lane in sorted({cue.lane for cue in cues})}
    for cue in cues:
        needed[cue.lane] = max(needed[cue.lane], _height(scenario, cue))
    room = 1 - scenario.style.area.bottom
    squeeze = min(1.0, room / sum(needed.values())) if needed else 1.0
    bands, bottom = {}, room
    for lane, height in needed.items():
        bottom -= height * squeeze
        bands[lane] = (max(bottom, 0.0), height * squeeze)
    return bands


def _height(scenario: Scenario, cue: ShownCue) -> float:
    style = scenario.style
    line = style.text_size_px(scenario.width, scenario.height) / scenario.height * style.text.line_height
    return line * (sum(max(word.word.size for word in shown) for shown in cue.lines) + style.area.lane_gap)


def _paragraph(scenario: Scenario, cue: ShownCue, agent_id: str) -> ET.Element:
    attributes = {
        "begin": clock(cue.start_ms), "end": clock(cue.end_ms), "region": _region_id(cue.lane),
        "style": agent_id, "ttm:agent": f"agent-{agent_id}", "xml:space": "preserve",
    }  # fmt: skip
    if cue.leans_right:
        attributes |= {"tts:direction": "rtl", "tts:unicodeBidi": "embed"}
    paragraph = ET.Element("p", attributes)
    box = scenario.style.box
    background = ET.SubElement(paragraph, "span", {"tts:backgroundColor": _rgba(box.color, box.opacity)})
    for number, line in enumerate(cue.lines):
        if number:
            ET.SubElement(background, "br")
        for index, word in enumerate(line):
            if index and word.gap:
                background[-1].tail = word.gap
            background.append(_word(scenario, cue, word))
    return paragraph


def _word(scenario: Scenario, cue: ShownCue, shown: ShownWord) -> ET.Element:
    attributes = {}
    if shown.word.size != 1:
        attributes["tts:fontSize"] = f"{100 * shown.word.size:.0f}%"
    if shown.word.weight >= _BOLD_WEIGHT:
        attributes["tts:fontWeight"] = "bold"
    span = ET.Element("span", attributes)
    text, until_ms = scenario.style.text, shown.start_ms - cue.start_ms
    if until_ms:
        # Times of an animation count from the start of the paragraph.
        color = _rgba(text.color, text.opacity)
        ET.SubElement(span, "set", {"begin": clock(0), "end": clock(until_ms), "tts:color": color})
        span[0].tail = shown.text
    else:
        span.text = shown.text
    return span


def _indent(root: ET.Element, div: ET.Element) -> None:
    """A line per element down to the paragraphs; within them every space counts."""
    paragraphs = list(div)
    div[:] = []
    ET.indent(root)
    div[:] = paragraphs
    div.text = "\n      " if paragraphs else None
    for paragraph in paragraphs:
        paragraph.tail = "\n      "
    if paragraphs:
        paragraphs[-1].tail = "\n    "


def _region_id(lane: int) -> str:
    return f"lane{lane}"


def _rgba(color: str, opacity: float) -> str:
    return f"{color}{round(255 * opacity):02x}"
