"""What the fakes did, attempt by attempt: a file that every process appends lines to.

It knows nothing of the record of work, so the two can be held against each other.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

#: Environment variable: the path of the ledger.
PATH = "ECG_CHAOS_LEDGER"


@dataclass(frozen=True)
class Entry:
    """``what``: `start` or `end` of a body. ``at_s``: the monotonic clock, the same for all processes;
    ``clock_s``: what the process takes for the time of day.

    ``member``: the process of the cluster, with the number of its start (`worker0.3`).
    """

    what: str
    at_s: float
    clock_s: float
    job: str
    step: str
    step_id: int
    fence: int
    pid: int
    member: str


def note(what: str, job: str, step: str, step_id: int, fence: int) -> None:
    """Append one line; whole or not at all, for a single short write to an appending file is."""
    line = json.dumps([what, time.monotonic(), time.time(), job, step, step_id, fence, os.getpid(),
                       os.environ.get("ECG_CHAOS_MEMBER", "")])  # fmt: skip
    descriptor = os.open(os.environ[PATH], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def recoveries(entries: Sequence[Entry], deaths: Mapping[int | str, float]) -> list[float]:
    """Seconds from each death to the next start of a step that the dead held.

    ``deaths``: process id, or member with the number of its start → moment.
    """
    found = []
    starts = sorted((e for e in entries if e.what == "start"), key=lambda e: (e.step_id, e.fence))
    for held, taken in pairwise(starts):
        died_s = deaths.get(held.pid, deaths.get(held.member))
        if held.step_id == taken.step_id and died_s is not None and held.at_s <= died_s <= taken.at_s:
            found.append(round(taken.at_s - died_s, 3))
    return found


def read(path: Path) -> list[Entry]:
    """Every line so far, in the order written."""
    if not path.exists():
        return []
    return [Entry(*json.loads(line)) for line in path.read_text().splitlines()]
