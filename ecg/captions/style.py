"""Styles: how captions look, move and express, as data. One JSON file each under ``styles/``.

Lengths are shares of the picture where the name says so, else multiples of the normal text size (em).
"""

# ruff: noqa: RUF009 - `holds` makes a dataclass field, not a shared default

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ecg.captions import fields
from ecg.captions.fields import COLOR, Items, Number, Record, Text, holds
from ecg.errors import BadRequest

STYLES_DIR = Path(__file__).parent / "styles"
DEFAULT_STYLE = "intention"

_SHARE = Number(0, 1)
_EM = Number(0, 10)
_SECONDS = Number(0, 60)


@dataclass(frozen=True)
class Lettering:
    """The text at rest. ``size`` is a share of the picture's height; in a tall picture, of ``tall`` times
    its width, where that is less. ``tint`` 1 lights a word in its speaker's colour, 0 leaves it plain."""

    size: float = holds(Number(0.01, 0.5))
    tall: float = holds(Number(0.1, 10))
    line_height: float = holds(Number(1, 4))
    word_space: float = holds(_EM)
    color: str = holds(COLOR)
    opacity: float = holds(_SHARE)
    tint: float = holds(_SHARE)


@dataclass(frozen=True)
class Box:
    """The box behind the text; paddings and radius in em."""

    color: str = holds(COLOR)
    opacity: float = holds(_SHARE)
    padding_x: float = holds(_EM)
    padding_y: float = holds(_EM)
    radius: float = holds(_EM)


@dataclass(frozen=True)
class Area:
    """Where captions stand: margins as shares of the picture's width (side) and height (bottom);
    ``lane_gap``, the space between two speakers' boxes, in em."""

    side: float = holds(Number(0, 0.45))
    bottom: float = holds(Number(0, 0.9))
    lane_gap: float = holds(_EM)


@dataclass(frozen=True)
class Phrasing:
    """How words are gathered into cues. ``max_chars`` counts per line, for scripts as wide as Latin;
    ``max_wide_chars`` for Chinese, Japanese and Korean characters."""

    min_words: int = holds(Number(1, 50, whole=True))
    max_words: int = holds(Number(1, 50, whole=True))
    max_lines: int = holds(Number(1, 4, whole=True))
    max_chars: int = holds(Number(4, 200, whole=True))
    max_wide_chars: int = holds(Number(2, 100, whole=True))
    pause_s: float = holds(_SECONDS)


@dataclass(frozen=True)
class Timing:
    """When a cue is on screen beyond its words: before the first, after the last, and the shortest stay.
    A gap shorter than ``bridge_s`` before the next cue is closed, so that the box does not blink."""

    lead_s: float = holds(_SECONDS)
    tail_s: float = holds(_SECONDS)
    min_s: float = holds(_SECONDS)
    bridge_s: float = holds(_SECONDS)


@dataclass(frozen=True)
class Axis:
    """One way a word shows how it is said, judged against its speaker's own baseline.

    The deviation is counted in the speaker's spreads, which are taken to be at least ``spread_floor``
    (a monotone stays one size) and at most ``spread_ceiling`` (a lively voice keeps its steps), in dB or
    semitones. Up to ``dead_below`` / ``dead_above`` spreads the word has the value ``rest``; from there
    it moves evenly to ``below`` / ``above``, reached at ``full_below`` / ``full_above``.
    Values are rounded to ``step``.
    """

    rest: float = holds(Number(0.1, 1000))
    below: float = holds(Number(0.1, 1000))
    above: float = holds(Number(0.1, 1000))
    step: float = holds(Number(0.001, 100))
    dead_below: float = holds(Number(0, 20))
    dead_above: float = holds(Number(0, 20))
    full_below: float = holds(Number(0, 20))
    full_above: float = holds(Number(0, 20))
    spread_floor: float = holds(Number(0.01, 100))
    spread_ceiling: float = holds(Number(0.01, 100))


@dataclass(frozen=True)
class Animation:
    """What happens at a word's onset: it takes its colour in ``light_s`` and swells by the share ``pop``
    and back in ``pop_s``, at its largest after the share ``pop_peak`` of that time. A long word swells less:
    by at most ``pop_reach`` em to each side, so that it stays in the box and off its neighbours."""

    light_s: float = holds(Number(0, 5))
    pop: float = holds(Number(0, 1))
    pop_s: float = holds(Number(0, 5))
    pop_peak: float = holds(Number(0.05, 0.95))
    pop_reach: float = holds(_EM)


@dataclass(frozen=True)
class Palette:
    """Colours of speakers: ``main`` for those who speak most, then ``supporting``, then ``minor``."""

    main: tuple[str, ...] = holds(Items(COLOR, least=1))
    supporting: tuple[str, ...] = holds(Items(COLOR))
    minor: tuple[str, ...] = holds(Items(COLOR))

    @property
    def colors(self) -> tuple[str, ...]:
        """All colours, in the order in which speakers get them."""
        return self.main + self.supporting + self.minor


@dataclass(frozen=True)
class Style:
    """How captions look, move and express."""

    name: str = holds(Text(r"[a-z0-9-]+", "a name of lower-case letters, digits and hyphens"))
    title: str = holds(Text())
    text: Lettering = holds(Record(Lettering))
    box: Box = holds(Record(Box))
    area: Area = holds(Record(Area))
    phrasing: Phrasing = holds(Record(Phrasing))
    timing: Timing = holds(Record(Timing))
    size: Axis = holds(Record(Axis))
    weight: Axis = holds(Record(Axis))
    width: Axis = holds(Record(Axis))
    animation: Animation = holds(Record(Animation))
    palette: Palette = holds(Record(Palette))

    def to_json(self) -> dict[str, Any]:
        return fields.write(self)

    @classmethod
    def from_json(cls, data: Any) -> Style:
        """Raises `InvalidScenario` that names the first wrong value."""
        return fields.read(cls, data)

    def with_strength(self, strength: float) -> Style:
        """This style with its expression scaled: 1 as designed, 0 plain captions."""
        return replace(
            self,
            size=_scaled(self.size, strength),
            weight=_scaled(self.weight, strength),
            width=_scaled(self.width, strength),
            animation=replace(self.animation, pop=self.animation.pop * strength),
            text=replace(self.text, tint=self.text.tint * strength),
        )

    def text_size_px(self, width: int, height: int) -> float:
        """Normal text size in a picture of ``width`` × ``height`` pixels. The player does the same sum."""
        return self.text.size * min(height, self.text.tall * width)


def style_names() -> list[str]:
    """The styles there are, the default first."""
    names = sorted(path.stem for path in STYLES_DIR.glob("*.json"))
    return sorted(names, key=lambda name: name != DEFAULT_STYLE)


def load_style(name: str = DEFAULT_STYLE, strength: float = 1.0) -> Style:
    """The style called ``name``; ``strength`` from 0 (plain captions) to 1 (as designed).

    Raises `BadRequest` for a name that is not among `style_names` or a strength outside 0..1.
    """
    if name not in style_names():
        raise BadRequest(f"There is no style {name!r}; choose one of {', '.join(style_names())}.", style=name)
    if not 0 <= strength <= 1:
        raise BadRequest(f"strength must be between 0 and 1, not {strength}.", strength=strength)
    return Style.from_json(json.loads((STYLES_DIR / f"{name}.json").read_text())).with_strength(strength)


def _scaled(axis: Axis, strength: float) -> Axis:
    return replace(
        axis,
        below=axis.rest + (axis.below - axis.rest) * strength,
        above=axis.rest + (axis.above - axis.rest) * strength,
    )
