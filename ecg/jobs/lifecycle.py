"""Create, cancel and requeue jobs; let their steps become ready; end them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from ecg import events
from ecg.errors import Conflict, LeaseLost, NotFound
from ecg.jobs.graphs import GRAPHS, StepSpec
from ecg.jobs.milestones import BY_END, further, message
from ecg.models import ACTIVE_JOBS, OPEN_STEPS, Job, JobKind, JobStatus, Step, StepStatus

now = func.clock_timestamp


def create(session: Session, *, user_id: str, video_id: str, kind: JobKind, params: Mapping[str, Any]) -> Job:
    """A job with all its known steps; those that need nothing are ready at the commit."""
    job = Job(user_id=user_id, video_id=video_id, kind=kind, status=JobStatus.QUEUED,
              params=dict(params), percent=0.0, warnings=[])  # fmt: skip
    session.add(job)
    session.flush()
    ids: dict[str, int] = {}
    for spec in GRAPHS[kind]:
        step = new_step(job, spec, needs=[ids[name] for name in spec.needs])
        session.add(step)
        session.flush()
        ids[spec.name] = step.id
    events.record(session, job.id, "created", job_kind=kind, message=message(None))
    promote(session, job)
    return job


def new_step(
    job: Job, spec: StepSpec, *, needs: list[int], weight: float | None = None,
    params: Mapping[str, Any] | None = None,
) -> Step:  # fmt: skip
    """A waiting step after its spec."""
    return Step(
        job_id=job.id, user_id=job.user_id, name=spec.name, queue=spec.queue, status=StepStatus.WAITING,
        needs=needs, optional=spec.optional, weight=spec.weight if weight is None else weight,
        params=dict(params or {}),
        deadline_s=spec.deadline_s, deadline_per_media_s=spec.deadline_per_media_s,
    )  # fmt: skip


def lock(session: Session, job_id: str) -> Job:
    """The job's row, locked: the first lock of everything that ends or starts a step."""
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def lock_of_step(session: Session, step_id: int) -> Job:
    """The locked job a step belongs to; `LeaseLost` when both were deleted with their video."""
    job_id = session.scalar(select(Step.job_id).where(Step.id == step_id))
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True) if job_id else None
    if job is None:
        raise LeaseLost("The step was deleted together with its video.", step_id=step_id)
    return job


def promote(session: Session, job: Job) -> None:
    """Make every waiting step ready whose needs have ended well; end the job when nothing is open."""
    session.flush()
    session.execute(_PROMOTE, {"job": job.id})
    open_steps = session.scalar(
        select(func.count()).where(Step.job_id == job.id, Step.status.in_(OPEN_STEPS)).select_from(Step)
    )
    if open_steps:
        events.wake_dispatcher(session)
    else:
        _end(session, job)


_PROMOTE = text("""
    UPDATE steps SET status = 'ready', published_at = NULL, publications = 0
    WHERE job_id = :job AND status = 'waiting' AND NOT EXISTS (
        SELECT FROM steps AS need
        WHERE need.id = ANY (steps.needs)
          AND NOT (need.status = 'done' OR (need.status = 'failed' AND need.optional)))
""")


def _end(session: Session, job: Job) -> None:
    job.status, job.percent, job.error = JobStatus.DONE, 100.0, None
    job.finished_at = session.scalar(select(now()))
    events.record(session, job.id, "done", percent=100.0, message=message(job.milestone))


def advance(session: Session, job: Job, step: Step) -> None:
    """Percent and milestone after a step has ended, neither of them ever backwards."""
    session.flush()
    weight = session.scalar(
        select(func.coalesce(func.sum(Step.weight), 0.0)).where(
            Step.job_id == job.id, Step.status.in_((StepStatus.DONE, StepStatus.FAILED))
        )
    )
    job.percent = max(job.percent, min(float(weight or 0.0), 99.0))
    if not _open_siblings(session, step):
        job.milestone = further(job.milestone, BY_END[step.name])
    tell_progress(session, job, step.name)


def tell_progress(session: Session, job: Job, step_name: str) -> None:
    """Record where the job stands now."""
    events.record(session, job.id, "progress", step=step_name, percent=job.percent,
                  milestone=job.milestone, message=message(job.milestone))  # fmt: skip


def _open_siblings(session: Session, step: Step) -> int:
    query = select(func.count()).select_from(Step).where(
        Step.job_id == step.job_id, Step.name == step.name, Step.status.in_(OPEN_STEPS)
    )  # fmt: skip
    return session.scalar(query) or 0


def fail_job(session: Session, job: Job, error: Mapping[str, Any]) -> None:
    """End a job with its error kept. Steps that run may still finish; a requeue will find them done."""
    job.status, job.error = JobStatus.FAILED, dict(error)
    job.finished_at = session.scalar(select(now()))
    session.execute(
        update(Step)
        .where(Step.job_id == job.id, Step.status == StepStatus.READY)
        .values(status=StepStatus.WAITING)
    )
    events.record(session, job.id, "failed", error=job.error, percent=job.percent)


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
    job.status, job.finished_at = JobStatus.CANCELLED, session.scalar(select(now()))
    events.record(session, job_id, "cancelled", percent=job.percent)
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
        .values(status=StepStatus.WAITING, errors=0, losses=0, not_before=None, error=None, finished_at=None)
    )
    job.status, job.error, job.finished_at = JobStatus.QUEUED, None, None
    events.record(session, job_id, "requeued", percent=job.percent)
    promote(session, job)
    return job


def add_steps(session: Session, job: Job, specs: Iterable[tuple[StepSpec, float, dict[str, Any]]],
              before: str) -> None:  # fmt: skip
    """Put steps (spec, weight, params) in front of a waiting step, which then needs them too."""
    target = session.scalars(select(Step).where(Step.job_id == job.id, Step.name == before)).one()
    added = [new_step(job, spec, needs=[], weight=weight, params=p) for spec, weight, p in specs]
    session.add_all(added)
    session.flush()
    target.needs = [*target.needs, *(step.id for step in added)]
