"""What happened to a job, in order; streams resume from here."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import Big, CreatedAt, JobId, Json, Record


class Event(Record):
    """``kind``: `created`, `step`, `progress`, `warning`, `done`, `failed`, `cancelled`, `requeued`."""

    __tablename__ = "events"

    id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[JobId]
    kind: Mapped[str]
    data: Mapped[Json]
    created_at: Mapped[CreatedAt]
