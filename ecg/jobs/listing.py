"""What an operator asks about many jobs at once. Reads only."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecg.errors import NotFound
from ecg.models import Job, JobStatus, Step


def has_records(session: Session) -> bool:
    """Whether the tables are there at all."""
    return session.scalar(select(func.to_regclass(Job.__tablename__))) is not None


def newest(session: Session, *, status: str | None, kind: str | None, limit: int) -> Sequence[Job]:
    """The newest jobs, of one status or kind if asked for."""
    query = select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit)
    if status:
        query = query.where(Job.status == status)
    if kind:
        query = query.where(Job.kind == kind)
    return session.scalars(query).all()


def one(session: Session, job_id: str) -> Job:
    """A job; raises `NotFound`."""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def several(session: Session, job_ids: Collection[str]) -> dict[str, Job]:
    """Those of the jobs that there are, by id."""
    return {job.id: job for job in session.scalars(select(Job).where(Job.id.in_(job_ids)))}


def steps(session: Session, job_id: str) -> Sequence[Step]:
    """The steps of a job, in the order they were made in."""
    return session.scalars(select(Step).where(Step.job_id == job_id).order_by(Step.id)).all()


def failed(
    session: Session, *, code: str | None, queue: str | None, older_than: datetime.timedelta | None
) -> Sequence[Job]:
    """Failed jobs, oldest first: with this error code, on this queue, for at least this long."""
    query = select(Job).where(Job.status == JobStatus.FAILED).order_by(Job.finished_at)
    if code:
        query = query.where(Job.error["code"].astext == code)
    if queue:
        failing = select(Step.id).where(
            Step.job_id == Job.id, Step.queue == queue, Step.name == Job.error["step"].astext
        )
        query = query.where(failing.exists())
    if older_than is not None:
        query = query.where(Job.finished_at <= func.clock_timestamp() - older_than)
    return session.scalars(query).all()
