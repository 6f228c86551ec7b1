"""Jobs as their owners and operators see them: created, cancelled, requeued."""

from __future__ import annotations

import pytest

from ecg.db import transaction
from ecg.errors import Conflict, InvalidMedia, LeaseLost
from ecg.jobs import attempts, lifecycle
from ecg.jobs.graphs import CHUNK
from ecg.models import JobKind, JobStatus, StepStatus
from tests.jobs.builders import claim, finish, job_of, make_job, run, step_of

pytestmark = pytest.mark.usefixtures("database")
LIMITS = attempts.Limits(errors=3, outages=5, losses=10)


def cancel(job: str) -> None:
    with transaction() as session:
        lifecycle.cancel(session, job)


def requeue(job: str) -> None:
    with transaction() as session:
        lifecycle.requeue(session, job)


def fail(job: str, name: str) -> None:
    claimed = claim(job, name)
    with transaction() as session:
        attempts.fail(session, claimed.step_id, claimed.fence, InvalidMedia("No."), LIMITS)


def test_a_requeued_job_goes_on_at_the_step_that_failed():
    job = make_job()
    for name in ("ingest", "prosody", "diarize"):
        run(job, name)
    fail(job, "transcribe")
    requeue(job)
    assert job_of(job).status == JobStatus.QUEUED
    assert step_of(job, "ingest").status == StepStatus.DONE
    assert claim(job, "ingest") is None
    run(job, "transcribe")
    run(job, "merge")
    assert job_of(job).status == JobStatus.DONE


def test_a_sibling_that_ends_after_the_job_failed_need_not_run_again():
    job = make_job()
    run(job, "ingest")
    running = claim(job, "transcribe")
    fail(job, "prosody")
    finish(running)
    assert job_of(job).status == JobStatus.FAILED
    requeue(job)
    assert step_of(job, "transcribe").status == StepStatus.DONE
    assert claim(job, "prosody") is not None


def test_requeueing_twice_is_the_same_as_once():
    job = make_job()
    fail(job, "ingest")
    requeue(job)
    requeue(job)
    assert claim(job, "ingest") is not None
    assert claim(job, "ingest") is None


def test_a_job_that_is_done_cannot_be_requeued_or_cancelled():
    job = make_job()
    for name in ("ingest", "prosody", "diarize", "transcribe", "merge"):
        run(job, name)
    with pytest.raises(Conflict):
        requeue(job)
    with pytest.raises(Conflict):
        cancel(job)


def test_a_cancelled_job_takes_no_result_from_the_worker_that_still_runs():
    job = make_job()
    running = claim(job, "ingest")
    cancel(job)
    with transaction() as session, pytest.raises(LeaseLost):
        attempts.renew(session, running.step_id, running.fence, lease_s=5)
    with pytest.raises(LeaseLost):
        finish(running)
    assert job_of(job).status == JobStatus.CANCELLED


def test_steps_added_on_the_way_must_end_before_the_one_behind_them():
    job = make_job(kind=JobKind.RENDER)
    finish(claim(job, "prepare"), added=((CHUNK, 85.0, {}),), added_before="assemble")
    assert claim(job, "assemble") is None
    run(job, "chunk")
    run(job, "assemble")
    assert job_of(job).status == JobStatus.DONE
