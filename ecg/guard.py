"""A child process that cannot outlive its parent, not even at ``kill -9``.

``PR_SET_PDEATHSIG`` alone fires with the *thread* that spawned the child and misses grandchildren.
So a tiny guard process stands between (`ecg/guard_process.py`): it holds the read end of a pipe whose
write end only the parent has, starts the command in a session of its own, adopts every orphan below
it (``PR_SET_CHILD_SUBREAPER``), and when the pipe closes, the command ends or a signal says so, it
kills everything that descends from it. Linux only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_GUARD = str(Path(__file__).with_name("guard_process.py"))


class Guarded(subprocess.Popen):
    """A guarded command. ``terminate()`` reaches the command itself; ``kill()`` ends its whole tree.

    The death pipe closes with this object's process, however that process ends. The exit code is the
    command's own, or 128 + the signal that ended it; 127 when it could not be started, and 128 + SIGXCPU,
    however it ended, when it failed after the CPU time it was allowed.
    """

    _death_pipe: int

    def kill(self) -> None:
        """End the command and all that descends from it: at once, or after the grace it was given.

        Never kills the guard itself, so calling it twice is harmless.
        """
        # pop is atomic: two threads that end the command at once must not close the number twice,
        # by then it may be another file.
        fd = self.__dict__.pop("_death_pipe", None)
        if fd is not None:
            os.close(fd)

    def wait(self, timeout: float | None = None) -> int:
        code = super().wait(timeout)
        self.kill()
        return code


def spawn(
    argv: Sequence[str],
    *,
    stdin: int | IO[Any] | None = subprocess.DEVNULL,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    user: str | None = None,
    grace_s: float = 0.0,
    limits: Mapping[int, int] | None = None,
    offline: bool = False,
    hold: Sequence[int] = (),
) -> Guarded:
    """Start ``argv`` under a guard.

    ``grace_s``: how long after the parent's death (or ``kill``) the command may take to end by
    SIGTERM before SIGKILL. ``user``: run the command as this user (only when started by root).
    ``limits``: what the command may use, by ``resource.RLIMIT_*``. ``offline``: it and all below it have no
    network, where the kernel can see to that (x86-64 and 64-bit ARM). ``hold``: file descriptors that stay
    open until nothing descends from the guard any more; a lock among them is held for that long.
    """
    limit_list = ",".join(f"{number}={value}" for number, value in (limits or {}).items())
    read_fd, write_fd = os.pipe()
    told = [str(read_fd), str(grace_s), user or "", limit_list, "offline" if offline else "", "--"]
    try:
        process = Guarded(
            [sys.executable, "-I", "-S", _GUARD, *told, *argv],
            stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd,
            pass_fds=(read_fd, *hold), start_new_session=True,
        )  # fmt: skip
    except BaseException:
        os.close(write_fd)
        raise
    finally:
        os.close(read_fd)
    process._death_pipe = write_fd
    return process
