"""Writing and reading what happened to a job."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecg.db import Prepared
from ecg.models import Event

#: A kind, and data about it.
Happening = tuple[str, Mapping[str, Any]]
#: Channel on which the dispatcher listens; a notice carries names of queues.
STEPS_CHANNEL = "ecg_steps"
#: Channel that carries the id of a job to which something happened.
EVENTS_CHANNEL = "ecg_events"


def notify(job_id: str, queues: str) -> str:
    """What to select so that listeners learn of it at the commit; arguments are SQL."""
    return f"""pg_notify('{EVENTS_CHANNEL}', CAST({job_id} AS text)),
           CASE WHEN {queues} <> '' THEN pg_notify('{STEPS_CHANNEL}', {queues}) END"""


def record(session: Session, job_id: str, *happened: Happening, queues: Collection[str] = ()) -> None:
    """Write events; whoever listens learns of them at the commit.

    ``queues``: those that the dispatcher should look at: a step has become ready or was taken.
    """
    written = json.dumps([{"kind": kind, "data": data} for kind, data in happened])
    _record(session, job=job_id, events=written, queues=",".join(sorted(set(queues))))


_record = Prepared("ecg_record", f"""
    WITH written AS (
        INSERT INTO events (job_id, kind, data)
        SELECT CAST(:job AS uuid), event->>'kind', event->'data'
        FROM jsonb_array_elements(CAST(:events AS jsonb)) WITH ORDINALITY AS listed (event, place)
        ORDER BY place
    )
    SELECT {notify(":job", ":queues")}
""")  # noqa: S608 # nosec B608 # nothing of it comes from outside


def since(session: Session, job_id: str, after_id: int, limit: int = 500) -> Sequence[Event]:
    """The events of a job after a given one, oldest first."""
    query = select(Event).where(Event.job_id == job_id, Event.id > after_id)
    return session.scalars(query.order_by(Event.id).limit(limit)).all()
