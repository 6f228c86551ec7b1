"""One attempt at a step: claim it, keep its lease, finish it or fail it, all under its fence."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from ecg import events
from ecg.errors import EcgError, LeaseLost
from ecg.jobs import lifecycle
from ecg.jobs.graphs import StepSpec
from ecg.jobs.milestones import BY_START, further
from ecg.models import ACTIVE_JOBS, Artifact, Job, JobStatus, Step, StepStatus


@dataclass(frozen=True)
class Claim:
    """The right to work on a step, as long as its lease is renewed."""

    step_id: int
    fence: int
    name: str
    job_id: str
    user_id: str
    video_id: str
    job_params: Mapping[str, Any]
    step_params: Mapping[str, Any]


@dataclass(frozen=True)
class NewArtifact:
    """A file put into the store by this attempt, to be known from the commit on."""

    name: str
    key: str
    size_bytes: int


def claim(session: Session, step_id: int, *, worker: str, lease_s: float) -> Claim | None:
    """Take a ready step, or ``None`` when it is not to be had (taken, ended, backing off, deleted)."""
    try:
        job = lifecycle.lock_of_step(session, step_id)
    except LeaseLost:
        return None
    if job.status not in ACTIVE_JOBS:
        return None
    row = session.execute(_CLAIM, {"id": step_id, "worker": worker, "lease": lease_s,
                                   "media": job.media_s or 0.0}).one_or_none()  # fmt: skip
    if row is None:
        return None
    if job.status == JobStatus.QUEUED:
        job.status = JobStatus.RUNNING
        job.started_at = job.started_at or session.scalar(select(func.clock_timestamp()))
    events.record(session, job.id, "step", step=row.name, status="running", attempt=row.fence)
    if row.name in BY_START:
        job.milestone = further(job.milestone, BY_START[row.name])
        lifecycle.tell_progress(session, job, row.name)
    return Claim(step_id, row.fence, row.name, job.id, job.user_id, job.video_id, job.params, row.params)


_CLAIM = text("""
    UPDATE steps SET status = 'running', fence = fence + 1, worker = :worker,
        lease_expires_at = clock_timestamp() + make_interval(secs => :lease),
        deadline_at = clock_timestamp() + make_interval(secs => deadline_s + deadline_per_media_s * :media),
        started_at = clock_timestamp(), finished_at = NULL
    WHERE id = :id AND status = 'ready' AND (not_before IS NULL OR not_before <= clock_timestamp())
    RETURNING fence, name, params
""")


def renew(session: Session, step_id: int, fence: int, *, lease_s: float) -> bool:
    """Hold the step for another lease; true when the attempt has passed its deadline.

    Raises `LeaseLost` when the step is no longer ours (cancelled, brought back, taken).
    """
    late = session.scalar(_RENEW, {"id": step_id, "fence": fence, "lease": lease_s})
    if late is None:
        raise LeaseLost("The step was cancelled or handed to another worker.", step_id=step_id)
    return bool(late)


_RENEW = text("""
    UPDATE steps SET lease_expires_at = clock_timestamp() + make_interval(secs => :lease)
    WHERE id = :id AND fence = :fence AND status = 'running'
    RETURNING deadline_at < clock_timestamp()
""")


def finish(
    session: Session, step_id: int, fence: int, *,
    result: Mapping[str, Any], artifacts: Sequence[NewArtifact] = (),
    added: Sequence[tuple[StepSpec, float, dict[str, Any]]] = (), added_before: str = "",
    media_s: float | None = None, warnings: Sequence[str] = (),
) -> None:  # fmt: skip
    """Commit an attempt's result, exactly once; raises `LeaseLost` when another holds the step now."""
    job = lifecycle.lock_of_step(session, step_id)
    step = _held(session, step_id, fence)
    step.status, step.result, step.error = StepStatus.DONE, dict(result), None
    step.finished_at = session.scalar(select(func.clock_timestamp()))
    session.add_all(
        Artifact(job_id=job.id, step_id=step_id, name=a.name, key=a.key, size_bytes=a.size_bytes)
        for a in artifacts
    )
    job.media_s = media_s if media_s is not None else job.media_s
    job.warnings = [*job.warnings, *warnings]
    if added:
        lifecycle.add_steps(session, job, added, added_before)
    _go_on(session, job, step)


def _held(session: Session, step_id: int, fence: int) -> Step:
    step = session.get(Step, step_id, with_for_update=True, populate_existing=True)
    if step is None or step.fence != fence or step.status != StepStatus.RUNNING:
        raise LeaseLost("The step was cancelled or handed to another worker.", step_id=step_id)
    return step


def _go_on(session: Session, job: Job, step: Step) -> None:
    events.record(session, job.id, "step", step=step.name, status=step.status)
    lifecycle.advance(session, job, step)
    if job.status in ACTIVE_JOBS:
        lifecycle.promote(session, job)


def fail(session: Session, step_id: int, fence: int, error: EcgError, *, max_errors: int) -> None:
    """Record a failed attempt: again later if its error allows it, else the step's end."""
    job = lifecycle.lock_of_step(session, step_id)
    step = _held(session, step_id, fence)
    step.errors += 1
    step.error = error.to_dict()
    if error.retryable and step.errors < max_errors:
        _again(session, step, backoff_s(step.errors))
    else:
        _give_up(session, job, step)


def lose(session: Session, step_id: int, *, max_losses: int) -> None:
    """Bring back a step whose worker stopped renewing its lease (called by the reconciler)."""
    try:
        job = lifecycle.lock_of_step(session, step_id)
    except LeaseLost:
        return
    step = session.get_one(Step, step_id, with_for_update=True, populate_existing=True)
    if step.status != StepStatus.RUNNING or not session.scalar(_EXPIRED, {"id": step_id}):
        return
    step.losses += 1
    events.record(session, job.id, "step", step=step.name, status="lost", losses=step.losses)
    if step.losses < max_losses and job.status in ACTIVE_JOBS:
        # The first loss is most often a deploy or a dead machine: no need to wait.
        _again(session, step, 0.0 if step.losses == 1 else backoff_s(step.losses))
    else:
        step.error = EcgError(
            "The workers that took this step died every time.", losses=step.losses
        ).to_dict()
        step.error["code"] = "WORKER_LOST"
        _give_up(session, job, step)


_EXPIRED = text("SELECT lease_expires_at < clock_timestamp() FROM steps WHERE id = :id")


def release(session: Session, step_id: int, fence: int) -> None:
    """Hand back a step unharmed, as an orderly shutdown does: counts as neither error nor loss."""
    lifecycle.lock_of_step(session, step_id)
    _again(session, _held(session, step_id, fence), 0.0)


def _again(session: Session, step: Step, delay_s: float) -> None:
    session.flush()
    session.execute(
        update(Step).where(Step.id == step.id).values(
            status=StepStatus.READY, published_at=None, publications=0, lease_expires_at=None,
            not_before=func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, delay_s),
        )
    )  # fmt: skip
    events.wake_dispatcher(session)


def _give_up(session: Session, job: Job, step: Step) -> None:
    step.status = StepStatus.FAILED
    step.finished_at = session.scalar(select(func.clock_timestamp()))
    error = {**(step.error or {}), "step": step.name}
    if step.optional:
        job.warnings = [*job.warnings, f"{step.name} failed and was left out: {error['message']}"]
        events.record(session, job.id, "warning", step=step.name, error=error)
        _go_on(session, job, step)
    elif job.status in ACTIVE_JOBS:
        lifecycle.fail_job(session, job, error)


def backoff_s(attempt: int, base_s: float = 2.0, cap_s: float = 120.0) -> float:
    """Seconds to wait before the next attempt: doubling, capped, with jitter in its upper half."""
    full = min(cap_s, base_s * 2 ** (attempt - 1))
    return full * (0.5 + random.random() / 2)  # noqa: S311 - jitter needs no secrecy
