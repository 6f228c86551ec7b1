"""The stack a command talks to: one that runs already, else one started for just this command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ecg import config, guard
from ecg.errors import ServiceUnavailable
from ecg.stack import logs, running

_START_S = 240.0
#: An orderly end of everything below (see `ecg.stack.supervisor`), should this command be killed.
_GRACE_S = 45.0


@contextmanager
def a_stack(settings: config.Settings, say: Callable[[str], None]) -> Iterator[running.Running]:
    """A ready stack on this data folder; one that had to be started is stopped again at the end."""
    with running.in_use(settings.data_dir) as wait_for_others:
        if running.find(settings.data_dir):
            yield _ready(settings, lambda: running.find(settings.data_dir) is not None)
        else:
            with _started(settings, say) as found:
                try:
                    yield found
                finally:
                    wait_for_others(say)


@contextmanager
def _started(settings: config.Settings, say: Callable[[str], None]) -> Iterator[running.Running]:
    say(f"Starting ECG on {settings.data_dir} …")
    log = running.private_folder(settings.data_dir, "logs") / "up.log"
    with logs.opened(log) as out:
        process = guard.spawn([sys.executable, "-P", "-m", "ecg.cli", "up"], stdout=out, stderr=out,
                              grace_s=_GRACE_S)  # fmt: skip
    try:
        # Ours may find that another command has started one in the meantime; then that one will do.
        yield _ready(settings, lambda: process.poll() is None or running.find(settings.data_dir) is not None)
    finally:
        if process.poll() is None:
            say("Stopping ECG …")
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(settings: config.Settings, alive: Callable[[], bool]) -> running.Running:
    deadline_s = time.monotonic() + _START_S
    while alive() and time.monotonic() < deadline_s:
        found = running.find(settings.data_dir)
        if found and found.ready:
            return found
        time.sleep(0.1)
    raise ServiceUnavailable(
        f"ECG did not start on {settings.data_dir}; `ecg doctor` may know why. Its last words:\n"
        + logs.tail(settings.data_dir / "logs" / "up.log", 4000)
    )


def use_running_servers() -> None:
    """Let this command's settings name the embedded servers of the running stack, unless they name others."""
    if config.settings().database_url:
        return
    found = running.find(config.settings().data_dir)
    if found is None:
        raise ServiceUnavailable(
            f"DATABASE_URL is not set, and no ECG runs on {config.settings().data_dir}: start `ecg up`, or "
            "name the database."
        )
    os.environ["DATABASE_URL"] = found.database_url
    os.environ.setdefault("REDIS_URL", found.redis_url)
    config.settings.cache_clear()
