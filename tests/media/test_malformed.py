"""A thousand files, damaged or meaning ill: refused or worked on, within bounds, and nothing else opened.

Changed files come from a fixed seed, so that one which fails can be made again.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import pytest

from ecg.media import runner
from tests.media import clips, malformed
from tests.test_egress import listening

SEED = 20260101
FEW, MANY = 20, 1000
MOST_BYTES = 512_000_000
#: Nobody waits that long, however much else the machine does; the figure to hold on an idle one is 10 s.
LONG_S, IDLE_S = 60.0, 10.0
_IN_ACCESS, _IN_OPEN = 0x1, 0x20


@dataclass(frozen=True)
class Became:
    """What `tests.media.ingesting` told of one file."""

    name: str
    outcome: str
    message: str
    taken_s: float
    peak_bytes: int


class Worker:
    """A process that takes one file after the other; its end is an error here."""

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir()
        command = [sys.executable, "-m", "tests.media.ingesting", str(scratch)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def became(self, path: Path) -> Became:
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        answer = self._process.stdout.readline()
        assert answer, f"the worker died of {path.name}"
        return Became(path.name, **json.loads(answer))

    def close(self) -> None:
        self._process.communicate()


def ingested(paths: Iterable[Path], scratch: Path) -> Iterator[Became]:
    """Each file through one of two workers."""
    free: SimpleQueue[Worker] = SimpleQueue()
    workers = [Worker(scratch.with_name(f"{scratch.name}-{number}")) for number in range(2)]
    for worker in workers:
        free.put(worker)

    def one(path: Path) -> Became:
        worker = free.get()
        try:
            return worker.became(path)
        finally:
            free.put(worker)

    try:
        with ThreadPoolExecutor(len(workers)) as pool:
            yield from pool.map(one, paths)
    finally:
        for worker in workers:
            worker.close()


@contextmanager
def opened(path: Path) -> Iterator[list[int]]:
    """How often anybody opened or read a file meanwhile: one entry each, there at the end."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, str(path).encode(), _IN_OPEN | _IN_ACCESS) >= 0
    seen: list[int] = []
    try:
        yield seen
        while select.select([watch], [], [], 0)[0]:
            seen += os.read(watch, 16)
    finally:
        os.close(watch)


@contextmanager
def nothing_opened(folder: Path) -> Iterator[malformed.Bait]:
    """A file and a web server that hostile files point at, and that nobody may touch."""
    file = folder / "secret.mp4"
    clips.video(file)
    with listening("127.0.0.1") as canary, opened(file) as seen:
        yield malformed.Bait(f"http://127.0.0.1:{canary.port}", file)
    assert not seen
    assert not canary.visits


def check(became: Became, most_s: float) -> None:
    assert became.outcome in {"done", "INVALID_MEDIA"}, became
    assert became.outcome == "done" or len(became.message.split()) >= 5, became
    assert became.taken_s < most_s, became
    assert became.peak_bytes < MOST_BYTES, became


def test_files_made_to_harm_are_refused_or_worked_on_and_open_nothing(tmp_path: Path) -> None:
    with nothing_opened(tmp_path) as bait:
        for became in ingested(malformed.hand_made(tmp_path / "files", bait), tmp_path / "scratch"):
            check(became, LONG_S)


def written(folder: Path, count: int) -> Iterator[Path]:
    folder.mkdir()
    for name, data in malformed.mutated(malformed.seeds(folder / "seeds"), count, SEED):
        path = folder / name
        path.write_bytes(data)
        yield path


def test_damaged_files_are_refused_or_worked_on(tmp_path: Path) -> None:
    for became in ingested(written(tmp_path / "files", FEW), tmp_path / "scratch"):
        check(became, LONG_S)


@pytest.mark.long
@pytest.mark.calm
@pytest.mark.timeout(3600)
def test_a_thousand_damaged_files_and_those_made_by_hand_stay_within_bounds(tmp_path: Path) -> None:
    outcomes: dict[str, int] = {}
    slowest_s, peak_bytes = 0.0, 0
    with nothing_opened(tmp_path) as bait:
        made = malformed.hand_made(tmp_path / "made", bait)
        for files, scratch in ((made, "first"), (written(tmp_path / "files", MANY), "second")):
            for became in ingested(files, tmp_path / scratch):
                check(became, IDLE_S)
                outcomes[became.outcome] = outcomes.get(became.outcome, 0) + 1
                slowest_s, peak_bytes = max(slowest_s, became.taken_s), max(peak_bytes, became.peak_bytes)
    print(f"{outcomes}, slowest {slowest_s:.1f} s, most {peak_bytes / 1e6:.0f} MB")


def test_the_bait_notices_who_opens_it(tmp_path: Path) -> None:
    """Otherwise the tests above would say nothing."""
    (tmp_path / "bait").write_text("secret")
    with opened(tmp_path / "bait") as seen:
        subprocess.run(["cat", tmp_path / "bait"], check=True, stdout=subprocess.DEVNULL)
    assert seen


def test_no_tool_has_a_network(tmp_path: Path) -> None:
    """Whatever a file made of it: it can reach nobody, and says so."""
    with listening("127.0.0.1") as canary:
        url = f"http://127.0.0.1:{canary.port}/a.mp4"
        with pytest.raises(runner.CommandFailed, match="Permission denied"):
            runner.run(["ffprobe", "-v", "error", url], timeout_s=20)
        assert canary.visits == []
    assert runner.is_offline()
