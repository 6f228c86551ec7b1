"""The guard itself: the small process that stands between a parent and its command (see `ecg.guard`).

Started as ``python -I -S guard_process.py FD GRACE_S USER LIMITS OFFLINE -- COMMAND…`` and never imported. It
imports as little as it can: every child process of ECG waits for it to start.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
import resource
import select
import signal
import struct
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

# By machine: its number in the kernel's audit records, and the system calls that make a filter and a socket.
_MACHINES = {"x86_64": (0xC000003E, 317, 41), "aarch64": (0xC00000B7, 277, 198)}
_IO_URING_SETUP = 425  # another way to a socket
_X32_CALLS = 0x40000000  # and one more, on x86-64
_AF_UNIX = 1


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as listing:
                found += map(int, listing.read().split())
    except OSError:
        return found  # it ended while we looked: its children are ours now and found from us
    return found


def _descendants() -> list[int]:
    """Process ids of everything below this process."""
    found, queue = [], [os.getpid()]
    while queue:
        below = _children(queue.pop())
        found += below
        queue += below
    return found


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _end_all(grace_s: float) -> None:
    """SIGTERM, wait, SIGKILL until nothing descends from this process."""
    if grace_s:
        for pid in _descendants():
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while _descendants() and time.monotonic() < deadline:
            _reap()
            time.sleep(0.02)
    while below := _descendants():
        for pid in below:
            _signal(pid, signal.SIGKILL)
        _reap()
        time.sleep(0.005)


def _drop_to(user: str) -> None:
    import pwd

    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def _read(limits: str) -> dict[int, int]:
    """Resource limits from ``RESOURCE=VALUE,…``, both as numbers."""
    pairs = (pair.partition("=") for pair in filter(None, limits.split(",")))
    return {int(number): int(value) for number, _, value in pairs}


def _go_offline() -> None:
    """Have the kernel refuse every network to this process and all that it becomes or starts (seccomp).

    No name spaces, which most containers forbid. Sockets within the machine stay: CUDA wants one. Where the
    kernel cannot, all goes on without.
    """
    audit, seccomp, socket = _MACHINES.get(os.uname().machine, (0, 0, 0))
    if not audit:
        return
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EACCES
    call, machine, first_argument = 0, 4, 16  # where the kernel puts them
    steps = (  # what to do, how many steps to leave out if so and if not, with which number
        (load, 0, 0, machine), (equal, 0, 7, audit),
        (load, 0, 0, call), (at_least, 5, 0, _X32_CALLS), (equal, 4, 0, _IO_URING_SETUP),
        (equal, 0, 2, socket), (load, 0, 0, first_argument), (equal, 0, 1, _AF_UNIX),
        (end, 0, 0, allow), (end, 0, 0, refuse),
    )  # fmt: skip
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    given = struct.pack("@HP", len(steps), ctypes.addressof(program))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    set_filter, keep_speculation = 1, 4  # what slows a process down for fear of its own code is not wanted
    ctypes.CDLL(None, use_errno=True).syscall(seccomp, set_filter, keep_speculation, given)


def _cpu_s() -> float:
    """CPU seconds of all that was started here and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _start(argv: list[str], user: str, limits: dict[int, int], offline: bool, death_fd: int) -> int:
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        os.close(death_fd)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would pass that on
        if user:
            _drop_to(user)
        # The guard has one thread, so this fires exactly when the guard itself is killed. It comes
        # after the change of user, which clears it.
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(128 + signal.SIGKILL)
        for number, value in limits.items():
            resource.setrlimit(number, (value, value))
        if offline:
            _go_offline()
        os.execvp(argv[0], argv)  # noqa: S606
    except (OSError, KeyError, ValueError) as error:
        os.write(2, f"{argv[0]}: {error}\n".encode())
    os._exit(127)


def _watch(pid: int, death_fd: int, grace_s: float, wake_fd: int) -> int:
    """Until the command ends or the pipe closes; returns the exit code to pass on."""
    while True:
        readable, _, _ = select.select([death_fd, wake_fd], [], [])
        if death_fd in readable:
            _end_all(grace_s)
            return 128 + signal.SIGKILL
        for number in os.read(wake_fd, 64):
            if number != signal.SIGCHLD:
                _signal(pid, number)
        code = _reap_until(pid)
        if code is not None:
            _end_all(grace_s)
            return code


def _reap_until(command_pid: int) -> int | None:
    """Reap whatever has ended; the command's own exit code once it is among them."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return None
            if pid == command_pid:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
    except ChildProcessError:
        return None


def main() -> int:
    death_fd, grace_s, user, limits = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], _read(sys.argv[4])
    offline, argv = bool(sys.argv[5]), sys.argv[7:]
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (*_FORWARDED, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    code = _watch(_start(argv, user, limits, offline, death_fd), death_fd, grace_s, wake_read)
    # Some programs catch the signal and end in their own way, others are killed; and the kernel does not
    # count here as precisely as there.
    late = code and _cpu_s() >= 0.8 * limits.get(resource.RLIMIT_CPU, math.inf)
    return 128 + signal.SIGXCPU if late else code


if __name__ == "__main__":
    sys.exit(main())
