"""The one way ECG runs ffmpeg and ffprobe: guarded, limited, watched, its complaints kept.

Every child gets a guard (it dies with us, whatever happens), an environment without secrets, no network, a
wall clock, and a thread that drains its stderr into a bounded tail. Three forms share that:

    run(command)     wait for the end, return what it wrote to stdout; optional live progress
    lines(command)   its stdout line by line, for listings of any length
    Feed(command)    raw frames written to its stdin

Each raises `CommandFailed` when the command fails, `TimeoutExceeded` when its time is over, and the
whole tree of the child is gone when an exception of any kind leaves.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import resource
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, NoReturn, Self

from ecg import guard
from ecg.errors import CommandFailed, CommandKilled, EcgError, EngineUnavailable, Outage, TimeoutExceeded

ProgressCallback = Callable[[float], None]

#: The most that ffmpeg and ffprobe take at one go, whatever a file says it needs.
ONE_BLOCK = ("-max_alloc", str(1 << 29))
_STDERR_LINES = 40
_STDERR_LINE_BYTES = 500
_PIPE_BYTES = 1 << 20  # the most an unprivileged process may ask for by default
_NOT_STARTED = 127
# As the guard tells them. Not among these: a limit on CPU time, which it would run into again.
_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
_KILLED = {128 + number for number in _SIGNALS}
_DISK_FULL = "No space left on device"
# Left to itself glibc asks the kernel for the buffer of each raw frame and gives it back: hundreds of page
# faults a frame, which cost more than blending it.
_LARGE_FRAMES = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL", "CUDA_VISIBLE_DEVICES",
                "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usage:
    """The most one command may use: memory it writes to, CPU seconds, bytes in any file it writes."""

    memory_bytes: int | None = None
    cpu_s: int | None = None
    file_bytes: int | None = None

    def rlimits(self) -> dict[int, int]:
        """The same as ``resource.RLIMIT_*``."""
        asked = {
            resource.RLIMIT_DATA: self.memory_bytes,
            resource.RLIMIT_CPU: self.cpu_s,
            resource.RLIMIT_FSIZE: self.file_bytes,
        }
        return {number: value for number, value in asked.items() if value is not None}


class Child:
    """A guarded command whose stderr is drained and whose wall clock is watched.

    As a context manager it waits for the end and raises what went wrong; when the body raises,
    whatever it is, the child's tree is ended first.
    """

    def __init__(
        self, command: Any, *, timeout_s: float, usage: Usage | None = None, fed: bool = False,
        offline: bool = True,
    ) -> None:  # fmt: skip
        self.argv = arguments(command)
        self.timeout_s = timeout_s
        self._late = threading.Event()
        self._tail: deque[str] = deque(maxlen=_STDERR_LINES)
        self.process = guard.spawn(
            self.argv,
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if fed else subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(fed),
            limits=usage.rlimits() if usage else None,
            offline=offline,
        )
        # Nothing to read while frames are fed in: its stdout is closed then.
        self.stdout: IO[bytes] = self.process.stdout or io.BytesIO()
        self._drain = threading.Thread(target=self._read_stderr, name="stderr", daemon=True)
        self._clock = threading.Timer(timeout_s, self._expire)
        self._clock.daemon = True
        self._drain.start()
        self._clock.start()

    @property
    def stderr_tail(self) -> str:
        """The last lines the command wrote to stderr."""
        return "\n".join(self._tail)

    def finish(self) -> None:
        """Wait for the end.

        Raises `TimeoutExceeded`, `CommandFailed`, or for reasons of this machine `Outage`
        (disk full) and `EngineUnavailable` (not installed).
        """
        code = self.process.wait()
        self._release()
        if code and self._late.is_set():
            name = os.path.basename(self.argv[0])
            raise TimeoutExceeded(
                f"{name} was stopped after {self.timeout_s:g} s; try again, or give it more time.",
                argv=self.argv, timeout_s=self.timeout_s, stderr_tail=self.stderr_tail,
            )  # fmt: skip
        if code or _DISK_FULL in self.stderr_tail:  # ffmpeg ends with 0 when only the last write fails
            raise _failure(self.argv, code, self.stderr_tail)

    def abort(self) -> None:
        """End the command and all below it, now; raises nothing."""
        self.process.kill()
        self.process.wait()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
            return
        try:
            self.finish()
        except BaseException:
            self.abort()
            raise

    def _release(self) -> None:
        self._clock.cancel()
        self._drain.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _expire(self) -> None:
        self._late.set()
        self.process.kill()

    def _read_stderr(self) -> None:
        stderr: IO[bytes] = self.process.stderr  # type: ignore[assignment]
        while line := stderr.readline(_STDERR_LINE_BYTES):
            self._tail.append(line.decode(errors="replace").rstrip())


def arguments(command: Any) -> list[str]:
    """The argument list of a composed ffmpeg-python graph, or of a list given as it is.

    ffmpeg gets what every run of ours needs: no questions, no banner, errors only, overwrite.
    """
    argv = list(command) if isinstance(command, Sequence) else command.compile()
    if argv[0] == "ffmpeg":
        argv[1:1] = ["-nostdin", "-hide_banner", "-nostats", "-v", "error", "-y", *ONE_BLOCK]
    return argv


def run(
    command: Any,
    *,
    timeout_s: float,
    usage: Usage | None = None,
    on_progress: ProgressCallback | None = None,
    duration_s: float | None = None,
) -> bytes:
    """Run to the end; returns its stdout.

    ``on_progress`` is called with the share 0..1 of ``duration_s`` that ffmpeg has worked through;
    stdout is then ffmpeg's progress and nothing is returned.
    """
    argv = arguments(command)
    if not (on_progress and duration_s):
        with Child(argv, timeout_s=timeout_s, usage=usage) as child:
            return child.stdout.read()
    argv[1:1] = ["-progress", "pipe:1"]
    with Child(argv, timeout_s=timeout_s, usage=usage) as child:
        for line in child.stdout:
            done_s = _progress_s(line)
            if done_s is not None:
                on_progress(min(1.0, max(0.0, done_s / duration_s)))
    return b""


def is_offline() -> bool:
    """Whether tools started here really have no network."""
    opens_one = "import socket; socket.socket(socket.AF_INET)"
    try:
        run([sys.executable, "-I", "-S", "-c", opens_one], timeout_s=20)
    except CommandFailed:
        return True
    return False


def lines(
    command: Any, *, timeout_s: float, usage: Usage | None = None, offline: bool = True
) -> Iterator[str]:
    """The command's stdout line by line. Closing the iterator early ends the command."""
    with Child(command, timeout_s=timeout_s, usage=usage, offline=offline) as child:
        for line in child.stdout:
            yield line.decode(errors="replace").rstrip("\n")


class Feed(Child):
    """A command that reads raw frames from its stdin, at its own pace: `write` waits when it is behind."""

    def __init__(self, command: Any, *, timeout_s: float, usage: Usage | None = None) -> None:
        super().__init__(command, timeout_s=timeout_s, usage=usage, fed=True)
        self._stdin: IO[bytes] = self.process.stdin  # type: ignore[assignment]
        with contextlib.suppress(OSError):  # a smaller pipe only means more switches between us
            fcntl.fcntl(self._stdin.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def write(self, frame: bytes | memoryview) -> None:
        """Hand over one frame; raises what ended the command if it no longer reads."""
        view = memoryview(frame).cast("B")
        try:
            while view:
                view = view[os.write(self._stdin.fileno(), view):]  # fmt: skip
        except BrokenPipeError:
            self._ended_early()

    def close(self) -> None:
        """Say that no more frames come, and wait for the end; raises as `finish`."""
        self._stdin.close()
        self.finish()

    def _ended_early(self) -> NoReturn:
        self.finish()
        raise CommandFailed(
            f"{os.path.basename(self.argv[0])} stopped reading before the last frame.",
            argv=self.argv, exit_code=0, stderr_tail=self.stderr_tail,
        )  # fmt: skip

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self._stdin.close()
        super().__exit__(kind, error, trace)


def _environment(fed: bool) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return kept | (_LARGE_FRAMES if fed else {})


def _progress_s(line: bytes) -> float | None:
    key, _, value = line.strip().partition(b"=")
    if key == b"out_time_us" and value.lstrip(b"-").isdigit():
        return int(value) / 1e6
    return None


def _failure(argv: list[str], code: int, stderr_tail: str) -> EcgError:
    name = os.path.basename(argv[0])
    if code == _NOT_STARTED:
        return EngineUnavailable(f"{name} is not installed; install the package ffmpeg.", argv=argv)
    if _DISK_FULL in stderr_tail:
        return Outage("The disk is full; make room and try again.", argv=argv)
    last = stderr_tail.rpartition("\n")[2] or "it said nothing"
    return (CommandKilled if code in _KILLED else CommandFailed)(
        f"{name} failed with exit code {code}: {last}",
        argv=argv, exit_code=code, stderr_tail=stderr_tail,
    )  # fmt: skip
