"""What the job engine costs: jobs of one step that does nothing, against a Celery task that commits a row.

Through API → dispatcher → queue → worker → Postgres with everything that makes a job safe (claim, lease,
fence, events), divided by the same authenticated route calling ``.delay()``; interleaved, medians. Postgres
has fsync on, Redis its append-only file. Beside it how long a job waits at light load from POST to claim,
and the same throughput with 10,000 jobs waiting.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from bench.processes.servers import python, services
from ecg import db
from ecg.stack import ports

ROUNDS, JOBS, CLIENTS, WAITING, LIGHT, TARGET, AIM = 5, 400, 4, 10_000, 60, 0.5, 0.8
PLAIN = "/bench/plain"


class Api:
    """One keep-alive connection of a signed-in user."""

    def __init__(self, port: int, token: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def post(self, path: str, **body: object) -> dict:
        self.connection.request("POST", path, json.dumps(body), self.headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status >= 300:
            raise RuntimeError(f"{path}: {response.status} {answer}")
        return answer


@contextmanager
def servers(folder: Path) -> Iterator[int]:
    """Postgres, Redis, web, dispatcher and a worker; yields the port of the web tier."""
    port, app = ports.free_port("127.0.0.1"), ["-m", "bench.processes.control_app"]
    with services(folder, ECG_ANALYSES_PER_MINUTE="0"):
        from bench.processes.control_app import PLAIN_TABLE

        execute(PLAIN_TABLE)
        with python(folder, [*app, "web", str(port)], ["-m", "workers.dispatch"], [*app, "worker"]):
            yield port


def execute(sql: str, **values: object) -> None:
    with db.transaction() as session:
        session.execute(text(sql), values)


def value(sql: str, **values: object) -> float:
    with db.transaction() as session:
        return session.scalar(text(sql), values) or 0


def sign_up(port: int) -> tuple[str, str]:
    """A user's access token and the id of a video that has arrived."""
    deadline_s = time.monotonic() + 60
    while True:
        try:
            made = Api(port).post("/api/auth/signup", email="someone@example.org", password="correct horse")
            break
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)
    video = str(uuid.uuid4())
    execute("INSERT INTO videos (id, user_id, status, filename, content_type, upload_key) "
            "VALUES (:v, :u, 'ready', 'a.mp4', 'video/mp4', :v)", v=video, u=made["user"]["id"])  # fmt: skip
    return made["access_token"], video


def submit(port: int, token: str, path: str, jobs: int) -> None:
    """POST so many times over a few connections at once."""
    def some(count: int) -> None:
        api = Api(port, token)
        for _ in range(count):
            api.post(path)

    threads = [threading.Thread(target=some, args=(jobs // CLIENTS,)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def per_second(port: int, token: str, path: str, finished: Callable[[], float], jobs: int = JOBS) -> float:
    """Jobs completed per second, from the first POST to the last result."""
    before, started_s = finished(), time.monotonic()
    submit(port, token, path, jobs)
    while finished() < before + jobs:
        if time.monotonic() > started_s + 120:
            raise RuntimeError(f"only {finished() - before} of {jobs} done")
        time.sleep(0.01)
    return jobs / (time.monotonic() - started_s)


def done_jobs() -> float:
    return value("SELECT count(*) FROM steps WHERE status = 'done'")


def plain_rows() -> float:
    return value("SELECT count(*) FROM plain_results")


def waits_ms(port: int, token: str, path: str) -> list[float]:
    """Milliseconds from POST to claim, one job at a time."""
    api, found = Api(port, token), []
    for _ in range(LIGHT):
        posted_s = time.time()
        job = api.post(path)["job_id"]
        while not (started_s := value("SELECT extract(epoch FROM started_at) FROM steps WHERE job_id = :j "
                                      "AND started_at IS NOT NULL", j=job)):  # fmt: skip
            time.sleep(0.01)
        found.append((float(started_s) - posted_s) * 1000)
        time.sleep(0.1)
    return sorted(found)


def let_wait(jobs: int) -> None:
    """So many ready jobs of a hundred other users, in front of whatever comes next."""
    execute("""
        WITH who AS (
            INSERT INTO users (id, email, username, password_hash, unlimited)
            SELECT gen_random_uuid(), 'u' || n || '@x', 'x', 'x', false FROM generate_series(1, 100) AS n
            RETURNING id
        ), what AS (
            INSERT INTO videos (id, user_id, status, filename, content_type, upload_key)
            SELECT gen_random_uuid(), id, 'ready', 'a', 'video/mp4', CAST(id AS text) FROM who
            RETURNING id, user_id
        ), work AS (
            INSERT INTO jobs (id, user_id, video_id, kind, status, params, percent, warnings)
            SELECT gen_random_uuid(), user_id, id, 'analysis', 'queued', '{}', 0, '[]'
            FROM what, generate_series(1, :jobs / 100)
            RETURNING id, user_id
        )
        INSERT INTO steps (job_id, user_id, name, queue, status, needs, optional, weight, params, fence,
                           errors, outages, losses, deadline_s, deadline_per_media_s, publications)
        SELECT id, user_id, 'nothing', 'media', 'ready', '{}', false, 100, '{}', 0, 0, 0, 0, 300, 2, 0
        FROM work
    """, jobs=jobs)  # fmt: skip
    execute("ANALYZE")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="ecg-bench-", dir="/tmp") as name:
        Path(name).chmod(0o711)  # the embedded Postgres runs as another user when we are root
        with servers(Path(name)) as port:
            token, video = sign_up(port)
            ours = f"/api/videos/{video}/analyze"
            per_second(port, token, ours, done_jobs, 40)
            per_second(port, token, PLAIN, plain_rows, 40)
            waits = waits_ms(port, token, ours)
            pairs = [
                (per_second(port, token, ours, done_jobs), per_second(port, token, PLAIN, plain_rows))
                for _ in range(rounds)
            ]
            let_wait(WAITING)
            crowded = per_second(port, token, ours, done_jobs)
        db.engine().dispose()
    per_s, plain_per_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(ours / plain for ours, plain in pairs)
    print(json.dumps({
        "name": "control", "ratio": round(ratio, 3), "target": TARGET, "aim": AIM, "ok": ratio >= TARGET,
        "jobs_per_s": round(per_s, 1), "plain_per_s": round(plain_per_s, 1),
        "wait_p50_ms": round(statistics.median(waits), 1),
        "wait_p95_ms": round(waits[int(len(waits) * 0.95)], 1),
        "jobs_per_s_with_10000_waiting": round(crowded, 1), "jobs": JOBS, "rounds": rounds,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
