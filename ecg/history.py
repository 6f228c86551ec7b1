"""What a user's jobs are and were: the reading side of the record of work."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ecg.db import Prepared
from ecg.errors import NotFound
from ecg.models import SIGN_IN_COUNTS, Artifact, Job, JobStatus, Step, StepStatus, Video

# Below this, how long the first percents took says little about the rest.
_TELLING_PERCENT = 5.0
_NO_JOB = "You have no such job."


def job(session: Session, user_id: str, job_id: str, kind: str | None = None) -> Job:
    """The user's job; somebody else's is as unknown as one that never was."""
    mine = select(Job).where(Job.id == job_id, Job.user_id == user_id)
    found = session.scalar(mine.where(Job.kind == kind) if kind else mine)
    if found is None:
        raise NotFound(_NO_JOB)
    return found


def polled(user_id: str, family: str, job_id: str, kind: str) -> Any:
    """What the user's job is at, as `job` would tell, if the sign-in still counts; ``None`` if it does not.

    Clients ask for this every second, so both questions make one round trip.
    """
    row = _polled.row_alone(user_id=user_id, family=family, job_id=job_id, kind=kind)
    if row.signed_in and row.id is None:
        raise NotFound(_NO_JOB)
    return row if row.signed_in else None


_polled = Prepared("ecg_polled", f"""
    SELECT ({SIGN_IN_COUNTS}) AS signed_in, job.*
    FROM (VALUES (CAST(:job_id AS uuid))) AS asked (job_id)
    LEFT JOIN LATERAL (
        SELECT CAST(id AS text) AS id, status, percent, milestone, error FROM jobs
        WHERE id = asked.job_id AND user_id = :user_id AND kind = :kind
    ) AS job ON true
""")  # noqa: S608 # nosec B608 # of constants


def is_quiet(user_id: str, family: str, job_id: str, after_id: int) -> bool:
    """Whether the user's job is at work and has no event after this one, and the sign-in still counts."""
    return bool(_quiet.row_alone(user_id=user_id, family=family, job_id=job_id, after_id=after_id).quiet)


_quiet = Prepared("ecg_quiet", f"""
    SELECT ({SIGN_IN_COUNTS})
        AND EXISTS (
            SELECT FROM jobs WHERE id = :job_id AND user_id = :user_id AND status IN ('queued', 'running')
        )
        AND NOT EXISTS (SELECT FROM events WHERE job_id = :job_id AND id > :after_id) AS quiet
""")  # noqa: S608 # nosec B608 # of constants


def page(
    session: Session, user_id: str, *, offset: int, limit: int, status: str | None = None,
    kind: str | None = None,
) -> tuple[Sequence[Job], int]:  # fmt: skip
    """A page of the user's jobs, newest first, and how many there are of that status and kind."""
    mine = _of(user_id, status, kind)
    newest_first = mine.order_by(Job.created_at.desc(), Job.id)
    rows: Sequence[Job] = session.scalars(newest_first.offset(offset).limit(limit)).all()
    return rows, session.scalar(select(func.count()).select_from(mine.subquery())) or 0


def _of(user_id: str, status: str | None, kind: str | None) -> Select[Job]:
    mine = select(Job).where(Job.user_id == user_id)
    mine = mine.where(Job.status == status) if status else mine
    return mine.where(Job.kind == kind) if kind else mine


def steps(session: Session, job_id: str) -> Sequence[Step]:
    """The steps of a job in the order in which they were planned."""
    return session.scalars(select(Step).where(Step.job_id == job_id).order_by(Step.id)).all()


def filenames(session: Session, jobs: Sequence[Job]) -> dict[str, str]:
    """The name of each job's video, by the video's id."""
    ids = {job.video_id for job in jobs}
    rows = session.execute(select(Video.id, Video.filename).where(Video.id.in_(ids)))
    return {row.id: row.filename for row in rows}


def files_of(session: Session, job_ids: Sequence[str], step: str, name: str) -> dict[str, str]:
    """The key of a file that a finished step left, by job; jobs that have none are left out.

    ``name`` may hold the ``%`` of SQL for the part that differs.
    """
    query = (
        select(Artifact.job_id, Artifact.key)
        .join(Step, Step.id == Artifact.step_id)
        .where(Artifact.job_id.in_(job_ids), Artifact.name.like(name))
        .where(Step.name == step, Step.status == StepStatus.DONE)
    )
    return {row.job_id: row.key for row in session.execute(query)}


def results_of(session: Session, job_ids: Sequence[str], step: str) -> dict[str, dict[str, Any]]:
    """What a finished step of each job returned, by job; jobs that have none are left out."""
    query = select(Step.job_id, Step.result).where(
        Step.job_id.in_(job_ids), Step.name == step, Step.status == StepStatus.DONE
    )
    return {row.job_id: row.result or {} for row in session.execute(query)}


def owned_key(session: Session, user_id: str, key: str) -> str:
    """The name under which the user may save a file of his, be it an upload or what a job left."""
    upload = session.scalar(select(Video.filename).where(Video.upload_key == key, Video.user_id == user_id))
    made = select(Artifact.name).join(Job, Job.id == Artifact.job_id)
    name = upload or session.scalar(made.where(Artifact.key == key, Job.user_id == user_id))
    if name is None:
        raise NotFound("You have no such file.")
    return name


def seconds_left(job: Job, percent: float) -> float | None:
    """Seconds until a running job ends if it goes on as it has, or ``None`` while that says nothing."""
    if job.status != JobStatus.RUNNING or job.started_at is None or percent < _TELLING_PERCENT:
        return None
    gone_s = (datetime.datetime.now(datetime.UTC) - job.started_at).total_seconds()
    return round(gone_s * (100.0 - percent) / percent, 1)


def usual_seconds(session: Session, kind: str, media_s: float | None) -> float | None:
    """Seconds a job on media of that length takes from the asking, after the last ones of its kind."""
    if media_s is None:
        return None
    took_s = func.extract("epoch", Job.finished_at - Job.created_at)
    last = (
        select((took_s / Job.media_s).label("pace"))
        .where(Job.kind == kind, Job.status == JobStatus.DONE, Job.media_s > 0)
        .order_by(Job.finished_at.desc()).limit(20).subquery()
    )  # fmt: skip
    pace = session.scalar(select(func.percentile_cont(0.5).within_group(last.c.pace)))
    return None if pace is None else round(float(pace) * media_s, 1)
