"""Colours of speakers, and how well a colour reads on another."""

from __future__ import annotations

from collections.abc import Sequence

from ecg.captions.style import Palette


def assign_colors(speakers: Sequence[str], palette: Palette) -> dict[str, str]:
    """A colour for each of ``speakers``, who come in order of importance: the main colours first."""
    colors = palette.colors
    return {speaker: colors[index % len(colors)] for index, speaker in enumerate(speakers)}


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours such as ``#ffd400``, 1..21 (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def laid_over(color: str, opacity: float, background: str) -> str:
    """The colour seen when ``color`` lies over ``background`` with ``opacity`` 0..1."""
    mixed = [
        round(over * opacity + under * (1 - opacity))
        for over, under in zip(_channels(color), _channels(background), strict=True)
    ]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _luminance(color: str) -> float:
    """Relative luminance, 0..1 (WCAG 2.2)."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
