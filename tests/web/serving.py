"""The web tier as it is served, in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import requests

from ecg import guard
from ecg.stack import ports


@dataclass(frozen=True)
class Web:
    """A web tier of several processes."""

    url: str
    master: psutil.Process

    def kill_workers(self) -> None:
        """As the kernel does that needs memory; the master starts new ones."""
        for worker in self.master.children():
            with suppress(psutil.NoSuchProcess):
                worker.kill()


@contextmanager
def web(*command: str, **settings: str) -> Iterator[Web]:
    """The real web tier on a free port, ready to be asked. ``command``: another one that serves it.

    `{port}` in either stands for the port.
    """
    port = ports.free_port("127.0.0.1")
    argv = [part.format(port=port) for part in command or ("-m", "workers.web")]
    given = {name: value.format(port=port) for name, value in settings.items()}
    env = {**os.environ, "ECG_PORT": str(port), "ECG_WEB_PROCESSES": "2", **given}
    guarded = guard.spawn([sys.executable, *argv], env=env, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline_s = time.monotonic() + 60
        while not answers(url):
            assert guarded.poll() is None
            assert time.monotonic() < deadline_s, "the web tier did not start"
            time.sleep(0.1)
        yield Web(url, psutil.Process(guarded.pid).children()[0])
    finally:
        guarded.kill()
        guarded.wait(30)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).ok
    except requests.RequestException:
        return False
