"""Rows to test with."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from ecg.db import transaction
from ecg.jobs import attempts, lifecycle
from ecg.models import Event, Job, JobKind, Step, User, Video, VideoStatus


def make_user() -> str:
    with transaction() as session:
        user = User(email=f"{uuid.uuid4()}@example.org", username="someone", password_hash="x")
        session.add(user)
        session.flush()
        return user.id


def make_job(user_id: str | None = None, kind: JobKind = JobKind.ANALYSIS) -> str:
    user_id = user_id or make_user()
    with transaction() as session:
        video = Video(
            user_id=user_id, status=VideoStatus.READY, filename="talk.mp4", content_type="video/mp4",
            size_bytes=1, upload_key=f"uploads/{uuid.uuid4()}",
        )  # fmt: skip
        session.add(video)
        session.flush()
        return lifecycle.create(session, user_id=user_id, video_id=video.id, kind=kind, params={})


def step_of(job_id: str, name: str) -> Step:
    with transaction() as session:
        return session.scalars(select(Step).where(Step.job_id == job_id, Step.name == name)).one()


def job_of(job_id: str) -> Job:
    with transaction() as session:
        return session.get_one(Job, job_id)


def events_of(job_id: str, kind: str) -> list[Event]:
    with transaction() as session:
        query = select(Event).where(Event.job_id == job_id, Event.kind == kind)
        return list(session.scalars(query.order_by(Event.id)))


def claim(job_id: str, name: str, lease_s: float = 60.0) -> attempts.Claim | None:
    with transaction() as session:
        step_id = session.scalars(select(Step.id).where(Step.job_id == job_id, Step.name == name)).one()
        return attempts.claim(session, step_id, worker="test", lease_s=lease_s)


def finish(claimed: attempts.Claim, **kept: object) -> None:
    with transaction() as session:
        attempts.finish(session, claimed.step_id, claimed.fence, result={}, **kept)


def run(job_id: str, name: str) -> None:
    claimed = claim(job_id, name)
    assert claimed is not None, f"{name} is not ready"
    finish(claimed)
