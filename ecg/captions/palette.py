"""Colours of speakers: who gets which, how well each reads on its box, and how far apart they are seen.

`check_palette` is the promise every style keeps: each colour and the resting text stand out from the box,
whatever picture is behind it, and nobody takes one main colour for another, colour-blind viewers included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from ecg.captions.style import Box, Palette, Style

#: WCAG 2.2, success criterion 1.4.3, level AA.
MIN_CONTRAST = 4.5
#: How far the colours of the first `LEADING` speakers, of all main colours, and of all colours (the last
#: for viewers with three kinds of cones only) must be apart at least, in CIEDE2000. About 2 is just noticed
#: side by side; captions are compared from memory, which takes several times as much.
LEADING = 4
LEADING_APART, MAIN_APART, ALL_APART = 15.0, 10.0, 10.0
#: How far a main colour must be from the text at rest: what has been said is told from what has not.
LIT_APART = 8.0

_NORMAL = "normal"
# What a viewer without one kind of cone sees, on linear sRGB: Machado, Oliveira and Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15 (2009), severity 1.0.
_SEEN: dict[str, tuple[tuple[float, float, float], ...]] = {
    _NORMAL: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip
#: Kinds of colour vision: "normal" and the three kinds of colour-blindness.
VISIONS = tuple(_SEEN)

# Linear sRGB to CIE XYZ (IEC 61966-2-1); the rows add up to the white point, D65.
_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
_PICTURES = ("#000000", "#ffffff")


@dataclass(frozen=True)
class Faint:
    """A colour that reads badly on its box: ``value`` is its WCAG contrast, ``limit`` what it must reach,
    ``picture`` the colour behind the box."""

    color: str
    picture: str
    value: float
    limit: float

    def __str__(self) -> str:
        return f"{self.color} has a contrast of {self.value:.2f} over {self.picture}, below {self.limit:g}"


@dataclass(frozen=True)
class Alike:
    """Two colours that are taken for each other: ``value`` is their difference (CIEDE2000) for ``vision``,
    one of `VISIONS`, and ``limit`` what it must reach."""

    colors: tuple[str, str]
    vision: str
    value: float
    limit: float

    def __str__(self) -> str:
        pair = " and ".join(self.colors)
        return f"{pair} differ by {self.value:.1f} for {self.vision} vision, below {self.limit:g}"


def assign_colors(speakers: Sequence[str], palette: Palette) -> dict[str, str]:
    """A colour for each of ``speakers``, who come in order of importance: the main colours first."""
    colors = palette.colors
    return {speaker: colors[index % len(colors)] for index, speaker in enumerate(speakers)}


def check_palette(style: Style) -> tuple[Faint | Alike, ...]:
    """What is wrong with the colours of ``style``; nothing, for a style that may be shipped."""
    palette, main = style.palette, style.palette.main
    unlit = laid_over(style.text.color, style.text.opacity, style.box.color)
    cases: list[Faint | Alike] = [least_contrast(color, 1, style.box) for color in palette.colors]
    cases.append(least_contrast(style.text.color, style.text.opacity, style.box))
    cases += _pairs(main[:LEADING], LEADING_APART, VISIONS)
    cases += _pairs(main, MAIN_APART, VISIONS)
    cases += _pairs(palette.colors, ALL_APART, (_NORMAL,))
    cases += [most_alike(color, unlit, LIT_APART) for color in main]
    return tuple(dict.fromkeys(case for case in cases if case.value < case.limit))


def least_contrast(color: str, opacity: float, box: Box, limit: float = MIN_CONTRAST) -> Faint:
    """The lower contrast of text in ``color`` with ``opacity`` 0..1 on ``box``, over a black or a white
    picture: every other picture lies between. An outline is in the colour and opacity of the box, whose
    place it takes: what is right for one is for the other."""
    cases = []
    for picture in _PICTURES:
        behind = laid_over(box.color, box.opacity, picture)
        cases.append(Faint(color, picture, contrast(laid_over(color, opacity, behind), behind), limit))
    return min(cases, key=lambda case: case.value)


def most_alike(first: str, second: str, limit: float, visions: Sequence[str] = VISIONS) -> Alike:
    """How alike two colours are to those of ``visions`` who tell them apart worst."""
    seen = [Alike((first, second), vision, difference(first, second, vision), limit) for vision in visions]
    return min(seen, key=lambda case: case.value)


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours such as ``#ffd400``, 1..21 (WCAG 2.2)."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def laid_over(color: str, opacity: float, background: str) -> str:
    """The colour seen when ``color`` lies over ``background`` with ``opacity`` 0..1."""
    return _hex(
        over * opacity + under * (1 - opacity)
        for over, under in zip(_channels(color), _channels(background), strict=True)
    )


def lit_color(color: str, style: Style) -> tuple[str, float]:
    """Colour and opacity of a word that has been spoken by a speaker of ``color``: the player's sum."""
    tint = style.text.tint
    return laid_over(color, tint, style.text.color), style.text.opacity + (1 - style.text.opacity) * tint


def simulate(color: str, vision: str) -> str:
    """``color`` as it looks to ``vision``, one of `VISIONS` (Machado et al. 2009, severity 1.0)."""
    linear = [_linear(channel / 255) for channel in _channels(color)]
    return _hex(255 * _encoded(min(max(light, 0.0), 1.0)) for light in _times(_SEEN[vision], linear))


@lru_cache(4096)
def difference(first: str, second: str, vision: str = _NORMAL) -> float:
    """How far two colours are apart for ``vision``, one of `VISIONS`: 0 is the same, 100 black and white
    (CIEDE2000: Sharma, Wu and Dalal, Color Research and Application 30, 2005)."""
    return ciede2000(_lab(simulate(first, vision)), _lab(simulate(second, vision)))


def ciede2000(first: Sequence[float], second: Sequence[float]) -> float:
    """The difference of two colours in CIELAB. Names are those of the paper's equations 2 to 22."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    stretch = 1.5 - 0.5 * _chroma_share((math.hypot(a1, b1) + math.hypot(a2, b2)) / 2)
    c1, c2 = math.hypot(a1 * stretch, b1), math.hypot(a2 * stretch, b2)
    h1, h2 = (math.degrees(math.atan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn, h = _between(h1, h2, gray=not c1 * c2)
    light, c = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * _cos(h - 30) + 0.24 * _cos(2 * h) + 0.32 * _cos(3 * h + 6) - 0.20 * _cos(4 * h - 63)
    lightness = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2))
    chroma = (c2 - c1) / (1 + 0.045 * c)
    hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2)) / (1 + 0.015 * c * t)
    blue = math.sin(math.radians(60 * math.exp(-(((h - 275) / 25) ** 2))))
    rotation = -2 * _chroma_share(c) * blue
    return math.sqrt(lightness**2 + chroma**2 + hue**2 + rotation * chroma * hue)


@lru_cache(4096)
def luminance(color: str) -> float:
    """Relative luminance, 0..1 (WCAG 2.2)."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _pairs(colors: Sequence[str], limit: float, visions: Sequence[str]) -> list[Alike]:
    return [most_alike(first, second, limit, visions) for first, second in combinations(colors, 2)]


def _chroma_share(chroma: float) -> float:
    return math.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _between(first: float, second: float, gray: bool) -> tuple[float, float]:
    """From one hue to the other by the shorter way, and the hue halfway, in degrees."""
    if gray:  # which has no hue, so the other's counts
        return 0.0, first + second
    turn = (second - first + 180) % 360 - 180
    return turn, (first + turn / 2) % 360


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def _lab(color: str) -> tuple[float, float, float]:
    """CIELAB under D65."""
    linear = [_linear(channel / 255) for channel in _channels(color)]
    x, y, z = (_root(value / sum(row)) for value, row in zip(_times(_XYZ, linear), _XYZ, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _root(value: float) -> float:
    return value ** (1 / 3) if value > (6 / 29) ** 3 else value * (29 / 6) ** 2 / 3 + 4 / 29


def _times(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _hex(channels: Iterable[float]) -> str:
    return "#" + "".join(f"{round(channel):02x}" for channel in channels)
