"""Sweeping: only what nobody needs any more."""

from __future__ import annotations

import os
import time

import pytest
from sqlalchemy import text

from ecg.config import settings
from ecg.db import transaction
from ecg.jobs import lifecycle
from ecg.storage import store
from ecg.tasks.step import scratch_root
from ecg.tasks.upkeep import sweep
from tests.jobs.builders import claim, make_job

pytestmark = pytest.mark.usefixtures("database")


def scratch_of(step_id: int, fence: int) -> str:
    folder = scratch_root() / f"{step_id}-{fence}-abc"
    folder.mkdir()
    hour_ago = time.time() - 3600
    os.utime(folder, (hour_ago, hour_ago))
    return folder.name


def test_the_scratch_folder_of_a_dead_attempt_goes_and_that_of_a_running_one_stays():
    running = claim(make_job(), "ingest")
    kept = scratch_of(running.step_id, running.fence)
    scratch_of(running.step_id, running.fence - 1)
    scratch_of(999_999, 1)
    sweep()
    assert [folder.name for folder in scratch_root().iterdir()] == [kept]


def test_temporary_files_go_a_day_after_their_job_has_ended(tmp_path):
    ended, active = make_job(), make_job()
    piece = tmp_path / "chunk.mp4"
    piece.write_bytes(b"x")
    shelf = store(settings())
    for job in (ended, active):
        shelf.put(f"temp/{job}/1-1/chunk.mp4", piece)
    with transaction() as session:
        lifecycle.cancel(session, ended)
    sweep()
    assert len(list(shelf.keys("temp/"))) == 2, "a job that ended just now may still be requeued"
    with transaction() as session:
        session.execute(text("UPDATE jobs SET finished_at = finished_at - interval '2 days'"))
    sweep()
    assert list(shelf.keys("temp/")) == [f"temp/{active}/1-1/chunk.mp4"]
