"""Ends what a cluster has left behind when the test process is gone: ``python reaper.py MARK``.

Run under a guard, which sends it SIGTERM when the test process ends, however it ends. It kills every
process whose environment carries the mark.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def marked(mark: str) -> dict[int, dict[str, str]]:
    """Processes that carry the mark: process id → environment at its start. Zombies have none."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            raw = (folder / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or is somebody else's
        if mark.encode() in raw:
            pairs = (pair.partition("=") for pair in raw.decode(errors="replace").split("\0"))
            found[int(folder.name)] = {name: value for name, _, value in pairs}
    return found


def reap(mark: str) -> None:
    """Kill them all, those too that are started meanwhile."""
    for _ in range(3):
        for pid in marked(mark):
            if pid != os.getpid():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: (reap(sys.argv[1]), os._exit(0)))
    signal.pause()
