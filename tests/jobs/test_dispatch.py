"""Which steps get a message: a bounded number, fairly, and never one twice without need."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from ecg.db import transaction
from ecg.jobs import dispatch
from ecg.models import Step
from tests.jobs.builders import claim, make_job, make_user, step_of

pytestmark = pytest.mark.usefixtures("database")


def take(room: int = 32) -> list[str]:
    """Job ids in the order of their messages."""
    with transaction() as session:
        hints = dispatch.take(session, "media", room)
        return [session.get_one(Step, hint.step_id).job_id for hint in hints]


def test_a_ready_step_is_published_once():
    job = make_job()
    assert take() == [job]
    assert take() == []


def test_no_more_are_taken_than_there_is_room_for():
    for _ in range(5):
        make_job()
    assert len(take(room=3)) == 3
    assert len(take(room=3)) == 2


def test_someone_with_one_job_does_not_wait_behind_someone_with_many():
    busy, patient = make_user(), make_user()
    for _ in range(20):
        make_job(busy)
    take(room=4)
    late = make_job(patient)
    assert late in take(room=2)


def test_a_message_that_could_not_be_sent_is_taken_again():
    job = make_job()
    with transaction() as session:
        (hint,) = dispatch.take(session, "media", 32)
    with transaction() as session:
        dispatch.give_back(session, [hint.step_id])
    assert take() == [job]


def test_a_message_that_the_broker_lost_is_sent_again():
    job = make_job()
    take()
    with transaction() as session:
        session.execute(text("UPDATE steps SET published_at = published_at - interval '1 hour'"))
    with transaction() as session:
        there = [step_of(job, "ingest").id]
        assert dispatch.forget_lost_messages(session, "media", there, older_than_s=30) == 0
        assert dispatch.forget_lost_messages(session, "media", [], older_than_s=30) == 1
    assert take() == [job]


def test_a_claimed_step_is_never_published_again():
    job = make_job()
    take()
    claim(job, "ingest")
    with transaction() as session:
        session.execute(text("UPDATE steps SET published_at = published_at - interval '1 hour'"))
        assert dispatch.forget_lost_messages(session, "media", [], older_than_s=30) == 0
    with transaction() as session:
        assert session.scalars(select(Step.id).where(Step.job_id == job, Step.published_at.is_(None)))
    assert take() == []
