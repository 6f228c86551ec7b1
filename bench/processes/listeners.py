"""Those who listen in `bench.api`: a stream for each job, read by one loop.

    python -m bench.processes.listeners PORT TOKEN

Jobs come by standard input, a line each, then an empty line. It answers with the seconds until every stream
had begun. After the line `end` it answers with how late each event was, in milliseconds, as JSON.
"""

from __future__ import annotations

import json
import re
import resource
import select
import socket
import sys
import time

#: So many are begun at once: a browser waits for its answer too.
_BEGINNING = 64
_TICK = re.compile(rb'"step": "([0-9.]+)"')
_BEGUN = b"retry: "


class Listener:
    """One stream."""

    def __init__(self, port: int, token: str, job_id: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(f"GET /api/jobs/{job_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            f"Authorization: Bearer {token}\r\n\r\n".encode())  # fmt: skip
        self.socket.setblocking(False)
        self.begun = False
        self._unread = b""

    def read(self) -> list[float]:
        """The moments at which the events that have come were sent."""
        piece = self.socket.recv(65536)
        if not piece:
            raise RuntimeError(f"a stream ended: {self._unread[:300]!r}")
        self._unread += piece
        self.begun = self.begun or _BEGUN in self._unread
        *whole, self._unread = self._unread.split(b"\n\n")
        return [float(found[1]) for event in whole for found in _TICK.finditer(event)]


def begin(port: int, token: str, jobs: list[str]) -> tuple[select.epoll, dict[int, Listener]]:
    """Open a stream for each job, a few at a time."""
    poll, listeners, begun = select.epoll(), dict[int, Listener](), 0
    while begun < len(jobs):
        for job_id in jobs[len(listeners) : begun + _BEGINNING]:
            listener = Listener(port, token, job_id)
            listeners[listener.socket.fileno()] = listener
            poll.register(listener.socket, select.EPOLLIN)
        for number, _ in poll.poll(1):
            before = listeners[number].begun
            listeners[number].read()
            begun += listeners[number].begun - before
    return poll, listeners


def main() -> None:
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    jobs, began_s = list(iter(lambda: sys.stdin.readline().strip(), "")), time.monotonic()
    poll, listeners = begin(int(sys.argv[1]), sys.argv[2], jobs)
    print(time.monotonic() - began_s, flush=True)
    poll.register(sys.stdin, select.EPOLLIN)
    late_ms: list[float] = []
    while True:
        for number, _ in poll.poll(1):
            if number == sys.stdin.fileno():
                print(json.dumps(late_ms), flush=True)
                return
            late_ms += [round((time.time() - sent_s) * 1000, 1) for sent_s in listeners[number].read()]


if __name__ == "__main__":
    main()
