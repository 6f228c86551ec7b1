"""How much work there is, for those who watch over ECG: all users together."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecg.models import Job, Step, StepStatus


def jobs(session: Session) -> Mapping[tuple[str, str], int]:
    """How many jobs there are of each kind and status."""
    rows = session.execute(select(Job.kind, Job.status, func.count()).group_by(Job.kind, Job.status))
    return {(kind, status): count for kind, status, count in rows}


def steps(session: Session) -> Mapping[tuple[str, str], int]:
    """How many steps of each queue are ready or running."""
    at_hand = select(Step.queue, Step.status, func.count()).where(
        Step.status.in_([StepStatus.READY, StepStatus.RUNNING])
    )
    rows = session.execute(at_hand.group_by(Step.queue, Step.status))
    return {(queue, status): count for queue, status, count in rows}
