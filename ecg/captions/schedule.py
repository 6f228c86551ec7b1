"""When each phrase is on screen, and in which lane.

A phrase is shown during all its words, a little earlier and a little longer. Phrases whose words overlap
in time stand in different lanes; phrases of one lane never do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecg.captions.style import Timing


@dataclass(frozen=True)
class Spoken:
    """From the first to the last of a phrase's words."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Slot:
    """When and where a phrase is on screen."""

    start_s: float
    end_s: float
    lane: int


def schedule(spoken: Sequence[Spoken], timing: Timing, duration_s: float) -> list[Slot]:
    """A slot for each phrase. ``spoken`` must be in order of ``start_s``."""
    lanes = _lanes(spoken)
    slots: list[Slot | None] = [None] * len(spoken)
    for lane in set(lanes):
        members = [index for index, its_lane in enumerate(lanes) if its_lane == lane]
        times = _times([spoken[index] for index in members], timing, duration_s)
        for index, (start_s, end_s) in zip(members, times, strict=True):
            slots[index] = Slot(start_s, end_s, lane)
    return [slot for slot in slots if slot is not None]


def _lanes(spoken: Sequence[Spoken]) -> list[int]:
    """The lowest lane that is free for each phrase."""
    lanes: list[int] = []
    free_from_s: list[float] = []
    for phrase in spoken:
        free = [lane for lane, time_s in enumerate(free_from_s) if time_s <= phrase.start_s]
        lane = free[0] if free else len(free_from_s)
        free_from_s[lane : lane + 1] = [phrase.end_s]
        lanes.append(lane)
    return lanes


def _times(spoken: Sequence[Spoken], timing: Timing, duration_s: float) -> list[tuple[float, float]]:
    times: list[tuple[float, float]] = []
    gone_s = 0.0  # when the phrase before has gone
    for index, phrase in enumerate(spoken):
        start_s = max(phrase.start_s - timing.lead_s, gone_s, 0.0)
        later = spoken[index + 1].start_s if index + 1 < len(spoken) else None
        gone_s = _end_s(phrase, start_s, later, timing, duration_s)
        times.append((start_s, gone_s))
    return times


def _end_s(phrase: Spoken, start_s: float, later_s: float | None, timing: Timing, duration_s: float) -> float:
    """When a phrase goes: after its tail, but before the lead of the next one in its lane."""
    wanted_s = max(phrase.end_s + timing.tail_s, start_s + timing.min_s)
    if later_s is not None:
        next_s = max(later_s - timing.lead_s, phrase.end_s)
        if wanted_s + timing.bridge_s >= next_s:
            return next_s
    return max(min(wanted_s, duration_s), phrase.end_s)
