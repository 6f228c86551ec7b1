"""What a worker outside ECG's queues reports of an analysis: how far it is, what it found, why it failed.

The steps of the job are ECG's own all the same, and its workers may be at them: whoever ends the job first
has ended it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from ecg import events
from ecg.errors import Conflict
from ecg.jobs import lifecycle
from ecg.jobs.attempts import NewArtifact
from ecg.models import OPEN_STEPS, Artifact, Event, Job, JobKind, Step, StepStatus, Video, VideoStatus

#: The step that leaves the result of an analysis.
_LAST = "merge"
_SOURCE = "outside"
#: The rest is for the end of the job.
_MOST_PERCENT = 99.0


@dataclass(frozen=True)
class Result:
    """What was found. ``summary``: what the last step returns, in short."""

    file: NewArtifact
    summary: Mapping[str, Any]
    media_s: float
    warnings: Sequence[str]


def reported(session: Session, job_id: str, signed_s: float) -> Job:
    """The analysis that a report is about, locked.

    Raises `Conflict` for a job of another kind, and for a report signed before the job was requeued: that
    one has been heard already, or is about an attempt that counts no more.
    """
    job = lifecycle.lock(session, job_id)
    if job.kind != JobKind.ANALYSIS:
        raise Conflict(f"Only an analysis can be reported on; this job is a {job.kind}.")
    requeued = select(func.max(Event.created_at)).where(Event.job_id == job_id, Event.kind == "requeued")
    at = session.scalar(requeued)
    if at and at.timestamp() > signed_s:
        raise Conflict("The job was requeued after this report was signed; sign a new one if it still holds.")
    return job


def advance(session: Session, job: Job, percent: float, note: str | None) -> None:
    """Move the job's percent forward, never backwards, and tell those who watch; ``note``: in whose words."""
    job.percent = max(job.percent, min(percent, _MOST_PERCENT))
    kind, told = lifecycle.progress(_SOURCE, job.percent, job.milestone)
    events.record(session, job.id, (kind, {**told, "note": note} if note else told))


def folder(session: Session, job: Job) -> str:
    """Where in the store a result may lie until it is committed, if it is; else it is swept as an orphan."""
    last = _last(session, job)
    return f"analyzed/{job.id}/{last.id}-{last.fence}"


def complete(session: Session, job: Job, result: Result) -> None:
    """End the job with this result, as if its steps had been done.

    Its open steps are cancelled and lose their fences: what ECG's own workers still do cannot be committed.
    """
    if session.get_one(Video, job.video_id).status != VideoStatus.READY:
        raise Conflict("The file of this video has not been fetched yet; report again when it has.")
    last = _last(session, job)
    session.execute(
        update(Step)
        .where(Step.job_id == job.id, Step.status.in_(OPEN_STEPS))
        .values(status=StepStatus.CANCELLED, fence=Step.fence + 1, finished_at=lifecycle.now())
    )
    done = {"status": StepStatus.DONE, "result": dict(result.summary), "error": None}
    session.execute(update(Step).where(Step.id == last.id).values(**done))
    session.execute(delete(Artifact).where(Artifact.step_id == last.id))
    session.add(Artifact(job_id=job.id, step_id=last.id, name=result.file.name, key=result.file.key,
                         size_bytes=result.file.size_bytes))  # fmt: skip
    job.media_s = job.media_s or result.media_s
    job.warnings = [*job.warnings, *result.warnings]
    lifecycle.go_on(session, job, ("step", {"step": _LAST, "status": StepStatus.DONE}), ended=_LAST)


def _last(session: Session, job: Job) -> Step:
    return session.scalars(select(Step).where(Step.job_id == job.id, Step.name == _LAST)).one()
