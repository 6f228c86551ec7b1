"""What ``nvidia-smi`` says: which GPUs there are, and what the one at work did meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from ecg import guard

_ANSWER_S = 20.0
_EVERY_MS = 500
_SAMPLED = "name,memory.used,memory.total,utilization.gpu"


def query(fields: str) -> list[str]:
    """What ``nvidia-smi`` says of each GPU, one CSV line each; empty where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    argv = [program, f"--query-gpu={fields}", "--format=csv,noheader"]
    process = guard.spawn(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        output, _ = process.communicate(timeout=_ANSWER_S)
    except subprocess.TimeoutExpired:
        # A wedged driver must not keep the stack from starting on the CPU.
        process.kill()
        process.communicate()
        return []
    return [] if process.returncode else output.decode(errors="replace").splitlines()


def own() -> str | None:
    """The GPU this process works on, by number or UUID: the first it may see; ``None``: it may see none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    return visible if visible not in {"", "-1"} else None


@contextmanager
def gpu_figures() -> Iterator[dict[str, Any]]:
    """What the GPU of this process does while the block runs, for the result of the work.

    After the block the dictionary has the key ``gpu``: its name, the highest use of its memory and how
    much it has (MiB), and the mean share of time it was busy (percent), from two samples a second. They
    are those of the whole GPU, whoever works on it. Without a GPU, or without ``nvidia-smi``, it stays empty.
    """
    figures: dict[str, Any] = {}
    program, gpu = shutil.which("nvidia-smi"), own()
    if program is None or gpu is None:
        yield figures
        return
    argv = [program, f"--id={gpu}", f"--query-gpu={_SAMPLED}", "--format=csv,noheader,nounits",
            f"--loop-ms={_EVERY_MS}"]  # fmt: skip
    process = guard.spawn(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    samples = _Samples()
    thread = threading.Thread(target=samples.read, args=(process.stdout,), name="gpu", daemon=True)
    thread.start()
    try:
        yield figures
    finally:
        process.kill()
        # A driver that is stuck keeps its pipe open; the work is done and must not wait for it.
        thread.join(_ANSWER_S / 4)
        if found := samples.summary():
            figures["gpu"] = found


@dataclass
class _Samples:
    """Sums over the lines of one GPU; a line with ``[N/A]`` in it counts for nothing."""

    name: str = ""
    count: int = 0
    peak_mib: int = 0
    total_mib: int = 0
    busy_percent: int = 0

    def read(self, lines: IO[bytes]) -> None:
        for line in lines:
            self._add([part.strip() for part in line.decode(errors="replace").split(",")])

    def _add(self, parts: list[str]) -> None:
        name, *numbers = parts
        if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
            return
        used_mib, self.total_mib, busy_percent = map(int, numbers)
        self.name, self.count = name, self.count + 1
        self.peak_mib = max(self.peak_mib, used_mib)
        self.busy_percent += busy_percent

    def summary(self) -> dict[str, Any] | None:
        if not self.count:
            return None
        return {
            "name": self.name, "memory_peak_mib": self.peak_mib, "memory_total_mib": self.total_mib,
            "busy_percent": round(self.busy_percent / self.count), "samples": self.count,
        }  # fmt: skip
