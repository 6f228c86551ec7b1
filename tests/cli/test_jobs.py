from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

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
        )


def first_step(job_id: str) -> int:
    with transaction() as session:
        return session.query(Step.id).filter_by(job_id=job_id, name="ingest").scalar()


def fail(job_id: str, error: Exception) -> None:
    step_id = first_step(job_id)
    with transaction() as session:
        claim = attempts.claim(session, step_id, worker="test", lease_s=60)
        attempts.fail(session, step_id, claim.fence, error, attempts.Limits(1, 1, 1))


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


def test_requeue_says_which_jobs_were_requeued_and_which_were_at_work_already():
    failed, waiting, cancelled = make_job(), make_job(), make_job()
    fail(failed, TimeoutExceeded("too slow"))
    ecg("cancel", cancelled)
    told = ecg("requeue", failed, waiting, cancelled, failed)
    assert told.exit_code == 0
    assert told.output.splitlines() == [
        f"{failed} requeued: was failed  ingest: TIMEOUT_ERROR: too slow",
        f"{waiting} left alone: queued already",
        f"{cancelled} requeued: was cancelled",
        f"{failed} left alone: queued already",
    ]


def test_a_job_that_fails_anew_while_others_are_requeued_is_left_alone():
    """Two who requeue the same jobs see the same failure; only one of them may give it another attempt."""
    first, second = make_job(), make_job()
    fail(first, TimeoutExceeded("too slow"))
    fail(second, TimeoutExceeded("too slow"))
    with ThreadPoolExecutor() as threads:
        with transaction() as session:
            lifecycle.lock(session, first)
            told = threads.submit(ecg, "requeue", "--code", "TIMEOUT_ERROR")
            wait_for_a_lock()
            with transaction() as other:
                lifecycle.requeue(other, second)
            fail(second, TimeoutExceeded("too slow again"))
        output = told.result(30).output
    assert f"{first} requeued" in output
    assert f"{second} left alone: failed again since it was chosen" in output
    assert (status(first), status(second)) == (JobStatus.QUEUED, JobStatus.FAILED)


def wait_for_a_lock() -> None:
    """Until somebody waits for a row that we hold."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        with transaction() as session:
            if session.scalar(waiting):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


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


def test_a_dry_run_names_the_jobs_with_their_reasons_and_leaves_them():
    failed, waiting, unknown = make_job(), make_job(), str(uuid.uuid4())
    fail(failed, TimeoutExceeded("too slow"))
    why = f"{failed} would be requeued: failed  ingest: TIMEOUT_ERROR: too slow"
    assert ecg("requeue", "--code", "TIMEOUT_ERROR", "--dry-run").output.splitlines() == [
        why, "1 jobs would be requeued."]  # fmt: skip
    assert ecg("requeue", failed, waiting, unknown, "--dry-run").output.splitlines() == [
        why, f"{waiting} would be left alone: queued", f"{unknown} does not exist",
        "1 jobs would be requeued."]  # fmt: skip
    assert status(failed) == JobStatus.FAILED


def test_requeue_of_nothing_in_particular_is_refused():
    assert ecg("requeue").exit_code == 2


def test_a_job_that_does_not_exist_is_told_and_the_others_are_done():
    job_id = make_job()
    fail(job_id, TimeoutExceeded("too slow"))
    answer = ecg("requeue", "00000000-0000-0000-0000-000000000000", job_id)
    assert answer.exit_code == 1
    assert "There is no job" in answer.output
    assert status(job_id) == JobStatus.QUEUED


def test_cancel_ends_a_waiting_job_and_says_when_it_was_cancelled_already():
    job_id = make_job()
    assert ecg("cancel", job_id).output == f"{job_id} cancelled: was queued\n"
    assert status(job_id) == JobStatus.CANCELLED
    assert ecg("cancel", job_id).output == f"{job_id} left alone: cancelled already\n"


def test_a_job_that_has_ended_is_not_cancelled():
    job_id = make_job()
    fail(job_id, InvalidMedia("no sound"))
    answer = ecg("cancel", job_id)
    assert answer.exit_code == 1
    assert f"{job_id} refused: The job is failed already" in answer.output


def test_without_a_stack_or_a_database_the_command_says_so(monkeypatch: pytest.MonkeyPatch):
    from ecg import config

    monkeypatch.delenv("DATABASE_URL")
    config.settings.cache_clear()
    answer = ecg("list")
    assert answer.exit_code == 1
    assert "ecg up" in answer.output
