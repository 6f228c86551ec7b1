from __future__ import annotations

import uuid

import pytest
from click.testing import CliRunner, Result

from ecg.cli import main
from ecg.db import transaction
from ecg.errors import InvalidMedia, TimeoutExceeded
from ecg.jobs import attempts, lifecycle
from ecg.models import Job, JobKind, JobStatus, Step, User, Video

pytestmark = pytest.mark.usefixtures("database")


def ecg(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["jobs", *arguments])


def make_job() -> str:
    with transaction() as session:
        user = User(email=f"{uuid.uuid4()}@example.org", username="someone", password_hash="x")
        session.add(user)
        session.flush()
        video = Video(user_id=user.id, filename="a.mp4", content_type="video/mp4", upload_key=user.id)
        session.add(video)
        session.flush()
        return lifecycle.create(
            session, user_id=user.id, video_id=video.id, kind=JobKind.ANALYSIS, params={}
        ).id


def first_step(job_id: str) -> int:
    with transaction() as session:
        return session.query(Step.id).filter_by(job_id=job_id, name="ingest").scalar()


def fail(job_id: str, error: Exception) -> None:
    step_id = first_step(job_id)
    with transaction() as session:
        claim = attempts.claim(session, step_id, worker="test", lease_s=60)
        attempts.fail(session, step_id, claim.fence, error, max_errors=1)


def status(job_id: str) -> str:
    with transaction() as session:
        return session.get_one(Job, job_id).status


def test_a_list_says_why_a_job_failed():
    fail(make_job(), InvalidMedia("This file has no sound."))
    listed = ecg("list", "--status", "failed")
    assert listed.exit_code == 0, listed.output
    assert "INVALID_MEDIA: This file has no sound." in listed.output
    assert "ingest" in listed.output


def test_a_list_can_be_narrowed():
    failed, waiting = make_job(), make_job()
    fail(failed, InvalidMedia("no"))
    listed = ecg("list", "--status", "queued").output
    assert waiting in listed
    assert failed not in listed


def test_a_job_is_shown_with_its_steps_and_events():
    job_id = make_job()
    fail(job_id, InvalidMedia("no sound"))
    shown = ecg("show", job_id).output
    assert all(name in shown for name in ("ingest", "transcribe", "merge", "no sound", "created", "failed"))


def test_requeue_lets_a_failed_job_go_on_at_the_step_that_failed():
    job_id = make_job()
    fail(job_id, TimeoutExceeded("too slow"))
    assert ecg("requeue", job_id).exit_code == 0
    assert status(job_id) == JobStatus.QUEUED
    with transaction() as session:
        assert attempts.claim(session, first_step(job_id), worker="test", lease_s=60).name == "ingest"


def test_requeue_by_code_takes_those_jobs_alone():
    slow, bad = make_job(), make_job()
    fail(slow, TimeoutExceeded("too slow"))
    fail(bad, InvalidMedia("no sound"))
    assert ecg("requeue", "--code", "TIMEOUT_ERROR", "--queue", "media").exit_code == 0
    assert (status(slow), status(bad)) == (JobStatus.QUEUED, JobStatus.FAILED)


def test_requeue_by_queue_or_age_leaves_the_others():
    job_id = make_job()
    fail(job_id, TimeoutExceeded("too slow"))
    ecg("requeue", "--queue", "audio")
    ecg("requeue", "--older-than", "1h")
    assert status(job_id) == JobStatus.FAILED
    ecg("requeue", "--older-than", "0s")
    assert status(job_id) == JobStatus.QUEUED


def test_a_dry_run_names_the_jobs_and_leaves_them():
    job_id = make_job()
    fail(job_id, TimeoutExceeded("too slow"))
    assert job_id in ecg("requeue", "--code", "TIMEOUT_ERROR", "--dry-run").output
    assert status(job_id) == JobStatus.FAILED


def test_requeue_of_nothing_in_particular_is_refused():
    assert ecg("requeue").exit_code == 2


def test_a_job_that_does_not_exist_is_told_and_the_others_are_done():
    job_id = make_job()
    fail(job_id, TimeoutExceeded("too slow"))
    answer = ecg("requeue", "00000000-0000-0000-0000-000000000000", job_id)
    assert answer.exit_code == 1
    assert "There is no job" in answer.output
    assert status(job_id) == JobStatus.QUEUED


def test_cancel_ends_a_waiting_job():
    job_id = make_job()
    assert ecg("cancel", job_id).exit_code == 0
    assert status(job_id) == JobStatus.CANCELLED


def test_without_a_stack_or_a_database_the_command_says_so(monkeypatch: pytest.MonkeyPatch):
    from ecg import config

    monkeypatch.delenv("DATABASE_URL")
    config.settings.cache_clear()
    answer = ecg("list")
    assert answer.exit_code == 1
    assert "ecg up" in answer.output
