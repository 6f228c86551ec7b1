"""Styles: how captions look, move and express, as data. One JSON file each under ``styles/``.

Lengths are shares of the picture where the name says so, else multiples of the normal text size (em).
"""

# ruff: noqa: RUF009 - `holds` makes a dataclass field, not a shared default

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ecg.captions import fields
from ecg.captions.fields import COLOR, Items, Number, Record, Text, holds
from ecg.errors import BadRequest

STYLES_DIR = Path(__file__).parent / "styles"
DEFAULT_STYLE = "intention"

#: What words can do; each is a module of the player, ``player/effects/NAME.js``.
EFFECTS = ("sweep", "pop", "rise", "shake", "type", "fade", "glow", "wave")
#: What an axis can be set to follow.
SOURCES = ("loudness", "pitch", "timbre", "duration")
# A sweep only brings the colour, which has a strength of its own: the tint.
_COLORING = ("sweep",)

_SHARE = Number(0, 1)
_EM = Number(0, 10)
_SECONDS = Number(0, 60)
_SIZE = Number(0.2, 5)
_SHIFT = Number(-1, 1)
_AT = Text("word|cue", '"word" or "cue"')
# Each is compared with every other one; nobody tells more speakers apart.
_MOST_COLORS = 30


@dataclass(frozen=True)
class Lettering:
    """The text at rest. ``size`` is a share of the picture's height; in a tall picture, of ``tall`` times
    its width, where that is less. ``tint`` 1 lights a word in its speaker's colour, 0 leaves it plain.

    ``outline``: how far the box's colour surrounds the letters, in em of the word. Above 0 there is no
    other box: what the letters are read against is the same colour, drawn around them.
    """

    size: float = holds(Number(0.01, 0.5))
    tall: float = holds(Number(0.1, 10))
    line_height: float = holds(Number(1, 4))
    word_space: float = holds(_EM)
    color: str = holds(COLOR)
    opacity: float = holds(_SHARE)
    tint: float = holds(_SHARE)
    outline: float = holds(Number(0, 0.5), 0)


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
    semitones (for ``duration``: in doublings of the time per letter). Up to ``dead_below`` / ``dead_above``
    spreads the word has the value ``rest``; from there it moves evenly to ``below`` / ``above``, reached at
    ``full_below`` / ``full_above``.
    Values are rounded to ``step``. ``source``: what it follows, one of `SOURCES`; null for the usual, which
    is loudness for size, pitch for weight and ``raised``, timbre for width, duration for ``spacing``.
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
    source: str | None = holds(Text("|".join(SOURCES), f"one of {', '.join(SOURCES)}", nullable=True), None)


@dataclass(frozen=True)
class Shift(Axis):
    """An `Axis` whose values are em of the normal text size, and may be below 0."""

    rest: float = holds(_SHIFT)
    below: float = holds(_SHIFT)
    above: float = holds(_SHIFT)


_A = TypeVar("_A", bound=Axis)
_NO_SHIFT = Shift(0, 0, 0, 0.01, 1, 1, 4, 4, 1, 4)


@dataclass(frozen=True)
class Effect:
    """Something words do over ``length_s`` seconds (0: as long as the word is spoken) from their own onset,
    or from the moment their cue is on screen: ``at`` is "word" or "cue". `EFFECTS` names them all.

    ``amount`` is how much: the share by which a word pops; the em (of the word) by which it rises, shakes
    or waves, and by which its glow reaches out; the share of it that types or fades in; the share of the
    time in which a sweep is through. Only words of ``min_size`` to ``max_size`` times the normal size do it.
    """

    name: str = holds(Text("|".join(EFFECTS), f"one of {', '.join(EFFECTS)}"))
    amount: float = holds(_SHARE)
    length_s: float = holds(Number(0, 5))
    at: str = holds(_AT, "word")
    min_size: float = holds(_SIZE, 0.2)
    max_size: float = holds(_SIZE, 5)


@dataclass(frozen=True)
class Animation:
    """What happens at a word's onset: it takes its colour in ``light_s`` and swells by the share ``pop``
    and back in ``pop_s``, at its largest after the share ``pop_peak`` of that time. A long word swells less:
    by at most ``pop_reach`` em to each side, so that it stays in the box and off its neighbours.

    ``light_at`` "cue" gives all words their colour when their cue comes, not each at its onset. ``effects``
    are what words do besides.
    """

    light_s: float = holds(Number(0, 5))
    pop: float = holds(Number(0, 1))
    pop_s: float = holds(Number(0, 5))
    pop_peak: float = holds(Number(0.05, 0.95))
    pop_reach: float = holds(_EM)
    light_at: str = holds(_AT, "word")
    effects: tuple[Effect, ...] = holds(Items(Record(Effect), most=20), ())


@dataclass(frozen=True)
class Palette:
    """Colours of speakers: ``main`` for those who speak most, then ``supporting``, then ``minor``."""

    main: tuple[str, ...] = holds(Items(COLOR, least=1, most=_MOST_COLORS))
    supporting: tuple[str, ...] = holds(Items(COLOR, most=_MOST_COLORS))
    minor: tuple[str, ...] = holds(Items(COLOR, most=_MOST_COLORS))

    @property
    def colors(self) -> tuple[str, ...]:
        """All colours, in the order in which speakers get them."""
        return self.main + self.supporting + self.minor


@dataclass(frozen=True)
class Style:
    """How captions look, move and express. ``raised``: how far a word stands above its line; ``spacing``:
    the space added after each of its letters."""

    name: str = holds(Text(r"[a-z0-9-]+", "a name of lower-case letters, digits and hyphens"))
    title: str = holds(Text(r"[^\x00-\x1f\x7f]{0,99}[^\x00-\x20\x7f]", "a line of 1 to 100 characters"))
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
    raised: Shift = holds(Record(Shift), _NO_SHIFT)
    spacing: Shift = holds(Record(Shift), _NO_SHIFT)

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
            raised=_scaled(self.raised, strength),
            spacing=_scaled(self.spacing, strength),
            animation=_softened(self.animation, strength),
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


def _softened(animation: Animation, strength: float) -> Animation:
    effects = tuple(_softened_effect(effect, strength) for effect in animation.effects)
    return replace(animation, pop=animation.pop * strength, effects=effects)


def _softened_effect(effect: Effect, strength: float) -> Effect:
    # Words come nearer to the normal size, and the limits with them: it is the same words that do it.
    return replace(
        effect,
        amount=effect.amount * (1 if effect.name in _COLORING else strength),
        min_size=round(1 + (effect.min_size - 1) * strength, 6),
        max_size=round(1 + (effect.max_size - 1) * strength, 6),
    )


def _scaled(axis: _A, strength: float) -> _A:
    return replace(
        axis,
        below=axis.rest + (axis.below - axis.rest) * strength,
        above=axis.rest + (axis.above - axis.rest) * strength,
    )
