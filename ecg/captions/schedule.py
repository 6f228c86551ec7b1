"""When each phrase is on screen, and in which lane.

A phrase is shown during all its words, a little earlier and a little longer. Phrases whose words overlap
in time stand in different lanes; phrases of one lane never do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecg.captions.style import Timing
from ecg.errors import BadRequest

MOST_LANES = 16
# As fast as grown-up readers follow captions; a wide character counts as several.
_CHARS_PER_S = 20.0


@dataclass(frozen=True)
class Spoken:
    """From the first to the last of a phrase's words; ``chars``, how many characters there are to read."""

    start_s: float
    end_s: float
    speaker: str = ""
    chars: float = 0.0

    def read_by_s(self, shown_s: float, timing: Timing) -> float:
        """Until when the phrase is to be seen, if there is room, when it is shown from ``shown_s``."""
        return max(shown_s + timing.min_s, shown_s + self.chars / _CHARS_PER_S, self.end_s)


@dataclass(frozen=True)
class Slot:
    """When and where a phrase is on screen."""

    start_s: float
    end_s: float
    lane: int


def schedule(spoken: Sequence[Spoken], timing: Timing, duration_s: float) -> list[Slot]:
    """A slot for each phrase. ``spoken`` must be in order of ``start_s``.

    Raises `BadRequest` when more phrases are said at once than there are lanes.
    """
    lanes = _lanes(spoken, timing)
    slots: list[Slot | None] = [None] * len(spoken)
    for lane in set(lanes):
        members = [index for index, its_lane in enumerate(lanes) if its_lane == lane]
        times = _times([spoken[index] for index in members], timing, duration_s)
        for index, (start_s, end_s) in zip(members, times, strict=True):
            slots[index] = Slot(start_s, end_s, lane)
    return [slot for slot in slots if slot is not None]


def _lanes(spoken: Sequence[Spoken], timing: Timing) -> list[int]:
    """The lowest lane that is free for each phrase."""
    lanes: list[int] = []
    last: list[Spoken] = []  # what each lane showed last
    for phrase in spoken:
        lane = _free_lane(phrase, last, timing)
        if lane == MOST_LANES:
            raise BadRequest(
                f"At {phrase.start_s} s more than {MOST_LANES} captions would be on screen at once.",
                start_s=phrase.start_s,
            )
        last[lane : lane + 1] = [phrase]
        lanes.append(lane)
    return lanes


def _free_lane(phrase: Spoken, last: Sequence[Spoken], timing: Timing) -> int:
    free = [lane for lane, before in enumerate(last) if before.end_s <= phrase.start_s]
    kept = [lane for lane in free if not _cuts_off(phrase, last[lane], timing)]
    if kept:
        return kept[0]
    # Rather a second box than an answer that wipes a brief question off; but no third one for that.
    return free[0] if free and len(last) > 1 else len(last)


def _cuts_off(phrase: Spoken, before: Spoken, timing: Timing) -> bool:
    """Whether another speaker's phrase would take the place of one that could not be read yet."""
    return phrase.speaker != before.speaker and phrase.start_s < before.start_s + timing.min_s


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
    wanted_s = max(phrase.end_s + timing.tail_s, phrase.read_by_s(start_s, timing))
    if later_s is not None:
        next_s = max(later_s - timing.lead_s, phrase.end_s)
        if wanted_s + timing.bridge_s >= next_s:
            return next_s
    return max(min(wanted_s, duration_s), phrase.end_s)
