"""Children die with their parent, whole trees at once, and otherwise behave as if nothing stood between."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ecg import guard

# A child with a child of its own, which ignores SIGTERM and leaves the process group.
TREE = (
    "echo $$ >> {pids}; "
    "setsid sh -c 'trap \"\" TERM; echo $$ >> {pids}; while :; do sleep 1; done' & "
    "sleep 300"
)


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "pids"
    yield path
    for pid in _listed(path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _listed(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def _alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def eventually(holds: Callable[[], bool], within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def start_tree(pids: Path) -> guard.Guarded:
    process = guard.spawn(["sh", "-c", TREE.format(pids=pids)])
    assert eventually(lambda: len(_listed(pids)) == 2)
    return process


def all_gone(pids: Path) -> bool:
    return not any(_alive(pid) for pid in _listed(pids))


def test_child_and_grandchild_die_when_the_parent_is_killed_outright(pids: Path):
    program = f"from ecg import guard; guard.spawn(['sh', '-c', {TREE.format(pids=pids)!r}]).wait()"
    parent = subprocess.Popen([sys.executable, "-c", program])
    assert eventually(lambda: len(_listed(pids)) == 2)
    parent.kill()
    parent.wait()
    assert eventually(lambda: all_gone(pids))


def test_the_tree_outlives_the_thread_that_started_it(pids: Path):
    import threading

    started = []
    thread = threading.Thread(target=lambda: started.append(start_tree(pids)))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert all(_alive(pid) for pid in _listed(pids))
    started[0].kill()
    started[0].wait()


def test_kill_ends_the_whole_tree_and_may_be_called_twice(pids: Path):
    process = start_tree(pids)
    process.kill()
    process.kill()
    process.wait()
    assert all_gone(pids)


def test_what_a_finished_command_left_behind_is_ended(pids: Path):
    process = guard.spawn(["sh", "-c", TREE.format(pids=pids).replace("sleep 300", "sleep 0.3")])
    assert process.wait() == 0
    assert len(_listed(pids)) == 2
    assert all_gone(pids)


def test_killing_the_guard_itself_ends_the_command(pids: Path):
    process = guard.spawn(["sh", "-c", f"echo $$ > {pids}; exec sleep 300"])
    assert eventually(lambda: len(_listed(pids)) == 1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert eventually(lambda: all_gone(pids))


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_the_commands_own(code: int):
    assert guard.spawn(["sh", "-c", f"exit {code}"]).wait() == code


def test_a_command_ended_by_a_signal_gives_128_and_its_number():
    assert guard.spawn(["sh", "-c", "kill -SEGV $$"]).wait() == 128 + signal.SIGSEGV


def test_a_command_that_does_not_exist_gives_127_and_says_its_name():
    process = guard.spawn(["no-such-command"], stderr=subprocess.PIPE)
    assert "no-such-command" in process.communicate()[1].decode()
    assert process.returncode == 127


def test_sigterm_reaches_the_command_and_it_may_answer():
    script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    process = guard.spawn(["sh", "-c", script], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(timeout=5) == 9


def test_within_its_grace_a_command_may_tidy_up_when_it_is_killed(tmp_path: Path):
    script = f"trap 'echo tidy > {tmp_path}/mark; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    process = guard.spawn(["sh", "-c", script], stdout=subprocess.PIPE, grace_s=5.0)
    process.stdout.readline()
    process.kill()
    process.wait(timeout=5)
    assert (tmp_path / "mark").read_text() == "tidy\n"


def test_limits_hold_for_the_command():
    process = guard.spawn(
        ["sh", "-c", "ulimit -v; ulimit -t"], stdout=subprocess.PIPE,
        limits={resource.RLIMIT_AS: 512 * 1024**2, resource.RLIMIT_CPU: 7},
    )  # fmt: skip
    assert process.communicate()[0].split() == [str(512 * 1024).encode(), b"7"]


def test_a_command_past_its_cpu_time_is_told_from_one_that_was_killed():
    spin = ["sh", "-c", "trap 'exit 3' XCPU; while :; do :; done"]
    assert guard.spawn(spin, limits={resource.RLIMIT_CPU: 1}).wait() == 128 + signal.SIGXCPU


OPENS = """
import ctypes, socket
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
    try:
        print(family.name, bool(socket.socket(family, socket.SOCK_RAW)))
    except PermissionError:
        print(family.name, "refused")
print(ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120)))  # io_uring_setup
"""


def test_offline_a_command_opens_no_socket_but_within_the_machine():
    process = guard.spawn([sys.executable, "-c", OPENS], offline=True, stdout=subprocess.PIPE)
    families = ("INET", "INET6", "NETLINK", "PACKET")
    assert process.communicate()[0].decode().split("\n") == [
        "AF_UNIX True", *(f"AF_{family} refused" for family in families), "-1", ""
    ]  # fmt: skip


def test_a_command_that_writes_to_a_closed_pipe_ends_quietly_as_without_a_guard():
    process = guard.spawn(["sh", "-c", "yes; echo late >&2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert b"Broken pipe" not in process.stderr.read()
    process.wait()


def test_nothing_of_the_guard_leaks_into_the_command():
    process = guard.spawn(["ls", "/proc/self/fd"], stdout=subprocess.PIPE)
    assert set(process.communicate()[0].split()) <= {b"0", b"1", b"2", b"3"}  # 3 is the listing itself


def test_no_file_stays_open_after_a_command():
    guard.spawn(["true"]).wait()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        guard.spawn(["true"]).wait()
    assert len(os.listdir("/proc/self/fd")) == before


def test_standing_between_costs_little():
    def seconds(start: Callable[[], subprocess.Popen[bytes]]) -> float:
        begin = time.perf_counter()
        start().wait()
        return time.perf_counter() - begin

    bare = min(seconds(lambda: subprocess.Popen(["true"])) for _ in range(5))
    guarded = min(seconds(lambda: guard.spawn(["true"])) for _ in range(5))
    assert guarded - bare < 0.15
