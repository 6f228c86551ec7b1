"""What the REST API costs: requests for a job's status, against a plain Flask route with one SELECT.

``GET /api/upload-video/status/{id}`` with an access token, of a job that is at work: the token is checked,
its sign-in looked up, the job read; live progress is heard meanwhile. Divided by the same gunicorn serving
`bench.processes.plain_api`; interleaved rounds, medians. Beside it how long signing in and asking for an
analysis take, and ten thousand event streams on one process: how late one is, what memory a stream takes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from sqlalchemy import text

from bench.processes.servers import python, services
from ecg import db, guard, progress
from ecg.config import settings
from ecg.stack import ports

ROUNDS, ROUND_S, CONNECTIONS, THREADS, TARGET = 7, 4.0, 8, 8, 0.5
STREAMS, DELIVERIES_PER_S, LISTEN_S, LATE_MS = 10_000, 500, 40.0, 1000


@dataclass(frozen=True)
class Servers:
    """Where the two answer."""

    ours: int
    plain: int


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Postgres, Redis, the web tier and the plain server, with the same settings of gunicorn."""
    ports_of = Servers(ports.free_port("127.0.0.1"), ports.free_port("127.0.0.1"))
    gunicorn = ["-m", "gunicorn", "--worker-class", "gthread", "--threads", str(THREADS), "--workers", "1",
                "--timeout", "120", "--keep-alive", "15", "--no-control-socket"]  # fmt: skip
    ours = [*gunicorn, "--bind", f"127.0.0.1:{ports_of.ours}", "ecg.web.wsgi:app"]
    plain = [*gunicorn, "--bind", f"127.0.0.1:{ports_of.plain}", "bench.processes.plain_api:make()"]
    unlimited = {"ECG_SIGN_INS_PER_MINUTE": "0", "ECG_ANALYSES_PER_MINUTE": "0"}
    with services(folder, ECG_WEB_THREADS=str(THREADS), **unlimited) as url:
        os.environ["BENCH_DSN"] = url
        with python(folder, ours, plain):
            for port in (ports_of.ours, ports_of.plain):
                await_listener(port)
            yield ports_of


def await_listener(port: int) -> None:
    deadline_s = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def execute(sql: str, **values: object) -> None:
    with db.transaction() as session:
        session.execute(text(sql), values)


class User:
    """Someone who is signed in, over one kept connection."""

    def __init__(self, port: int) -> None:
        self.base, self.session = f"http://127.0.0.1:{port}", requests.Session()
        self.credentials = {"email": f"{uuid.uuid4()}@example.org", "password": "correct horse"}
        made = self.post("/api/auth/signup", **self.credentials)
        self.id, self.token = made["user"]["id"], made["access_token"]
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    def post(self, path: str, **body: object) -> dict[str, Any]:
        answer = self.session.post(self.base + path, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def video(self) -> str:
        """A video that has arrived."""
        video_id = str(uuid.uuid4())
        execute("INSERT INTO videos (id, user_id, status, filename, content_type, upload_key) "
                "VALUES (:v, :u, 'ready', 'a.mp4', 'video/mp4', :v)", v=video_id, u=self.id)  # fmt: skip
        return video_id


def running_job(user: User) -> str:
    """A job at work."""
    job_id = user.post(f"/api/videos/{user.video()}/analyze")["job_id"]
    execute("UPDATE jobs SET status = 'running', milestone = 'speech_found', percent = 40 WHERE id = :j",
            j=job_id)  # fmt: skip
    return job_id


class Connection:
    """A kept connection that sends one request again and again."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request, self._answer = request, b""
        self.socket.sendall(request)

    def read(self) -> bool:
        """Take what has come; whether an answer is complete, after which the next request is sent."""
        self._answer += self.socket.recv(65536)
        head, ended, body = self._answer.partition(b"\r\n\r\n")
        if not ended or len(body) < int(_LENGTH.search(head)[1]):  # type: ignore[index]
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self._answer.decode())
        self._answer = b""
        self.socket.sendall(self._request)
        return True


_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def per_second(port: int, requests_: Sequence[bytes], for_s: float) -> float:
    """Answers per second, over a connection for each request, on which it follows every answer at once."""
    poll, connections = select.epoll(), {}
    for request in requests_:
        connection = Connection(port, request)
        connections[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
    answers, started_s = 0, time.monotonic()
    while (passed_s := time.monotonic() - started_s) < for_s:
        answers += sum(connections[number].read() for number, _ in poll.poll(1))
    for connection in connections.values():
        connection.socket.close()
    return answers / passed_s


def get(path: str, **headers: str) -> bytes:
    headers = {"Host": "127.0.0.1", **headers}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def percentiles_ms(do: Callable[[], object], times: int) -> dict[str, float]:
    """How long it takes, one after the other."""
    took = []
    for _ in range(times):
        began_s = time.perf_counter()
        do()
        took.append((time.perf_counter() - began_s) * 1000)
    return percentiles(took)


def percentiles(values: list[float]) -> dict[str, float]:
    ranked = sorted(values)
    return {f"p{share}": round(ranked[min(len(ranked) - 1, len(ranked) * share // 100)], 1)
            for share in (50, 95, 99)}  # fmt: skip


def listen(folder: Path, user: User, streams: int) -> dict[str, Any]:
    """So many streams on one process, each of a job of its own, and a few hundred events a second."""
    jobs = at_work(user, streams)
    port = ports.free_port("127.0.0.1")
    env = {**os.environ, "ECG_STREAM_PORT": str(port)}
    with (folder / "streams.log").open("wb") as log:
        served = guard.spawn([sys.executable, "-m", "workers.streams"], stdout=log, stderr=log, env=env)
    try:
        await_listener(port)
        worker = psutil.Process(served.pid).children(recursive=True)[-1]
        before_bytes = worker.memory_info().rss
        with Listeners(port, user.token, jobs) as listeners:
            took_s = listeners.connected()
            per_stream_kb = (worker.memory_info().rss - before_bytes) / streams / 1024
            busy_before_s = sum(worker.cpu_times()[:2])
            sent = publish(jobs)
            busy = (sum(worker.cpu_times()[:2]) - busy_before_s) / LISTEN_S
            late_ms = listeners.late_ms()
    finally:
        served.kill()
        served.wait()
    told = percentiles(late_ms)
    return {
        "streams": streams, "connected_s": round(took_s, 1), "kb_per_stream": round(per_stream_kb, 1),
        "events_sent": sent, "events_received": len(late_ms), "stream_cpu": round(busy, 2),
        **{f"event_{name}_ms": value for name, value in told.items()},
    }  # fmt: skip


def at_work(user: User, count: int) -> list[str]:
    """So many running jobs of one user."""
    with db.transaction() as session:
        return list(session.scalars(text("""
            INSERT INTO jobs (id, user_id, video_id, kind, status, params, percent, warnings)
            SELECT gen_random_uuid(), :user_id, :video_id, 'analysis', 'running', '{}', 0, '[]'
            FROM generate_series(1, :count) RETURNING CAST(id AS text)
        """), {"user_id": user.id, "video_id": user.video(), "count": count}))  # fmt: skip


class Listeners:
    """`bench.processes.listeners`, a process of its own, so that reading takes no time of this one's."""

    def __init__(self, port: int, token: str, jobs: Sequence[str]) -> None:
        self._process = guard.spawn([sys.executable, "-m", "bench.processes.listeners", str(port), token],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        self._say("\n".join([*jobs, ""]))

    def __enter__(self) -> Listeners:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def connected(self) -> float:
        """Wait until every stream has begun; the seconds that took."""
        return float(self._line())

    def late_ms(self) -> list[float]:
        """How late each event was, once no more will be sent."""
        self._say("end\n")
        return json.loads(self._line())

    def _say(self, said: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{said}\n".encode())
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().decode()


def publish(jobs: Sequence[str]) -> int:
    """Live progress of one job after the other, as workers send it; the moment goes as the step's name."""
    client, began_s, sent = progress.connect(settings().progress_url), time.monotonic(), 0
    while (passed_s := time.monotonic() - began_s) < LISTEN_S:
        while sent < passed_s * DELIVERIES_PER_S:
            percent = 1.0 + sent // len(jobs)
            progress.publish(client, jobs[sent % len(jobs)], percent, str(time.time()))
            sent += 1
        time.sleep(0.005)
    time.sleep(2)  # the last ones are under way
    return sent


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--streams", type=int, default=STREAMS)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="ecg-bench-", dir="/tmp") as name:
        Path(name).chmod(0o711)  # the embedded Postgres runs as another user when we are root
        with servers(Path(name)) as at:
            users = [User(at.ours) for _ in range(CONNECTIONS)]
            jobs = [running_job(user) for user in users]
            ours = [get(f"/api/upload-video/status/{job_id}", Authorization=f"Bearer {user.token}")
                    for user, job_id in zip(users, jobs, strict=True)]  # fmt: skip
            plain = [get(f"/jobs/{job_id}") for job_id in jobs]
            per_second(at.ours, ours, 2.0)
            per_second(at.plain, plain, 2.0)
            pairs = [
                (per_second(at.ours, ours, ROUND_S), per_second(at.plain, plain, ROUND_S))
                for _ in range(given.rounds)
            ]
            video_id = users[0].video()
            sign_ins = percentiles_ms(lambda: users[0].post("/api/auth/login", **users[0].credentials), 60)
            creations = percentiles_ms(lambda: users[0].post(f"/api/videos/{video_id}/analyze"), 200)
            streams = listen(Path(name), users[0], given.streams) if given.streams else {}
        db.engine().dispose()
    per_s, plain_per_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(ours / plain for ours, plain in pairs)
    in_time = streams.get("event_p99_ms", 0.0) <= LATE_MS
    print(json.dumps({
        "name": "api", "ratio": round(ratio, 3), "target": TARGET, "ok": ratio >= TARGET and in_time,
        "requests_per_s": round(per_s), "plain_per_s": round(plain_per_s), "rounds": given.rounds,
        "sign_in_ms": sign_ins, "create_ms": creations, **streams,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
