"""How much memory this process and all below it hold, sampled while something runs."""

from __future__ import annotations

import threading
import time
from typing import Self

import numpy as np
import psutil

# A look at a browser's memory takes 40 ms: more often at first, for those who are soon done.
_FIRST_S, _EVERY_S, _GROWTH = 0.25, 10.0, 3.0
_MOST_SAMPLES = 2048
_LEAST_FOR_A_TREND = 8


class MemoryWatch:
    """Samples the whole tree of this process; a context manager.

    Memory that processes share is counted once (PSS); of a process that may not be looked into, all that
    it has in memory (RSS). Of a long run every second sample is forgotten again and again: what is kept is
    bounded.
    """

    def __init__(self) -> None:
        self._every_s = _EVERY_S
        self._samples: list[tuple[float, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def trend_bytes_per_min(self) -> float:
        """How fast it grew over the second half of the time, when all is warm; 0 of too short a run."""
        later = self._samples[len(self._samples) // 2 :]
        if len(later) < _LEAST_FOR_A_TREND:
            return 0.0
        times_s, sizes = zip(*later, strict=True)
        return float(np.polyfit(np.array(times_s) - times_s[0], sizes, 1)[0]) * 60

    def _watch(self) -> None:
        wait_s = _FIRST_S
        while not self._over.wait(wait_s):
            self._keep(time.monotonic(), tree_bytes())
            wait_s = min(wait_s * _GROWTH, self._every_s)

    def _keep(self, moment_s: float, size_bytes: int) -> None:
        self.peak_bytes = max(self.peak_bytes, size_bytes)
        self._samples.append((moment_s, size_bytes))
        if len(self._samples) > _MOST_SAMPLES:
            del self._samples[::2]
            self._every_s *= 2


def tree_bytes(pid: int | None = None) -> int:
    """What a process (this one) and all that descend from it hold now; 0 when it has gone."""
    try:
        root = psutil.Process(pid)
        return sum(map(_bytes, (root, *root.children(recursive=True))))
    except psutil.NoSuchProcess:
        return 0


def _bytes(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except psutil.AccessDenied:
        return _resident(process)
    except psutil.NoSuchProcess:
        return 0


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0
