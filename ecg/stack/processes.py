"""Which processes a stack consists of, and one process that is kept running."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecg import guard
from ecg.errors import ServiceUnavailable
from ecg.stack import logs

#: Whoever lived this long has recovered: its next end is met without delay again.
_SETTLED_S = 60.0
_LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True)
class ProcessType:
    """``name`` is also that of its log; ``command`` what follows the interpreter."""

    name: str
    command: tuple[str, ...]


def process_types(gpus: Sequence[str], flower: bool, audio_per_gpu: int = 1) -> list[ProcessType]:
    """All process types of a stack on one machine, in the order they are started in.

    On each GPU there are ``audio_per_gpu`` audio workers and one render worker.
    """
    found = [_entry(name) for name in ("web", "streams", "dispatch", "media")]
    for queue, share in (("audio", audio_per_gpu), ("render", 1)):
        found += [_entry(queue, gpu, nth) for gpu in gpus for nth in range(share)] or [_entry(queue)]
    found += [_entry("webhooks"), _entry("upkeep"), _entry("beat")]
    return [*found, _entry("flower")] if flower else found


def _entry(module: str, gpu: str | None = None, nth: int = 0) -> ProcessType:
    # -P: a folder named `workers` wherever the user happens to stand must not be taken for ours.
    command = ("-P", "-m", f"workers.{module}")
    if gpu is None:
        return ProcessType(module, command)
    name = f"{module}-gpu{gpu}" + (f"-{nth + 1}" if nth else "")
    return ProcessType(name, (*command, "--gpu", gpu))


def spawn(kind: ProcessType, log: Path, env: Mapping[str, str], hold: Sequence[int]) -> guard.Guarded:
    """Start a process of this type, its output in its log."""
    with logs.opened(log) as out:
        return guard.spawn([sys.executable, *kind.command], stdout=out, stderr=out, env=env, hold=hold)


@dataclass
class Member:
    """A process that is started again whenever it ends, after a pause that grows with every early end.

    ``early_ends``: how often in a row it ended soon after its start.
    """

    name: str
    start: Callable[[], guard.Guarded]
    log: Path
    say: Callable[[str], None]
    stop_signal: int
    process: guard.Guarded | None = None
    early_ends: int = 0
    _started_s: float = 0.0
    _again_s: float = float("inf")

    def launch(self) -> None:
        """Start it now."""
        self.adopt(self.start())

    def adopt(self, process: guard.Guarded) -> None:
        """Keep this process running, which was started just now."""
        self.process, self._started_s = process, time.monotonic()

    def tend(self) -> None:
        """Notice that it has ended; start it again when its pause is over."""
        if self.process is not None:
            code = self.process.poll()
            if code is not None:
                self.process.wait()
                self._pause(f"ended with exit code {code}")
        elif time.monotonic() >= self._again_s:
            try:
                self.launch()
            except (ServiceUnavailable, OSError) as error:
                self._pause(f"could not be started: {error}")

    def _pause(self, what_happened: str) -> None:
        now_s = time.monotonic()
        self.process = None
        self.early_ends = 0 if now_s - self._started_s > _SETTLED_S else self.early_ends + 1
        pause_s = min(_LONGEST_PAUSE_S, 2.0 ** (self.early_ends - 1)) if self.early_ends else 0.0
        self._again_s = now_s + pause_s
        self.say(f"{self.name} {what_happened}; it is started again in {pause_s:.0f} s. Its log: {self.log}")

    def ask_to_stop(self) -> None:
        """Begin an orderly end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def has_stopped(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def end(self, deadline_s: float, hurry: Callable[[], bool]) -> None:
        """Wait for the end until ``deadline_s`` (monotonic) or until ``hurry``; then by force."""
        while not self.has_stopped() and time.monotonic() < deadline_s and not hurry():
            time.sleep(0.02)
        if self.process is None:
            return
        self.process.kill()
        try:
            self.process.wait(15.0)
        except subprocess.TimeoutExpired:
            self.say(f"{self.name} (process {self.process.pid}) does not end.")
