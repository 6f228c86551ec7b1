from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg import guard
from ecg.errors import ServiceUnavailable
from ecg.stack.processes import Member


@contextmanager
def a_member(script: str, tmp_path: Path, said: list[str]) -> Iterator[Member]:
    start: Callable[[], guard.Guarded] = lambda: guard.spawn(["sh", "-c", script])  # noqa: E731
    member = Member("worker", start, tmp_path / "worker.log", said.append, signal.SIGTERM)
    member.launch()
    try:
        yield member
    finally:
        member.end(0.0, hurry=lambda: True)


def tend_until(member: Member, wanted: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not wanted():
        member.tend()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_that_dies_is_started_again_and_that_is_said(tmp_path: Path):
    said: list[str] = []
    starts = tmp_path / "starts"
    starts.touch()
    with a_member(f"echo x >> {starts}; exec sleep 60", tmp_path, said) as member:
        tend_until(member, lambda: starts.read_text() == "x\n")
        member.process.kill()
        tend_until(member, lambda: starts.read_text() == "x\nx\n")
        assert "worker ended" in said[0]
        assert "worker.log" in said[0]


def test_the_pause_grows_while_a_process_keeps_dying(tmp_path: Path):
    said: list[str] = []
    with a_member("exit 3", tmp_path, said) as member:
        tend_until(member, lambda: member.early_ends == 3)
    assert [line.split("again in ")[1][:3] for line in said] == ["1 s", "2 s", "4 s"]
    assert "exit code 3" in said[0]


def test_a_server_that_cannot_start_is_tried_again(tmp_path: Path):
    said: list[str] = []
    outcomes: list[Exception | None] = [None, ServiceUnavailable("no room"), None]

    def start() -> guard.Guarded:
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome
        return guard.spawn(["sleep", "60"])

    member = Member("redis", start, tmp_path / "redis.log", said.append, signal.SIGTERM)
    member.launch()
    member.process.kill()
    tend_until(member, lambda: not outcomes)
    assert "could not be started: no room" in said[1]
    member.end(0.0, hurry=lambda: True)


def test_a_process_deaf_to_sigterm_is_ended_by_force(tmp_path: Path):
    with a_member("trap '' TERM; sleep 60", tmp_path, []) as member:
        time.sleep(0.3)
        member.ask_to_stop()
        begun = time.monotonic()
        member.end(begun + 1.0, hurry=lambda: False)
        assert member.has_stopped()
        assert 0.9 < time.monotonic() - begun < 5
