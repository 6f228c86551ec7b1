"""Memory is watched over the whole tree of processes: its peak is seen, and whether it grows."""

from __future__ import annotations

import subprocess
import sys
import time

from ecg.memory import MemoryWatch, tree_bytes

HUNDRED_MB = 100_000_000


def test_a_child_s_memory_is_in_the_peak():
    before = tree_bytes()
    hold = f"import time; held = bytearray(b'x' * {HUNDRED_MB}); time.sleep(3)"
    with MemoryWatch() as watch:
        subprocess.run([sys.executable, "-c", hold], check=True)
    assert watch.peak_bytes - before > 0.9 * HUNDRED_MB
    assert tree_bytes() - before < 0.2 * HUNDRED_MB


def test_too_short_a_run_has_no_trend():
    with MemoryWatch() as watch:
        time.sleep(0.3)
    assert watch.peak_bytes > 0
    assert watch.trend_bytes_per_min == 0
