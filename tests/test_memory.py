"""Memory is watched over the whole tree of processes: its peak is seen, and whether it grows."""

from __future__ import annotations

import subprocess
import sys
import time

from ecg.memory import MemoryWatch

HUNDRED_MB = 100_000_000


# In a process of its own: what other tests have left in this one comes and goes.
WATCHED = f"""
import subprocess, sys
from ecg.memory import MemoryWatch, tree_bytes
before = tree_bytes()
hold = "import time; held = bytearray(b'x' * {HUNDRED_MB}); time.sleep(3)"
with MemoryWatch() as watch:
    subprocess.run([sys.executable, "-c", hold], check=True)
print(watch.peak_bytes - before, tree_bytes() - before)
"""


def test_a_child_s_memory_is_in_the_peak():
    told = subprocess.run([sys.executable, "-c", WATCHED], check=True, capture_output=True, text=True).stdout
    more_bytes, left_bytes = map(int, told.split())
    assert more_bytes > 0.9 * HUNDRED_MB
    assert left_bytes < 0.2 * HUNDRED_MB


def test_too_short_a_run_has_no_trend():
    with MemoryWatch() as watch:
        time.sleep(0.3)
    assert watch.peak_bytes > 0
    assert watch.trend_bytes_per_min == 0
