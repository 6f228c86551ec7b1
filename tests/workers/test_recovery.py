"""A worker that is killed in the middle of real work: the job still completes, by itself."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text

from tests.client import Client
from tests.spoken import two_voices

# The bound promised: a minute after the kill, plus the work itself, with room for a slow machine.
RECOVERY_S = 60


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_voices(tmp_path_factory.mktemp("clip") / "talk.mp4")


def pid_at_work(stack, job_id: str, step: str) -> int:
    """The pool process that holds a step now."""
    engine = create_engine(stack.database_url)
    with engine.connect() as connection:
        query = text("SELECT worker FROM steps WHERE job_id = :job AND name = :step AND status = 'running'")
        worker = connection.scalar(query, {"job": job_id, "step": step})
    engine.dispose()
    assert worker, f"{step} is not running"
    return int(worker.rpartition(":")[2])


def losses(person: Client, job_id: str) -> dict[str, int]:
    return {step["name"]: step["losses"] for step in person.job(job_id)["steps"]}


def test_an_analysis_survives_its_workers_death(stack, clip: Path):
    person = Client(stack.url)
    job = person.analyze(person.upload(clip))
    person.wait_for_step(job, "transcribe")
    os.kill(pid_at_work(stack, job, "transcribe"), signal.SIGKILL)
    killed_s = time.monotonic()
    person.done(job, RECOVERY_S + 60)
    assert losses(person, job)["transcribe"] == 1
    assert time.monotonic() - killed_s < RECOVERY_S + 60


def test_a_render_survives_the_death_of_its_whole_worker_and_leaves_no_process(stack, clip: Path):
    person = Client(stack.url)
    video = person.upload(clip)
    person.done(person.analyze(video))
    job = person.render(video)
    person.wait_for_step(job, "chunk")
    pool_process = psutil.Process(pid_at_work(stack, job, "chunk"))
    family = [pool_process.parent(), pool_process, *pool_process.children(recursive=True)]
    for process in family[:2]:
        process.kill()
    person.done(job, RECOVERY_S + 60)
    assert losses(person, job)["chunk"] == 1
    left = [process for process in family if process.is_running()]
    assert not left, "children of a killed worker die with it"


def test_a_cancelled_render_stops_and_stays_stopped(stack, clip: Path):
    person = Client(stack.url)
    video = person.upload(clip)
    person.done(person.analyze(video))
    job = person.render(video)
    person.wait_for_step(job, "chunk")
    person.post(f"/api/render/{job}/cancel")
    assert person.wait(job, 5)["status"] == "cancelled"
    person.done(person.render(video))
    assert person.job(job)["status"] == "cancelled"
