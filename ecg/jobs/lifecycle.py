"""Create, cancel and requeue jobs; let their steps become ready; end them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ecg import events, quotas
from ecg.db import Prepared
from ecg.errors import Conflict, LeaseLost, NotFound
from ecg.jobs.graphs import StepSpec, steps_of
from ecg.jobs.milestones import BY_END, further, message
from ecg.models import ACTIVE_JOBS, OPEN_STEPS, Job, JobKind, JobStatus, Step, StepStatus
from ecg.webhooks import outbox

now = func.clock_timestamp


def create(
    session: Session, *, user_id: str, video_id: str, kind: JobKind, params: Mapping[str, Any],
    fetched: bool = False,
) -> str:  # fmt: skip
    """The id of a new job with all its known steps; those that need nothing are ready at the commit.

    ``fetched``: its first step fetches the file.
    """
    job_id, specs = str(uuid.uuid4()), steps_of(kind, fetched=fetched)
    _create(session, job=job_id, user=user_id, video=video_id, kind=kind, params=json.dumps(params),
            specs=json.dumps([asdict(spec) for spec in specs]))  # fmt: skip
    events.record(session, job_id, ("created", {"job_kind": kind, "message": message(None)}),
                  queues=[spec.queue for spec in specs if not spec.needs])  # fmt: skip
    return job_id


_create = Prepared("ecg_create", """
    WITH job AS (
        INSERT INTO jobs (id, user_id, video_id, kind, status, params, percent, warnings)
        VALUES (CAST(:job AS uuid), CAST(:user AS uuid), CAST(:video AS uuid), :kind, 'queued', :params, 0,
                '[]')
        RETURNING id, user_id
    ), spec AS (
        SELECT nextval(pg_get_serial_sequence('steps', 'id')) AS id, listed.*
        FROM jsonb_to_recordset(CAST(:specs AS jsonb)) AS listed (name text, queue text, weight float,
            needs text[], optional boolean, deadline_s float, deadline_per_media_s float)
    )
    INSERT INTO steps (id, job_id, user_id, name, queue, status, needs, optional, weight, params, fence,
                       errors, outages, losses, deadline_s, deadline_per_media_s, publications)
    SELECT spec.id, job.id, job.user_id, name, queue,
           CASE WHEN needs = '{}' THEN 'ready' ELSE 'waiting' END,
           ARRAY(SELECT need.id FROM spec AS need WHERE need.name = ANY (spec.needs)), optional, weight, '{}',
           0, 0, 0, 0, deadline_s, deadline_per_media_s, 0
    FROM spec, job
""")


def lock(session: Session, job_id: str) -> Job:
    """The job's row, locked: the first lock of everything that ends or starts a step."""
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def lock_of_step(session: Session, step_id: int) -> Job:
    """The locked job a step belongs to; `LeaseLost` when both were deleted with their video."""
    of_step = select(Job).join(Step, Step.job_id == Job.id).where(Step.id == step_id)
    found = of_step.with_for_update(of=Job).execution_options(populate_existing=True)
    job = session.scalars(found).one_or_none()
    if job is None:
        raise LeaseLost("The step was deleted together with its video.", step_id=step_id)
    return job


class Standing(Protocol):
    """Where a job stands: its row, or what was read of it."""

    id: Any
    status: Any
    percent: Any
    milestone: Any


def go_on(session: Session, job: Standing, *happened: events.Happening, ended: str | None = None) -> None:
    """Make every waiting step ready whose needs have ended well; end the job when nothing is open.

    ``happened`` is recorded first. ``ended``: the name of the step that did, which moves percent and
    milestone, neither of them ever backwards. A job that has ended itself stays as it is.
    """
    found = _go_on.row(
        session, job=job.id, active=job.status in ACTIVE_JOBS, name=ended or "", percent=job.percent,
        milestone=job.milestone, reached=further(job.milestone, BY_END[ended]) if ended else job.milestone,
    )  # fmt: skip
    told = list(happened)
    if ended:
        told.append(progress(ended, found.percent, found.milestone))
    if found.done:
        told.append(("done", {"percent": 100.0, "message": message(found.milestone)}))
    events.record(session, job.id, *told, queues=found.ready)
    if found.done:
        outbox.announce(session, job.id)


_go_on = Prepared("ecg_go_on", """
    WITH promoted AS (
        UPDATE steps SET status = 'ready', published_at = NULL, publications = 0
        WHERE CAST(:active AS boolean) AND job_id = CAST(:job AS uuid) AND status = 'waiting' AND NOT EXISTS (
            SELECT FROM steps AS need
            WHERE need.job_id = steps.job_id AND need.id = ANY (steps.needs)
              AND NOT (need.status = 'done' OR (need.status = 'failed' AND need.optional)))
        RETURNING queue
    ), counted AS (
        SELECT count(*) FILTER (WHERE status IN ('waiting', 'ready', 'running')) AS open,
               count(*) FILTER (WHERE status IN ('waiting', 'ready', 'running') AND name = :name) AS siblings,
               coalesce(sum(weight) FILTER (WHERE status IN ('done', 'failed')), 0) AS percent
        FROM steps WHERE job_id = CAST(:job AS uuid)
    ), now AS (
        SELECT CAST(:active AS boolean) AND open = 0 AS done,
               greatest(CAST(:percent AS float),
                        CASE WHEN :name <> '' THEN least(percent, 99) END) AS percent,
               CASE WHEN siblings = 0 THEN :reached ELSE :milestone END AS milestone
        FROM counted
    ), moved AS (
        UPDATE jobs SET milestone = now.milestone,
            percent = CASE WHEN now.done THEN 100 ELSE now.percent END,
            status = CASE WHEN now.done THEN 'done' ELSE status END,
            error = CASE WHEN now.done THEN NULL ELSE error END,
            finished_at = CASE WHEN now.done THEN clock_timestamp() ELSE finished_at END
        FROM now WHERE jobs.id = CAST(:job AS uuid)
    )
    SELECT ARRAY(SELECT queue FROM promoted) AS ready, now.* FROM now
""")


def progress(step_name: str, percent: float, milestone: str | None) -> events.Happening:
    """How far a job has come, as an event."""
    return "progress", {"step": step_name, "percent": percent, "milestone": milestone,
                        "message": message(milestone)}  # fmt: skip


def fail_job(session: Session, job: Job, error: Mapping[str, Any]) -> None:
    """End a job with its error kept. Steps that run may still finish; a requeue will find them done."""
    job.status, job.error, job.finished_at = JobStatus.FAILED, dict(error), now()
    session.execute(
        update(Step)
        .where(Step.job_id == job.id, Step.status == StepStatus.READY)
        .values(status=StepStatus.WAITING)
    )
    quotas.refund(session, job.id)
    events.record(session, job.id, ("failed", {"error": job.error, "percent": job.percent}))
    outbox.announce(session, job.id)


def cancel(session: Session, job_id: str) -> Job:
    """End a job now, whether or not a worker is there to hear it.

    Running steps lose their fence: whatever they still do cannot be committed, and the keeper of their
    lease stops them within one renewal. Cancelling a cancelled job changes nothing.
    """
    job = lock(session, job_id)
    if job.status == JobStatus.CANCELLED:
        return job
    if job.status not in ACTIVE_JOBS:
        raise Conflict(f"The job is {job.status} already; only a waiting or running job can be cancelled.")
    session.execute(
        update(Step)
        .where(Step.job_id == job_id, Step.status.in_(OPEN_STEPS))
        .values(status=StepStatus.CANCELLED, fence=Step.fence + 1, finished_at=now())
    )
    job.status, job.finished_at = JobStatus.CANCELLED, now()
    quotas.refund(session, job_id)
    events.record(session, job_id, ("cancelled", {"percent": job.percent}))
    outbox.announce(session, job_id)
    session.refresh(job)
    return job


def requeue(session: Session, job_id: str) -> Job:
    """Let a failed or cancelled job go on at the step that failed; finished steps stay finished.

    Requeueing an active job changes nothing, so two operators may do it at once.
    """
    job = lock(session, job_id)
    if job.status in ACTIVE_JOBS:
        return job
    if job.status == JobStatus.DONE:
        raise Conflict("The job is done; there is nothing left to run.")
    redo = (StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.READY)
    session.execute(
        update(Step)
        .where(Step.job_id == job_id, Step.status.in_(redo))
        .values(status=StepStatus.WAITING, errors=0, outages=0, losses=0, not_before=None, error=None,
                finished_at=None)
    )
    job.status, job.error, job.finished_at = JobStatus.QUEUED, None, None
    go_on(session, job, ("requeued", {"percent": job.percent}))
    session.refresh(job)
    return job


def add_steps(session: Session, job: Job, specs: Iterable[tuple[StepSpec, float, dict[str, Any]]],
              before: str) -> None:  # fmt: skip
    """Put steps (spec, weight, params) in front of a waiting step, which then needs them too."""
    target = session.scalars(select(Step).where(Step.job_id == job.id, Step.name == before)).one()
    added = [_new_step(job, spec, weight, params) for spec, weight, params in specs]
    session.add_all(added)
    session.flush()
    target.needs = [*target.needs, *(step.id for step in added)]


def _new_step(job: Job, spec: StepSpec, weight: float, params: Mapping[str, Any]) -> Step:
    """A step that needs no other."""
    return Step(
        job_id=job.id, user_id=job.user_id, name=spec.name, queue=spec.queue, needs=[], weight=weight,
        status=StepStatus.READY, optional=spec.optional, params=dict(params), deadline_s=spec.deadline_s,
        deadline_per_media_s=spec.deadline_per_media_s,
    )  # fmt: skip
