"""Advanced SubStation Alpha: a style per speaker, karaoke, and each word's size, weight and width.

A code splits a line into pieces, which are laid out one after the other from left to right; but libass lays
out the line as a whole where the style's encoding is -1, so right-to-left scripts have that.
"""

from __future__ import annotations

from collections.abc import Iterator

from pysubs2 import Alignment, Color, SSAEvent, SSAFile, SSAStyle

from ecg.captions.lines import line_limits, width_em
from ecg.captions.scenario import CueWord, Scenario
from ecg.captions.sidecars.shown import (
    ShownCue,
    ShownWord,
    language_tag,
    lit_color,
    shown_cues,
    speaker_names,
)
from ecg.captions.sidecars.srt import escaped

# A font that each system has or stands in for, and its height in em, which is what ASS calls a font's size.
_LATIN = ("Arial", 1.117)
_FONTS = {
    "ko": ("Noto Sans CJK KR", 1.448),
    "ja": ("Noto Sans CJK JP", 1.448),
    "zh": ("Noto Sans CJK SC", 1.448),
}
# Size 1, weight 400, width 100: how a line begins.
_PLAIN = CueWord("-", 0, 0)
# Widths are estimated for the player's own font; the one that is found here may be wider.
_ROOM_TO_SPARE = 0.9
_AUTO_DIRECTION, _LEFT_TO_RIGHT = -1, 1
_OPAQUE_BOX = 3


def to_text(scenario: Scenario) -> str:
    """``scenario`` as an ASS script for a picture of its ``width`` × ``height``; times are rounded to
    hundredths of a second."""
    cues, names = shown_cues(scenario), _style_names(scenario)
    script = SSAFile()
    script.info = {
        "PlayResX": str(scenario.width), "PlayResY": str(scenario.height),
        "WrapStyle": "0", "ScaledBorderAndShadow": "yes",
    }  # fmt: skip
    if language_tag(scenario):
        script.info["Language"] = language_tag(scenario)
    leans_right = any(cue.has_right_to_left for cue in cues)
    encoding = _AUTO_DIRECTION if leans_right else _LEFT_TO_RIGHT
    script.styles = {
        name: _style(scenario, lit_color(scenario, speaker), encoding) for speaker, name in names.items()
    }
    scales = [_scale(scenario, cue) for cue in cues]
    margins = _margins_px(scenario, cues, scales)
    for cue, scale, margin_px in zip(cues, scales, margins, strict=True):
        name = names[cue.speaker]
        script.events.append(SSAEvent(
            start=_centiseconds(cue.start_ms) * 10, end=_end_cs(cue) * 10, style=name, name=name,
            marginv=margin_px, text="".join(_karaoke(scenario, cue, scale)),
        ))  # fmt: skip
    return script.to_string("ass", header_notice="")


def _style_names(scenario: Scenario) -> dict[str, str]:
    """Fields are parted by commas, and an asterisk before a style's name is dropped."""
    swaps = str.maketrans(",*", "‚＊")
    return {speaker: name.translate(swaps) for speaker, name in speaker_names(scenario).items()}


def _style(scenario: Scenario, color: str, encoding: int) -> SSAStyle:
    text, box, area = scenario.style.text, scenario.style.box, scenario.style.area
    side_px = round(area.side * scenario.width)
    return SSAStyle(
        fontname=_font(scenario)[0], fontsize=_font_size(scenario, 1.0),
        primarycolor=_color(color), secondarycolor=_color(text.color, text.opacity),
        outlinecolor=_color(box.color, box.opacity), backcolor=_color(box.color, box.opacity),
        borderstyle=_OPAQUE_BOX, outline=_padding_px(scenario), shadow=0,
        alignment=Alignment.BOTTOM_CENTER, marginl=side_px, marginr=side_px,
        marginv=_floor_px(scenario), encoding=encoding,
    )  # fmt: skip


def _karaoke(scenario: Scenario, cue: ShownCue, scale: float) -> Iterator[str]:
    """Each word behind the time it takes until the next one starts, and what is special about it."""
    starts = _rising_starts_cs(cue)
    if starts[0]:
        yield _coded({"k": str(starts[0])})
    ends = [*starts[1:], _end_cs(cue) - _centiseconds(cue.start_ms)]
    look, plain = _look(scenario, _PLAIN, 1.0), _look(scenario, _PLAIN, scale)
    for index, (seam, word) in enumerate(_seams(cue)):
        if seam:
            # A space is the line's: in a large word's size it would be a hole.
            yield _coded(_changes(look, plain)) + seam
            look = plain
        wanted = _look(scenario, word.word, scale)
        time = {"k": str(max(ends[index] - starts[index], 0))}
        yield _coded(time | _changes(look, wanted)) + escaped(word.text)
        look = wanted


def _seams(cue: ShownCue) -> Iterator[tuple[str, ShownWord]]:
    """Every word with what stands before it: a line break, a space or nothing."""
    for number, line in enumerate(cue.lines):
        for position, word in enumerate(line):
            yield word.gap if position else r"\N" if number else "", word


def _look(scenario: Scenario, word: CueWord, scale: float) -> dict[str, str]:
    return {
        "fs": f"{_font_size(scenario, scale * word.size):g}",
        "b": f"{min(max(round(word.weight, -2), 100), 900):.0f}",
        "fscx": f"{word.width:g}",
    }


def _changes(before: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
    return {code: value for code, value in wanted.items() if before[code] != value}


def _coded(codes: dict[str, str]) -> str:
    return "{" + "".join(f"\\{code}{value}" for code, value in codes.items()) + "}" if codes else ""


def _rising_starts_cs(cue: ShownCue) -> list[int]:
    """When each word starts after the cue's start, none before the word to its left."""
    first_cs, starts = _centiseconds(cue.start_ms), list[int]()
    for word in cue.words:
        start_cs = _centiseconds(word.start_ms) - first_cs
        starts.append(max(start_cs, starts[-1] if starts else 0))
    return starts


def _scale(scenario: Scenario, cue: ShownCue) -> float:
    """What the cue's text must be shrunk by to fit between the margins."""
    limits = line_limits(scenario.style, scenario.width, scenario.height)
    widest_em = max(width_em([shown.word for shown in line], limits) for line in cue.lines)
    return min(1.0, limits.em * _ROOM_TO_SPARE / widest_em) if widest_em else 1.0


def _margins_px(scenario: Scenario, cues: list[ShownCue], scales: list[float]) -> list[int]:
    """How far above the bottom of the picture each cue stands: over all of lower lanes shown with it."""
    gap_px = scenario.style.area.lane_gap * _unit_px(scenario) + 2 * _padding_px(scenario)
    heights_px = [_height_px(scenario, cue, scale) for cue, scale in zip(cues, scales, strict=True)]
    below, margins = _below(cues), [_floor_px(scenario)] * len(cues)
    for index in sorted(range(len(cues)), key=lambda index: cues[index].lane):
        tops = [margins[lower] + heights_px[lower] + gap_px for lower in below[index]]
        margins[index] = round(max([margins[index], *tops]))
    return margins


def _below(cues: list[ShownCue]) -> list[list[int]]:
    """For each cue, those of lower lanes that are on screen with it; ``cues`` are in order of start."""
    below: list[list[int]] = [[] for _ in cues]
    shown: list[int] = []
    for index, cue in enumerate(cues):
        shown = [other for other in shown if cues[other].end_ms > cue.start_ms]
        for other in shown:
            if cues[other].lane < cue.lane:
                below[index].append(other)
            elif cues[other].lane > cue.lane:
                below[other].append(index)
        shown.append(index)
    return below


def _height_px(scenario: Scenario, cue: ShownCue, scale: float) -> float:
    largest = [max(shown.word.size for shown in line) for line in cue.lines]
    return sum(_font_size(scenario, scale * size) for size in largest)


def _font(scenario: Scenario) -> tuple[str, float]:
    return _FONTS.get(scenario.language.split("-")[0].lower(), _LATIN)


def _font_size(scenario: Scenario, size: float) -> float:
    return round(_unit_px(scenario) * _font(scenario)[1] * size, 1)


def _unit_px(scenario: Scenario) -> float:
    return scenario.style.text_size_px(scenario.width, scenario.height)


def _padding_px(scenario: Scenario) -> float:
    return round(scenario.style.box.padding_y * _unit_px(scenario), 1)


def _floor_px(scenario: Scenario) -> int:
    return round(scenario.style.area.bottom * scenario.height + _padding_px(scenario))


def _color(color: str, opacity: float = 1.0) -> Color:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return Color(red, green, blue, round(255 * (1 - opacity)))


def _centiseconds(time_ms: int) -> int:
    return (time_ms + 5) // 10


def _end_cs(cue: ShownCue) -> int:
    return max(_centiseconds(cue.end_ms), _centiseconds(cue.start_ms) + 1)
