"""The whole stack under its supervisor, started, hurt and stopped for real."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest
import requests

from ecg import guard
from ecg.config import Settings
from ecg.stack import ports, running, supervisor
from tests.conftest import LiveStack, a_live_stack


@pytest.fixture(scope="module")
def own() -> Iterator[LiveStack]:
    """A stack that these tests may hurt, with Flower."""
    port = str(ports.free_port("127.0.0.1"))
    with a_live_stack("--flower", ECG_FLOWER_AUTH="op:secret", ECG_FLOWER_PORT=port) as live:
        yield live


def supervisor_of(stack: LiveStack) -> psutil.Process:
    return psutil.Process(running.find(stack.data_dir).pid)


def members(stack: LiveStack) -> list[psutil.Process]:
    return supervisor_of(stack).children(recursive=True)


def process_of(stack: LiveStack, word: str) -> psutil.Process | None:
    """The process with this word in its command line; not the guard in front of it."""
    for process in members(stack):
        with suppress(psutil.NoSuchProcess):
            line = " ".join(process.cmdline())
            if word in line and "guard_process" not in line:
                return process
    return None


def kill_and_await_another(stack: LiveStack, word: str) -> None:
    old = process_of(stack, word)
    old.kill()
    wait_until(lambda: (found := process_of(stack, word)) is not None and found.pid != old.pid)


def wait_until(wanted: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_second_stack_on_the_same_folder_says_where_the_first_is(own: LiveStack):
    second = subprocess.run([sys.executable, "-m", "ecg.cli", "up"], env=own.env, capture_output=True,
                            text=True, timeout=60, check=False)  # fmt: skip
    assert second.returncode == 1
    assert own.url in second.stderr
    assert "Traceback" not in second.stderr


def test_flower_asks_for_its_password(own: LiveStack):
    url = running.find(own.data_dir).flower_url
    wait_until(lambda: answers(url))
    assert requests.get(url, timeout=10).status_code == 401
    assert requests.get(url, auth=("op", "secret"), timeout=10).status_code == 200


def answers(url: str) -> bool:
    try:
        return bool(requests.get(url, timeout=5).status_code)
    except requests.ConnectionError:
        return False


def test_a_worker_that_was_killed_is_replaced(own: LiveStack):
    kill_and_await_another(own, "workers.media")
    assert "media ended" in (own.data_dir / "up.out").read_text()


def test_redis_that_was_killed_comes_back_where_it_was(own: LiveStack):
    kill_and_await_another(own, "redis-server")
    wait_until(lambda: requests.get(f"{own.url}/ready", timeout=10).ok)
    assert running.find(own.data_dir).redis_url == own.redis_url


def test_jobs_are_found_from_another_terminal_without_naming_a_database(own: LiveStack):
    for command in (["-m", "ecg.cli", "jobs", "list"], ["-m", "celery", "-A", "ecg.tasks", "jobs", "list"]):
        listed = subprocess.run([sys.executable, *command], env=own.env, capture_output=True, text=True,
                                timeout=60, check=False)  # fmt: skip
        assert listed.returncode == 0, listed.stderr
        assert "status" in listed.stdout


def test_killing_the_supervisor_leaves_nothing_behind_and_a_new_one_starts_at_once(own: LiveStack):
    before = members(own)
    assert len(before) > 10
    supervisor_of(own).kill()
    wait_until(lambda: running.find(own.data_dir) is None)
    again = guard.spawn([sys.executable, "-m", "ecg.cli", "up"], env=own.env)
    try:
        wait_until(lambda: bool((found := running.find(own.data_dir)) and found.ready), 120)
        assert not living(before)
        assert requests.get(f"{own.url}/ready", timeout=10).ok
        after = members(own)
        again.send_signal(signal.SIGINT)
        assert again.wait(60) == 0
        assert not living(after)
        assert running.find(own.data_dir) is None
    finally:
        again.kill()


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != "zombie"]


def test_a_taken_port_that_the_user_did_not_choose_is_replaced():
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        wanted = squatter.getsockname()[1]
        said: list[str] = []
        settled = supervisor._with_ports(Settings(port=wanted), False, {"stream_port"}, said.append)
    assert settled.port != wanted
    assert str(settled.port) in said[0]
