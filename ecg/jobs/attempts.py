"""One attempt at a step: claim it, keep its lease, finish it or fail it, all under its fence."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ecg import events
from ecg.config import Settings
from ecg.db import Prepared
from ecg.errors import EcgError, LeaseLost, Outage, WorkerLost
from ecg.jobs import lifecycle
from ecg.jobs.graphs import StepSpec
from ecg.jobs.milestones import BY_START, further
from ecg.models import ACTIVE_JOBS, Artifact, Job, Step, StepStatus


@dataclass(frozen=True)
class Claim:
    """The right to work on a step, as long as its lease is renewed.

    ``weight``: the step's share of the job's 100 percent.
    """

    step_id: int
    fence: int
    name: str
    job_id: str
    user_id: str
    video_id: str
    weight: float
    job_params: Mapping[str, Any]
    step_params: Mapping[str, Any]


@dataclass(frozen=True)
class NewArtifact:
    """A file put into the store by this attempt, to be known from the commit on."""

    name: str
    key: str
    size_bytes: int


@dataclass(frozen=True)
class Limits:
    """How often a step is tried again, after errors of its own, outages, and deaths of its workers."""

    errors: int
    outages: int
    losses: int

    @classmethod
    def from_settings(cls, settings: Settings) -> Limits:
        return cls(settings.max_errors, settings.max_outages, settings.max_losses)


def claim(session: Session, step_id: int, *, worker: str, lease_s: float) -> Claim | None:
    """Take a ready step, or ``None`` when it is not to be had (taken, ended, backing off, deleted)."""
    row = _claim.row(session, id=step_id, worker=worker, lease=lease_s)
    if row is None:
        return None
    if row.name in BY_START:
        job = session.get_one(Job, row.job_id)
        job.milestone = further(job.milestone, BY_START[row.name])
        events.record(session, row.job_id, lifecycle.progress(row.name, job.percent, job.milestone))
    return Claim(step_id, row.fence, row.name, row.job_id, row.user_id, row.video_id, row.weight,
                 row.job_params, row.params)  # fmt: skip


# The job's row is locked before the step's, as everywhere; what waited for a lock sees the newest row.
_claim = Prepared("ecg_claim", f"""
    WITH job AS (
        SELECT jobs.* FROM jobs JOIN steps ON steps.job_id = jobs.id
        WHERE steps.id = :id AND jobs.status IN ('queued', 'running') FOR UPDATE OF jobs
    ), taken AS (
        UPDATE steps SET status = 'running', fence = fence + 1, worker = :worker,
            lease_expires_at = clock_timestamp() + make_interval(secs => CAST(:lease AS float)),
            deadline_at = clock_timestamp()
                + make_interval(secs => deadline_s + deadline_per_media_s * coalesce(job.media_s, 0)),
            started_at = clock_timestamp(), finished_at = NULL
        FROM job
        WHERE steps.id = :id AND steps.status = 'ready'
          AND (steps.not_before IS NULL OR steps.not_before <= clock_timestamp())
        RETURNING steps.*
    ), started AS (
        UPDATE jobs SET status = 'running', started_at = coalesce(jobs.started_at, clock_timestamp())
        FROM taken, job WHERE jobs.id = job.id AND job.status = 'queued'
    ), told AS (
        INSERT INTO events (job_id, kind, data)
        SELECT job_id, 'step', jsonb_build_object('step', name, 'status', 'running', 'attempt', fence)
        FROM taken
    )
    SELECT taken.fence, taken.name, taken.weight, taken.params, job.params AS job_params,
           CAST(job.id AS text) AS job_id, CAST(job.user_id AS text) AS user_id,
           CAST(job.video_id AS text) AS video_id,
           {events.notify("job.id", "taken.queue")}
    FROM taken, job
""")  # noqa: S608 # nosec B608 # nothing of it comes from outside


def renew(session: Session, step_id: int, fence: int, *, lease_s: float) -> bool:
    """Hold the step for another lease; true when the attempt has passed its deadline.

    Raises `LeaseLost` when the step is no longer ours (cancelled, brought back, taken).
    """
    held = _renew.row(session, id=step_id, fence=fence, lease=lease_s)
    if held is None:
        raise _lost(step_id)
    return held.late


_renew = Prepared("ecg_renew", """
    UPDATE steps SET lease_expires_at = clock_timestamp() + make_interval(secs => CAST(:lease AS float))
    WHERE id = :id AND fence = :fence AND status = 'running'
    RETURNING deadline_at < clock_timestamp() AS late
""")


def keep_part(session: Session, step_id: int, fence: int, part: NewArtifact) -> None:
    """Make a piece of unfinished work known, for the next attempt to go on from, should this one die."""
    job = lifecycle.lock_of_step(session, step_id)
    _held(session, step_id, fence)
    values = {"name": part.name, "key": part.key, "size_bytes": part.size_bytes}
    made = insert(Artifact).values(job_id=job.id, step_id=step_id, **values)
    session.execute(made.on_conflict_do_update(index_elements=["step_id", "name"], set_=values))


def finish(
    session: Session, step_id: int, fence: int, *,
    result: Mapping[str, Any], artifacts: Sequence[NewArtifact] = (),
    added: Sequence[tuple[StepSpec, float, dict[str, Any]]] = (), added_before: str = "",
    media_s: float | None = None, warnings: Sequence[str] = (),
) -> None:  # fmt: skip
    """Commit an attempt's result, exactly once; raises `LeaseLost` when another holds the step now.

    Finishing an attempt again that was finished changes nothing: whoever lost the connection in the
    middle of the commit may ask once more. A finished step keeps only the files it returned.
    """
    job = _finish.row(session, id=step_id, fence=fence, result=json.dumps(result))
    if job is None:
        if _is_finished(session, step_id, fence):
            return
        raise _lost(step_id)
    session.add_all(
        Artifact(job_id=job.id, step_id=step_id, name=a.name, key=a.key, size_bytes=a.size_bytes)
        for a in artifacts
    )
    if media_s is not None:
        session.execute(update(Job).where(Job.id == job.id).values(media_s=media_s))
    if warnings:
        session.execute(update(Job).where(Job.id == job.id).values(warnings=[*job.warnings, *warnings]))
    if added:
        lifecycle.add_steps(session, session.get_one(Job, job.id), added, added_before)
    lifecycle.go_on(session, job, ("step", {"step": job.step, "status": StepStatus.DONE}), ended=job.step)


# The job's row is locked first: of two steps that end at once, the second must see the first.
_finish = Prepared("ecg_finish", """
    WITH job AS (
        SELECT jobs.* FROM jobs JOIN steps ON steps.job_id = jobs.id WHERE steps.id = :id FOR UPDATE OF jobs
    ), ended AS (
        UPDATE steps SET status = 'done', result = CAST(:result AS jsonb), error = NULL,
            finished_at = clock_timestamp()
        FROM job WHERE steps.id = :id AND steps.fence = :fence AND steps.status = 'running'
        RETURNING steps.id, steps.name
    ), parts AS (
        DELETE FROM artifacts USING ended WHERE artifacts.step_id = ended.id
    )
    SELECT ended.name AS step, CAST(job.id AS text) AS id, job.status, job.percent, job.milestone,
           job.warnings
    FROM ended, job
""")


def _is_finished(session: Session, step_id: int, fence: int) -> bool:
    done = select(Step.id).where(Step.id == step_id, Step.fence == fence, Step.status == StepStatus.DONE)
    return session.scalar(done) is not None


def _held(session: Session, step_id: int, fence: int) -> Step:
    step = session.get(Step, step_id, with_for_update=True, populate_existing=True)
    if step is None or step.fence != fence or step.status != StepStatus.RUNNING:
        raise _lost(step_id)
    return step


def _lost(step_id: int) -> LeaseLost:
    return LeaseLost("The step was cancelled or handed to another worker.", step_id=step_id)


def fail(session: Session, step_id: int, fence: int, error: EcgError, limits: Limits) -> None:
    """Record a failed attempt: again later if its error allows it, else the step's end."""
    job = lifecycle.lock_of_step(session, step_id)
    step = _held(session, step_id, fence)
    step.error = error.to_dict()
    if isinstance(error, Outage):
        step.outages += 1
        tried, most = step.outages, limits.outages
    else:
        step.errors += 1
        tried, most = step.errors, limits.errors
    if error.retryable and tried < most:
        again = {"step": step.name, "status": "again", "error": step.error}
        _again(session, step, backoff_s(tried), ("step", again))
    else:
        _give_up(session, job, step)


def lose(session: Session, step_id: int, limits: Limits) -> None:
    """Bring back a step whose worker stopped renewing its lease (called by the reconciler)."""
    try:
        job = lifecycle.lock_of_step(session, step_id)
    except LeaseLost:
        return
    step = session.get_one(Step, step_id, with_for_update=True, populate_existing=True)
    if step.status != StepStatus.RUNNING or not session.scalar(_EXPIRED, {"id": step_id}):
        return
    step.losses += 1
    lost = ("step", {"step": step.name, "status": "lost", "losses": step.losses})
    if step.losses < limits.losses and job.status in ACTIVE_JOBS:
        # The first loss is most often a deploy or a dead machine: no need to wait.
        _again(session, step, 0.0 if step.losses == 1 else backoff_s(step.losses), lost)
    else:
        step.error = WorkerLost(
            "The workers that took this step died every time, most often for want of memory; look into their "
            "logs, then requeue the job.", losses=step.losses,
        ).to_dict()  # fmt: skip
        events.record(session, job.id, lost)
        _give_up(session, job, step)


_EXPIRED = text("SELECT lease_expires_at < clock_timestamp() FROM steps WHERE id = :id")


def release(session: Session, step_id: int, fence: int) -> None:
    """Hand back a step unharmed, as an orderly shutdown does: counts as neither error nor loss."""
    lifecycle.lock_of_step(session, step_id)
    step = _held(session, step_id, fence)
    _again(session, step, 0.0, ("step", {"step": step.name, "status": "handed back"}))


def _again(session: Session, step: Step, delay_s: float, happened: events.Happening) -> None:
    session.flush()
    session.execute(
        update(Step).where(Step.id == step.id).values(
            status=StepStatus.READY, published_at=None, publications=0, lease_expires_at=None,
            not_before=func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, delay_s),
        )
    )  # fmt: skip
    events.record(session, step.job_id, happened, queues=[step.queue])


def _give_up(session: Session, job: Job, step: Step) -> None:
    step.status, step.finished_at = StepStatus.FAILED, lifecycle.now()
    error = {**(step.error or {}), "step": step.name}
    if step.optional:
        job.warnings = [*job.warnings, f"{step.name} failed and was left out: {error['message']}"]
        warning = ("warning", {"step": step.name, "error": error})
        failed = ("step", {"step": step.name, "status": StepStatus.FAILED})
        lifecycle.go_on(session, job, warning, failed, ended=step.name)
    elif job.status in ACTIVE_JOBS:
        lifecycle.fail_job(session, job, error)


def backoff_s(attempt: int, base_s: float = 2.0, cap_s: float = 60.0) -> float:
    """Seconds to wait before the next attempt: doubling, capped, with jitter in its upper half."""
    full = min(cap_s, base_s * 2.0 ** min(attempt - 1, 16))
    return full * (0.5 + random.random() / 2)  # noqa: S311 - jitter needs no secrecy
