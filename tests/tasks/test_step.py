"""How a step is run: whatever happens, its result is committed once or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from ecg.config import settings
from ecg.db import transaction
from ecg.errors import InvalidMedia
from ecg.jobs import lifecycle
from ecg.models import Artifact, JobStatus, StepStatus, Video
from ecg.storage import store
from ecg.tasks.step import keeper, run_step, scratch_root
from ecg.tasks.work import Outcome, Work
from tests.jobs.builders import job_of, make_job, step_of


@pytest.fixture(autouse=True)
def _impatient(database: str, monkeypatch: pytest.MonkeyPatch):
    # The keeper renews as fast as it can, so that its messages fall into every moment of a step.
    monkeypatch.setenv("ECG_RENEW_S", "0.001")
    keeper.cache_clear()
    yield
    keeper().close()
    keeper.cache_clear()


def leave_a_file(work: Work) -> Outcome:
    path = work.out("sound.txt")
    path.write_text("la la la")
    return Outcome({"sound.txt": path}, {"kept": True})


def artifacts_of(job: str) -> list[Artifact]:
    with transaction() as session:
        return list(session.scalars(select(Artifact).where(Artifact.job_id == job)))


def test_every_file_that_the_record_names_is_in_the_store():
    for _ in range(20):
        job = make_job()
        run_step(leave_a_file, step_of(job, "ingest").id)
        assert step_of(job, "ingest").status == StepStatus.DONE
        (artifact,) = artifacts_of(job)
        assert store(settings()).size(artifact.key) == artifact.size_bytes == 8


def test_a_second_message_for_the_same_step_does_nothing():
    job = make_job()
    step_id = step_of(job, "ingest").id
    run_step(leave_a_file, step_id)
    run_step(leave_a_file, step_id)
    assert len(artifacts_of(job)) == 1


def test_a_step_cancelled_on_the_way_leaves_no_file():
    job = make_job()

    def cancel_and_go_on(work: Work) -> Outcome:
        outcome = leave_a_file(work)
        with transaction() as session:
            lifecycle.cancel(session, job)
        return outcome

    run_step(cancel_and_go_on, step_of(job, "ingest").id)
    assert job_of(job).status == JobStatus.CANCELLED
    assert artifacts_of(job) == []
    assert list(store(settings()).keys("analyzed/")) == []


def test_a_step_whose_video_was_deleted_on_the_way_leaves_no_file():
    job = make_job()

    def delete_and_go_on(work: Work) -> Outcome:
        outcome = leave_a_file(work)
        with transaction() as session:
            session.delete(session.get_one(Video, work.claim.video_id))
        return outcome

    step_id = step_of(job, "ingest").id
    run_step(delete_and_go_on, step_id)
    assert list(store(settings()).keys("analyzed/")) == []
    run_step(leave_a_file, step_id)
    assert list(store(settings()).keys("analyzed/")) == []


def test_an_error_nobody_foresaw_ends_the_job_with_its_cause_and_leaves_no_scratch_files():
    job = make_job()

    def trip(work: Work) -> Outcome:
        leave_a_file(work)
        raise ZeroDivisionError("oops")

    run_step(trip, step_of(job, "ingest").id)
    assert job_of(job).error["code"] == "PROCESSING_ERROR"
    assert job_of(job).error["details"]["cause"] == "ZeroDivisionError: oops"
    assert list(scratch_root().iterdir()) == []


def test_a_bad_file_ends_the_job_with_the_sentence_for_its_owner():
    job = make_job()

    def refuse(work: Work) -> Outcome:
        raise InvalidMedia("This file has no sound; upload one in which somebody speaks.")

    run_step(refuse, step_of(job, "ingest").id)
    assert job_of(job).error["message"].startswith("This file has no sound")


def test_an_orderly_shutdown_hands_the_step_back_unharmed():
    job = make_job()

    def interrupted(work: Work) -> Outcome:
        raise SystemExit

    with pytest.raises(SystemExit):
        run_step(interrupted, step_of(job, "ingest").id)
    step = step_of(job, "ingest")
    assert (step.status, step.errors, step.losses) == (StepStatus.READY, 0, 0)


def test_a_file_of_the_store_is_handed_over_without_a_copy(tmp_path: Path):
    job = make_job()
    run_step(leave_a_file, step_of(job, "ingest").id)
    seen: list[Path] = []

    def look(work: Work) -> Outcome:
        seen.append(work.input("ingest", "sound.txt"))
        return Outcome()

    run_step(look, step_of(job, "prosody").id)
    assert seen[0].read_text() == "la la la"
    assert seen[0].is_relative_to(settings().store_dir)
