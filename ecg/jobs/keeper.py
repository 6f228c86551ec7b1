"""Keeps the lease of the step a worker process is busy with.

A busy interpreter or a long native call would starve a thread, so the keeper is a process of its own,
one per worker process, that lives as long as the pipe to its worker: a worker that dies, however it
dies, stops renewing. The keeper also tells its worker to stop: when the step was cancelled or taken
(`LeaseLost`), and when its deadline has passed (`TimeoutExceeded`). A worker that does not stop within
the grace, because a native call holds it, is killed; the supervisor of its pool starts another.

Protocol, one JSON object per line. In: ``{"hold": [step_id, fence]}`` and ``{"release": true}``.
Out, followed by SIGUSR2 to the worker: ``{"step": [step_id, fence], "why": "lease" | "deadline"}``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

from ecg.config import settings
from ecg.db import transaction
from ecg.errors import EcgError, LeaseLost, Outage, TimeoutExceeded
from ecg.jobs import attempts

log = logging.getLogger(__name__)
#: How long a worker has to let go: a cancelled step must be gone within five seconds of the cancelling.
_GRACE_S = 2.0
#: How soon a worker that was importing is told again.
_MOMENT_S = 0.05


class LeaseKeeper:
    """The worker's side: start it once per process, `hold` around each step."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ecg.jobs.keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._held: tuple[int, int] | None = None
        self._pending = b""
        signal.signal(signal.SIGUSR2, self._told_to_stop)

    @contextlib.contextmanager
    def hold(self, step_id: int, fence: int) -> Iterator[None]:
        """Renew the lease of an attempt until the block ends; the block is interrupted when it must stop."""
        self._say({"hold": [step_id, fence]})
        self._held = (step_id, fence)
        try:
            yield
        finally:
            self._held = None
            self._say({"release": True})

    def close(self) -> None:
        """End the keeper (a worker's death ends it too)."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)

    def _say(self, message: dict[str, object]) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
        except BrokenPipeError as error:
            # Without a keeper no step can be held safely; a fresh process has a fresh keeper.
            raise SystemExit("the keeper of this worker's leases has died") from error

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        assert self._process.stdout
        if _imports(frame):
            again = threading.Timer(_MOMENT_S, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        why = None
        while select.select([self._process.stdout], [], [], 0)[0]:
            chunk = os.read(self._process.stdout.fileno(), 4096)
            if not chunk:
                break
            *lines, self._pending = (self._pending + chunk).split(b"\n")
            for message in map(json.loads, lines):
                if self._held == tuple(message["step"]):
                    why = message["why"]
        if why and self._held:
            self._held = None
            raise _error(why)


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported: one that is interrupted stays half made for all later steps."""
    while frame and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


def _error(why: str) -> EcgError:
    if why == "deadline":
        return TimeoutExceeded("The step took longer than media of this length may take.")
    return LeaseLost("The step was cancelled or handed to another worker.")


@dataclass
class _Watch:
    """The keeper's side."""

    worker_pid: int
    held: tuple[int, int] | None = None
    stop_by_s: float = 0.0
    told: str = ""
    buffer: bytes = field(default=b"")

    def listen(self, timeout_s: float) -> bool:
        """Take in what the worker says; false when it is gone."""
        if not select.select([0], [], [], timeout_s)[0]:
            return True
        chunk = os.read(0, 4096)
        if not chunk:
            return False
        *lines, self.buffer = (self.buffer + chunk).split(b"\n")
        for message in map(json.loads, lines):
            self.held = tuple(message["hold"]) if "hold" in message else None
            self.told = ""
        return True

    def renew(self) -> None:
        assert self.held
        try:
            with transaction() as session:
                late = attempts.renew(session, *self.held, lease_s=settings().lease_s)
            if late:
                self.tell("deadline")
        except LeaseLost:
            self.tell("lease")
        except Outage as error:
            log.warning("lease of step %s not renewed: %s", self.held[0], error.message)

    def tell(self, why: str) -> None:
        if self.told:
            self.enforce()
            return
        self.told, self.stop_by_s = why, time.monotonic() + _GRACE_S
        print(json.dumps({"step": self.held, "why": why}), flush=True)
        os.kill(self.worker_pid, signal.SIGUSR2)

    def enforce(self) -> None:
        if time.monotonic() < self.stop_by_s or not self.held:
            return
        log.error("worker %s did not let go of step %s: killed", self.worker_pid, self.held[0])
        if self.told == "deadline":
            with contextlib.suppress(LeaseLost), transaction() as session:
                limits = attempts.Limits.from_settings(settings())
                attempts.fail(session, *self.held, _error("deadline"), limits)
        os.kill(self.worker_pid, signal.SIGKILL)


def main() -> None:
    # Ctrl-C in a terminal reaches the whole process group; the keeper must outlast its worker's last step.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    watch = _Watch(os.getppid())
    due_s = 0.0
    while watch.listen(0.2 if watch.told else settings().renew_s / 4):
        if watch.held and (watch.told or time.monotonic() >= due_s):
            due_s = time.monotonic() + settings().renew_s
            watch.renew()


if __name__ == "__main__":
    main()
