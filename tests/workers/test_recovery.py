"""Real work that is killed at each of its steps, and as a whole: it still comes to its end, by itself."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from sqlalchemy.engine import make_url

from ecg import guard
from ecg.jobs.graphs import CHUNK, GRAPHS
from ecg.models import JobKind
from ecg.stack import logs, running
from tests.chaos.scale import REPEAT
from tests.client import Client
from tests.conftest import LiveStack, a_live_stack
from tests.processes import named
from tests.spoken import two_voices

QUICK = {"ECG_LEASE_S": "3", "ECG_RENEW_S": "0.5", "ECG_RECONCILE_S": "0.5"}
#: As delivered, a lease is waited for much longer: `ECG_CHAOS=repeat`.
DELIVERED: dict[str, str] = {}
#: Steps at which not only the process at work is killed, but the worker with it.
WHOLE_WORKER = {"transcribe", "chunk"}
DONE_S = 240 if REPEAT else 120


@pytest.fixture(scope="module", params=[QUICK, DELIVERED] if REPEAT else [QUICK])
def stack(request: pytest.FixtureRequest) -> Iterator[LiveStack]:
    with a_live_stack(**request.param) as live:
        yield live


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_voices(tmp_path_factory.mktemp("clip") / "talk.mp4")


@pytest.fixture(scope="module")
def person(stack: LiveStack) -> Client:
    return Client(stack.url)


@pytest.fixture(scope="module")
def video(person: Client, clip: Path) -> str:
    return person.upload(clip)


@pytest.fixture(scope="module")
def analysed(person: Client, video: str) -> str:
    """The video, of which there is an analysis."""
    if not person.get(f"/api/videos/{video}").json()["analysis"]:
        person.done(person.analyze(video))
    return video


def test_an_analysis_survives_the_death_of_its_worker_at_every_step(
    stack: LiveStack, person: Client, video: str
):
    job = person.analyze(video)
    ended, left = kill_at_every_step(stack, person, job)
    assert hit(ended) == {spec.name for spec in GRAPHS[JobKind.ANALYSIS]}
    assert {step["status"] for step in ended["steps"]} == {"done"}, "one was left out"
    assert not left


def test_a_render_survives_the_death_of_its_worker_at_every_step(
    stack: LiveStack, person: Client, analysed: str, tmp_path: Path
):
    job = person.render(analysed)
    ended, left = kill_at_every_step(stack, person, job)
    assert hit(ended) == {spec.name for spec in (*GRAPHS[JobKind.RENDER], CHUNK)}
    assert person.download(job, tmp_path / "captioned.mp4").stat().st_size > 10_000
    assert not left, "children of a killed worker die with it"


def hit(job: dict[str, Any]) -> set[str]:
    """The steps that lost a worker: once each, or oftener where a machine is too busy for short leases."""
    return {step["name"] for step in job["steps"] if step["losses"] >= 1}


def kill_at_every_step(stack: LiveStack, person: Client, job_id: str) -> tuple[dict[str, Any], list[str]]:
    """Kill whoever holds a step for the first time, until the job is done.

    The job, and the programs of those killed that outlived them.
    """
    families: list[psutil.Process] = []
    killed: set[int] = set()
    until_s = time.monotonic() + DONE_S
    with database(stack) as connection:
        while (job := read(connection, "SELECT status FROM jobs WHERE id = %s", job_id)) != [("done",)]:
            assert time.monotonic() < until_s, person.job(job_id)
            assert job[0][0] in {"queued", "running"}, person.job(job_id)
            for held in read(connection, _HELD, job_id):
                # The dead keep their leases until these have run out.
                if held[0] not in killed and (family := kill(connection, *held)):
                    killed.add(held[0])
                    families += family
            time.sleep(0.003)
    return person.job(job_id), [str(process) for process in families if process.is_running()]


_HELD = """SELECT id, fence, name, worker FROM steps
           WHERE job_id = %s AND status = 'running' AND losses = 0"""


@contextmanager
def database(stack: LiveStack) -> Iterator[Any]:
    url = make_url(stack.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def read(connection: Any, query: str, *values: object) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def kill(connection: Any, step_id: int, fence: int, name: str, worker: str) -> list[psutil.Process]:
    """Kill a process that holds a step; what it had started (the keeper of its lease at least).

    Nothing when it was through with the step already.
    """
    pid = pid_of(worker)
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.suspend()  # so that it cannot take up something else before we kill it
        still = "SELECT 1 FROM steps WHERE id = %s AND fence = %s AND status = 'running'"
        if not read(connection, still, step_id, fence):
            process.resume()
            return []
        family = process.children(recursive=True)
        if name in WHOLE_WORKER:
            process.parent().kill()
        process.kill()
        return family
    return []


def pid_of(worker: str) -> int:
    host, _, pid = worker.rpartition(":")
    assert host == socket.gethostname()
    return int(pid)


def test_a_cancelled_render_stops_and_stays_stopped(stack: LiveStack, person: Client, analysed: str):
    job = person.render(analysed)
    person.wait_for_step(job, "chunk")
    with database(stack) as connection:
        ((worker,),) = read(connection, "SELECT worker FROM steps WHERE job_id = %s AND name = 'chunk'", job)
    encoders = encoders_of(pid_of(worker))
    person.post(f"/api/render/{job}/cancel")
    assert person.wait(job, 5)["status"] == "cancelled"
    _, left = psutil.wait_procs(encoders, timeout=5)
    assert not left
    person.done(person.render(analysed))
    assert person.job(job)["status"] == "cancelled"


def encoders_of(pid: int, timeout_s: float = 20.0) -> list[psutil.Process]:
    """What a worker encodes with, once it does; its browser is kept for the next render."""
    until_s = time.monotonic() + timeout_s
    while not (found := named("ffmpeg", pid)):
        assert time.monotonic() < until_s
        time.sleep(0.02)
    return found


# The last one: nothing of the stack that the others use is left.
def test_a_render_survives_the_death_of_the_whole_stack(stack: LiveStack, person: Client, analysed: str):
    job = person.render(analysed)
    person.wait_for_step(job, "chunk")
    found = running.find(stack.data_dir)
    assert found
    supervisor = psutil.Process(found.pid)
    supervisor.kill()
    supervisor.wait(10)
    with up_again(stack):
        ended = person.done(job, DONE_S)
    assert "chunk" in hit(ended)


@contextmanager
def up_again(stack: LiveStack) -> Iterator[None]:
    """`ecg up` once more on the same data folder."""
    output = stack.data_dir / "up-again.out"
    with output.open("wb") as out:
        process = guard.spawn([sys.executable, "-m", "ecg.cli", "up"], stdout=out, stderr=out, env=stack.env,
                              grace_s=30.0)  # fmt: skip
    try:
        while not ((found := running.find(stack.data_dir)) and found.ready):
            assert process.poll() is None, logs.tail(output)
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(45)
        process.kill()
