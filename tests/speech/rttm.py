"""Who really speaks when: RTTM files, and how far found turns are from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from ecg.transcript import Turn

_STEP_S = 0.01


def read_rttm(path: Path) -> tuple[Turn, ...]:
    """The turns of an RTTM file of one recording, in its order; they may overlap."""
    fields = [line.split() for line in path.read_text().splitlines()]
    return tuple(
        Turn(float(start), float(start) + float(length), speaker)
        for kind, _, _, start, length, _, _, speaker, *_ in fields
        if kind == "SPEAKER"
    )


def diarization_error(truth: Sequence[Turn], found: Sequence[Turn]) -> float:
    """Missed, false and confused speech ÷ speech, after the best matching of names; no collar.

    Time counts once per speaker who talks in it (overlap included), on a grid of 10 ms.
    """
    steps = round(max(turn.end_s for turn in (*truth, *found)) / _STEP_S) + 1
    said, heard = _activity(truth, steps), _activity(found, steps)
    together = said.astype(int) @ heard.T.astype(int)
    matched = together[linear_sum_assignment(together, maximize=True)].sum()
    most = np.maximum(said.sum(axis=0), heard.sum(axis=0)).sum()
    return float((most - matched) / said.sum())


def _activity(turns: Sequence[Turn], steps: int) -> np.ndarray:
    """Which speaker talks at which step of the grid, bool (speakers, steps)."""
    names = sorted({turn.speaker for turn in turns})
    active = np.zeros((len(names), steps), bool)
    for turn in turns:
        active[names.index(turn.speaker), round(turn.start_s / _STEP_S) : round(turn.end_s / _STEP_S)] = True
    return active
