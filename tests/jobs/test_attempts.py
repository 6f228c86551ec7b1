"""One attempt at a step: only the newest holder of its fence may change anything."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import select, text

from ecg.db import transaction
from ecg.errors import DownloadError, InvalidMedia, LeaseLost, StoreUnavailable
from ecg.jobs import attempts, reconcile
from ecg.models import Artifact, JobStatus, StepStatus
from tests.jobs.builders import claim, events_of, finish, job_of, make_job, run, step_of

pytestmark = pytest.mark.usefixtures("database")
LIMITS = attempts.Limits(errors=3, outages=5, losses=10)


def bring_back_expired(limits: attempts.Limits = LIMITS) -> None:
    with transaction() as session:
        expired = reconcile.expired(session)
    for step_id in expired:
        with transaction() as session:
            attempts.lose(session, step_id, limits)


def fail(claimed: attempts.Claim, error: Exception) -> None:
    with transaction() as session:
        attempts.fail(session, claimed.step_id, claimed.fence, error, LIMITS)


def test_a_step_that_needs_another_cannot_be_claimed_before_it():
    job = make_job()
    assert claim(job, "transcribe") is None
    run(job, "ingest")
    assert claim(job, "transcribe") is not None


def test_of_many_claims_at_once_exactly_one_succeeds():
    job = make_job()
    won, barrier = [], threading.Barrier(8)

    def rush() -> None:
        barrier.wait()
        if claim(job, "ingest"):
            won.append(1)

    threads = [threading.Thread(target=rush) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_late_worker_cannot_commit_over_the_one_that_took_its_step():
    job = make_job()
    first = claim(job, "ingest", lease_s=-1)
    bring_back_expired()
    second = claim(job, "ingest")
    assert second.fence > first.fence
    with pytest.raises(LeaseLost):
        finish(first)
    finish(second)
    assert step_of(job, "ingest").status == StepStatus.DONE


def test_a_lost_worker_is_counted_apart_from_errors():
    job = make_job()
    claim(job, "ingest", lease_s=-1)
    bring_back_expired()
    step = step_of(job, "ingest")
    assert (step.status, step.losses, step.errors) == (StepStatus.READY, 1, 0)


def test_a_step_whose_workers_always_die_fails_with_its_reason():
    job = make_job()
    claim(job, "ingest", lease_s=-1)
    bring_back_expired(attempts.Limits(errors=3, outages=5, losses=1))
    assert job_of(job).status == JobStatus.FAILED
    assert job_of(job).error["code"] == "WORKER_LOST"


def test_a_lease_that_is_renewed_does_not_expire():
    job = make_job()
    held = claim(job, "ingest", lease_s=-1)
    with transaction() as session:
        attempts.renew(session, held.step_id, held.fence, lease_s=60)
    bring_back_expired()
    finish(held)


def test_two_parents_that_end_at_the_same_moment_start_their_child_exactly_once():
    job = make_job()
    run(job, "ingest")
    run(job, "prosody")
    first, second = claim(job, "diarize"), claim(job, "transcribe")
    other = threading.Thread(target=finish, args=(second,))
    with transaction() as session:
        attempts.finish(session, first.step_id, first.fence, result={})
        other.start()
        time.sleep(0.5)  # the other one ends while this one has not committed
    other.join()
    assert step_of(job, "merge").status == StepStatus.READY
    assert claim(job, "merge") is not None
    assert claim(job, "merge") is None


def test_a_retryable_error_is_tried_again_later_and_a_permanent_one_ends_the_job():
    job = make_job()
    fail(claim(job, "ingest"), DownloadError("The store did not answer."))
    again = step_of(job, "ingest")
    assert (again.status, again.errors) == (StepStatus.READY, 1)
    assert claim(job, "ingest") is None, "the backoff has not passed"

    other = make_job()
    fail(claim(other, "ingest"), InvalidMedia("This is not a video."))
    assert job_of(other).status == JobStatus.FAILED
    assert job_of(other).error == {
        "code": "INVALID_MEDIA", "message": "This is not a video.", "details": {}, "step": "ingest",
    }  # fmt: skip


def test_a_failed_diarization_becomes_a_warning_and_the_analysis_goes_on():
    job = make_job()
    for name in ("ingest", "prosody", "transcribe"):
        run(job, name)
    fail(claim(job, "diarize"), InvalidMedia("Too noisy."))
    run(job, "merge")
    assert job_of(job).status == JobStatus.DONE
    assert "diarize failed" in job_of(job).warnings[0]


def test_percent_and_milestones_never_go_backwards():
    job = make_job()
    for name in ("ingest", "transcribe", "diarize", "prosody", "merge"):
        run(job, name)
    percents = [event.data["percent"] for event in events_of(job, "progress")]
    order = ["downloaded", "transcribed", "tidying", "analysed"]
    seen = [event.data["milestone"] for event in events_of(job, "progress")]
    assert percents == sorted(percents)
    assert list(dict.fromkeys(seen)) == order
    assert job_of(job).percent == 100.0


def test_asking_again_to_finish_what_is_finished_changes_nothing():
    job = make_job()
    held = claim(job, "ingest")
    finish(held)
    finish(held)
    assert [event.data["status"] for event in events_of(job, "step")] == ["running", "done"]


def test_an_outage_is_counted_apart_and_patiently():
    job = make_job()
    for outage in range(1, 5):
        held = claim_now(job, "ingest")
        fail(held, StoreUnavailable("The disk of the store is full."))
        step = step_of(job, "ingest")
        assert (step.status, step.outages, step.errors) == (StepStatus.READY, outage, 0)
    fail(claim_now(job, "ingest"), StoreUnavailable("The disk of the store is full."))
    assert job_of(job).error["code"] == "STORE_UNAVAILABLE", "not for ever: an operator should learn of it"


def claim_now(job: str, name: str) -> attempts.Claim:
    """Claim a step whose backoff has not passed."""
    with transaction() as session:
        session.execute(text("UPDATE steps SET not_before = NULL"))
    held = claim(job, name)
    assert held
    return held


def keep_part(held: attempts.Claim, name: str) -> str:
    key = f"temp/{held.job_id}/{held.step_id}-{held.fence}/{name}"
    with transaction() as session:
        attempts.keep_part(session, held.step_id, held.fence, attempts.NewArtifact(name, key, 1))
    return key


def files_of(job: str) -> list[str]:
    with transaction() as session:
        mine = select(Artifact.key).where(Artifact.job_id == job)
        return list(session.scalars(mine.order_by(Artifact.key)))


def test_what_a_lost_attempt_has_kept_is_there_for_the_next_until_the_step_is_done():
    job = make_job()
    first = claim(job, "ingest", lease_s=-1)
    kept = keep_part(first, "part-0000.json")
    bring_back_expired()
    assert files_of(job) == [kept]
    second = claim(job, "ingest")
    with pytest.raises(LeaseLost):
        keep_part(first, "part-0001.json")
    again = keep_part(second, "part-0000.json")
    assert files_of(job) == [again]
    finish(second)
    assert files_of(job) == []
