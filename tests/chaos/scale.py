"""How large each figure is run.

``ECG_CHAOS`` empty: in the ordinary test run, all of it within a few minutes. ``full``: as the figure is
written (docs/reliability.md), once. ``repeat``: also five times what must hold five times, and once with
the intervals of production.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

MODE = os.environ.get("ECG_CHAOS", "")
FULL = MODE in {"full", "repeat"}
REPEAT = MODE == "repeat"


@dataclass(frozen=True)
class Size:
    """What a figure is run with: ``n`` of what it counts (jobs, kills, trials), steps of ``step_s``,
    something done every ``every_s``, or for ``span_s``."""

    n: int = 0
    step_s: float = 0.0
    every_s: float = 0.0
    span_s: float = 0.0
    times: int = 0


#: figure → (short, full)
SIZES = {
    "R1": (Size(n=12, step_s=0.1, every_s=3.0), Size(n=200, step_s=0.1, every_s=2.0)),  # jobs
    "R2": (Size(n=24, step_s=0.05), Size(n=1000, step_s=0.02)),  # jobs
    "R3": (Size(n=16, step_s=0.1, times=1), Size(n=100, step_s=0.1, times=2)),  # jobs; deaths of Redis
    "R4": (Size(n=16, step_s=0.05, every_s=0.2, span_s=2.0),
           Size(n=100, step_s=0.1, every_s=0.5, span_s=30.0)),  # jobs
    "R4 down": (Size(n=12, span_s=2.0), Size(n=100, span_s=60.0)),  # jobs that are asked for meanwhile
    "R5 frozen": (Size(n=20, step_s=0.05, span_s=4.0), Size(n=100, step_s=0.1, span_s=90.0)),  # jobs
    "R5 half open": (Size(), Size(n=100, step_s=0.1, span_s=90.0)),
    # Short enough for nobody to notice a timeout, long enough for answers to be lost: the slowest to mend.
    "R5 blip": (Size(n=20, step_s=0.05, span_s=3.0), Size(n=100, step_s=0.1, span_s=4.0)),
    "R6": (Size(n=10, step_s=0.1, every_s=2.0, times=2), Size(n=100, step_s=0.1, every_s=10.0, times=6)),
    "R7": (Size(n=1), Size(n=25)),  # trials, of each of two kinds
    "R8": (Size(n=10), Size(n=200)),  # steps
    "R9": (Size(span_s=6.0), Size(span_s=50.0)),  # length of the step; its lease is a tenth
    "R10": (Size(n=6), Size(n=50)),  # good jobs behind the poison
    "R11": (Size(n=3), Size(n=50)),  # kills
    "R12": (Size(n=8, step_s=0.2, times=1), Size(n=30, step_s=0.5, times=20)),  # jobs open; restarts
    "R13": (Size(n=8, times=1), Size(n=20, times=10)),  # jobs, and deaths at each point
    "R14": (Size(n=12, step_s=0.1), Size(n=100, step_s=0.1)),  # jobs
    "R16": (Size(n=500), Size(n=10_000)),  # jobs
    "R17": (Size(times=1), Size(times=10)),  # cancels
    "R19": (Size(n=40, step_s=0.05), Size(n=500, step_s=0.03)),  # jobs of the one who was first
    "last two parents": (Size(n=20), Size(n=200)),  # jobs
}


def size(figure: str) -> Size:
    short, full = SIZES[figure]
    return full if FULL else short


def rounds(figure: str) -> range:
    """How often a figure is run: five times where one lucky run proves little."""
    return range(5 if REPEAT and figure in {"R1", "R3", "R13"} else 1)
