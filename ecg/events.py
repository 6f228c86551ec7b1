"""Writing and reading what happened to a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ecg.models import Event

#: Channel on which the dispatcher listens for ready steps.
STEPS_CHANNEL = "ecg_steps"
#: Channel that carries the id of a job to which something happened.
EVENTS_CHANNEL = "ecg_events"


def record(session: Session, job_id: str, kind: str, /, **data: Any) -> None:
    """Write an event; whoever listens learns of it at the commit."""
    session.add(Event(job_id=job_id, kind=kind, data=data))
    session.execute(text("SELECT pg_notify(:channel, :job)"), {"channel": EVENTS_CHANNEL, "job": job_id})


def wake_dispatcher(session: Session) -> None:
    """Tell the dispatcher, at the commit, that steps may have become ready."""
    session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": STEPS_CHANNEL})


def since(session: Session, job_id: str, after_id: int, limit: int = 500) -> Sequence[Event]:
    """The events of a job after a given one, oldest first."""
    query = select(Event).where(Event.job_id == job_id, Event.id > after_id)
    return session.scalars(query.order_by(Event.id).limit(limit)).all()
