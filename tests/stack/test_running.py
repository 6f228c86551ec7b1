from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ecg.errors import Conflict, ServiceUnavailable
from ecg.stack import running

STATE = running.Running(
    url="http://127.0.0.1:8000", stream_url="http://127.0.0.1:8001", database_url="postgresql://x",
    redis_url="redis://y", flower_url="", pid=1, ready=True,
)  # fmt: skip


def holder(data_dir: Path, then: str) -> subprocess.Popen:
    """Another process that holds the folder's lock, and does something with its descriptor."""
    code = (
        "import sys, time, subprocess, pathlib; from ecg.stack import running\n"
        "with running.lock(pathlib.Path(sys.argv[1])) as fd:\n"
        f"    {then}\n    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(data_dir)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_stack_on_a_folder_is_told_where_the_first_one_is(tmp_path: Path):
    with running.lock(tmp_path):
        running.announce(tmp_path, STATE)
        with pytest.raises(Conflict, match=STATE.url), running.lock(tmp_path):
            pass


def test_a_folder_is_free_again_once_its_stack_was_killed(tmp_path: Path):
    process = holder(tmp_path, "pass")
    process.kill()
    process.wait()
    with running.lock(tmp_path):
        assert running.find(tmp_path) is None


def test_a_new_stack_waits_for_what_a_killed_one_left_running(tmp_path: Path):
    process = holder(tmp_path, "subprocess.Popen(['sleep', '2'], pass_fds=(fd,))")
    process.kill()
    process.wait()
    begun = time.monotonic()
    with running.lock(tmp_path):
        assert time.monotonic() - begun > 1


def test_a_running_stack_is_found_and_an_ended_one_is_not(tmp_path: Path):
    with running.lock(tmp_path):
        running.announce(tmp_path, STATE)
        assert running.find(tmp_path) == STATE
    assert (tmp_path / "run" / "stack.json").exists()
    assert running.find(tmp_path) is None


def test_addresses_hold_passwords_and_are_private(tmp_path: Path):
    with running.lock(tmp_path):
        running.announce(tmp_path, STATE)
    assert (tmp_path / "run" / "stack.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ServiceUnavailable, match="ECG_DATA_DIR"), running.lock(tmp_path / "file"):
        pass


def test_a_command_waits_for_others_that_use_its_stack(tmp_path: Path):
    said: list[str] = []
    release = threading.Event()

    def other() -> None:
        with running.in_use(tmp_path):
            begun.set()
            release.wait(10)

    begun = threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    begun.wait(10)
    with running.in_use(tmp_path) as wait_for_others:
        threading.Timer(0.5, release.set).start()
        wait_for_others(said.append)
        assert release.is_set()
    thread.join()
    assert said
