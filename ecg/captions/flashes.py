"""How often captions flash: how often the light where they stand turns up and down again.

A flash is a pair of opposing changes of relative luminance by a tenth or more, the darker side below 0.8
(WCAG 2.2, "general flash"). The count is on the safe side: a flash that begins within a second counts
as a whole one, and a small area is not exempt.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ecg.captions.palette import laid_over, lit_color, luminance
from ecg.captions.scenario import Cue, Scenario
from ecg.captions.style import Effect, Style

_STEP, _DARKER = 0.1, 0.8
# Bold letters cover about a quarter of their box, others less.
_INK = 0.25
# The player's `glow`, in no less time than this.
_LEAST_S = {"glow": 1 / 3}
_PICTURES = ("#000000", "#ffffff")
# Times of a scenario are whole milliseconds, so that a third of a second may be one off at both ends.
_ROUNDING_S = 0.001


def flashes(lane: Sequence[Cue], scenario: Scenario, limit: float) -> list[tuple[Cue, int]]:
    """The cues of ``lane`` at which light changes, each with the flashes that begin within a second from
    there, over the picture on which they are most. The cues are of one lane, in order of time.

    After a second with more than ``limit`` the count starts anew: a long flicker is found once a second.
    """
    counts = [_count(_flips(_levels(lane, scenario, picture)), limit) for picture in _PICTURES]
    return max(counts, key=lambda found: max((count for _, count in found), default=0))


def _count(flips: Sequence[tuple[float, Cue]], limit: float) -> list[tuple[Cue, int]]:
    found: list[tuple[Cue, int]] = []
    start = 0
    while start < len(flips):
        until_s = flips[start][0] + 1 - 2 * _ROUNDING_S
        end = next((at for at in range(start, len(flips)) if flips[at][0] >= until_s), len(flips))
        count = math.ceil((end - start) / 2)
        found.append((flips[start][1], count))
        start = end if count > limit else start + 1
    return found


def _levels(lane: Sequence[Cue], scenario: Scenario, picture: str) -> Iterator[tuple[float, float, Cue]]:
    """When the luminance where captions stand becomes which: that of the picture, then the mean of the box
    and its letters (see `_course`). A caption followed at once leaves no picture between."""
    gone = luminance(picture)
    yield 0.0, gone, lane[0]
    for index, cue in enumerate(lane):
        for time_s, level in _until(cue.end_s, _course(cue, scenario, picture)):
            yield time_s, level, cue
        if index + 1 == len(lane) or lane[index + 1].start_s > cue.end_s + _ROUNDING_S:
            yield cue.end_s, gone, cue


def _course(cue: Cue, scenario: Scenario, picture: str) -> list[tuple[float, float]]:
    """When the luminance of ``cue`` is which, as its letters come, take their colour, and shine.

    Words beside each other shine one after the other: as one light.
    """
    style, speaker = scenario.style, scenario.speakers[cue.speaker].color
    coming, glows = _times(cue, style, "fade", "type"), _times(cue, style, "glow")
    there = math.prod(1 - effect.amount for effect in {effect for effect, _, _ in coming})
    there_s = max((end_s for _, _, end_s in coming), default=cue.start_s)
    lit_s = _lit_s(cue, style)
    glow_s = min((start_s for _, start_s, _ in glows), default=math.inf)
    over_s = max((end_s for _, _, end_s in glows), default=cue.start_s)
    shining = min(1, _INK + max((effect.amount for effect, _, _ in glows), default=0))

    def level(time_s: float) -> float:
        if glow_s <= time_s < over_s:
            return _area(speaker, 1, style, picture, shining)
        unlit = style.text.color, style.text.opacity
        color, opacity = lit_color(speaker, style) if time_s >= lit_s else unlit
        return _area(color, opacity * (1 if time_s >= there_s else there), style, picture)

    moments = {cue.start_s, there_s, lit_s, min(glow_s, over_s), over_s}
    return [(time_s, level(time_s)) for time_s in sorted(moments)]


def _until(end_s: float, course: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """``course`` with so much of its last way as is gone by ``end_s``."""
    before_s, before = course[0]
    for time_s, level in course:
        if time_s > end_s:
            yield end_s, before + (level - before) * (end_s - before_s) / (time_s - before_s)
            return
        yield time_s, level
        before_s, before = time_s, level


def _lit_s(cue: Cue, style: Style) -> float:
    """When the last word of ``cue`` has its colour."""
    swept = _times(cue, style, "sweep")
    last_s = [start_s + effect.amount * (end_s - start_s) for effect, start_s, end_s in swept]
    if len(swept) < len(cue.words):
        at_once = style.animation.light_at == "cue"
        last_s += [(cue if at_once else word).start_s + style.animation.light_s for word in cue.words]
    return max(last_s)


def _times(cue: Cue, style: Style, *names: str) -> list[tuple[Effect, float, float]]:
    """The effects of these names that words of ``cue`` have, each with its beginning and end, as the player
    counts them."""
    return [
        (effect, start_s, start_s + max(effect.length_s or word.end_s - word.start_s, least_s))
        for effect in style.animation.effects
        if effect.name in names and (effect.amount > 0 or effect.name == "sweep")
        for least_s in [_LEAST_S.get(effect.name, 0)]
        for word in cue.words
        if effect.min_size <= word.size <= effect.max_size
        for start_s in [cue.start_s if effect.at == "cue" else word.start_s]
    ]


def _area(color: str, opacity: float, style: Style, picture: str, ink: float = _INK) -> float:
    box = laid_over(style.box.color, style.box.opacity, picture)
    return ink * luminance(laid_over(color, opacity, box)) + (1 - ink) * luminance(box)


def _flips(levels: Iterator[tuple[float, float, Cue]]) -> list[tuple[float, Cue]]:
    """When luminance turns by enough to count: up after down, or down after up."""
    flips: list[tuple[float, Cue]] = []
    low, high = 1.0, 0.0
    rising: bool | None = None
    for time_s, level, cue in levels:
        low, high = min(low, level), max(high, level)
        up = rising is not True and level - low >= _STEP and low < _DARKER
        down = rising is not False and high - level >= _STEP and level < _DARKER
        if up or down:
            flips.append((time_s, cue))
            rising, low, high = up, level, level
    return flips
