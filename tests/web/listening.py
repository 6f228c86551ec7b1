"""The running process of event streams, and those who listen to it."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import requests

from tests.web.person import Person


@dataclass
class Sent:
    """One event as a client sees it."""

    event: str
    data: dict
    id: int | None
    comment: bool = False


class Listener:
    """Reads a stream in the background."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.sent: queue.Queue[Sent | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in self.response.iter_lines(chunk_size=1, decode_unicode=True):
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields or "" in fields:
                    self.sent.put(_sent(fields))
                if not line:
                    fields = {}
        except (requests.RequestException, AttributeError, ValueError):
            pass  # the test closed it, or the server went away
        self.sent.put(None)

    def next(self, timeout_s: float = 5.0) -> Sent | None:
        """The next event, or ``None`` at the stream's end."""
        return self.sent.get(timeout=timeout_s)

    def until(self, kind: str, timeout_s: float = 5.0) -> list[Sent]:
        """Events up to one of a kind."""
        found = []
        while not found or found[-1].event != kind:
            sent = self.next(timeout_s)
            assert sent, f"the stream ended without {kind} after {found}"
            found.append(sent)
        return found

    def rest(self, timeout_s: float = 5.0) -> list[Sent]:
        """All events up to the stream's end."""
        return list(iter(lambda: self.next(timeout_s), None))


def _sent(fields: dict[str, str]) -> Sent:
    number = fields.get("id")
    return Sent(
        fields.get("event", ""),
        json.loads(fields.get("data", "{}")),
        int(number) if number else None,
        "data" not in fields,
    )


class Streams:
    """The running process."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, person: Person | None, job_id: str, token: str = "", **headers: str) -> requests.Response:
        sent = {**(person.headers if person else {}), **headers}
        query = {"access_token": token} if token else {}
        return requests.get(f"{self.url}/api/jobs/{job_id}/events", params=query, headers=sent, stream=True,
                            timeout=30)  # fmt: skip

    def listen(self, person: Person, job_id: str, **headers: str) -> Listener:
        response = self.get(person, job_id, **headers)
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"].startswith("text/event-stream")
        return Listener(response)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_streams(env: dict[str, str]) -> tuple[subprocess.Popen, Streams]:
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "ecg.web.streams:app",
            "--worker-class",
            "gevent",
            "--workers",
            "1",
            "--bind",
            f"127.0.0.1:{port}",
            "--graceful-timeout",
            "1",
            "--no-control-socket",
        ],
        env={**os.environ, **env},
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            requests.get(f"{url}/health", timeout=10)
            return process, Streams(url)
        except requests.RequestException:
            assert process.poll() is None, "the streams did not start"
            time.sleep(0.1)
    raise AssertionError("the streams did not answer")
