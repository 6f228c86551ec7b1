"""What a step's body finds."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from ecg.config import settings
from ecg.db import transaction
from ecg.models import JobKind, Video
from ecg.progress import Ticks
from ecg.storage import store
from ecg.tasks.step import scratch_root
from ecg.tasks.work import Work
from tests.jobs.builders import claim, job_of, make_job
from tests.media.clips import video


@pytest.mark.usefixtures("database")
def test_a_video_that_was_analysed_elsewhere_is_looked_at_when_it_is_rendered(tmp_path: Path):
    clip = video(tmp_path / "talk.mp4", seconds=1.0)
    job = make_job(kind=JobKind.RENDER)
    key = "uploads/somebody/source"
    store(settings()).put(key, clip)
    with transaction() as session:
        session.execute(update(Video).where(Video.id == job_of(job).video_id).values(upload_key=key))
    claimed = claim(job, "prepare")
    with closing(Work(claimed, store(settings()), scratch_root, Ticks(settings().progress_url))) as work:
        assert work.media().duration_s == pytest.approx(1.0, abs=0.1)
