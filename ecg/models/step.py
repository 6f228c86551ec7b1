"""A step: the unit of queueing, retry and hand-over. Its row is also its outbox entry and its result."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Index
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import Big, CreatedAt, JobId, Json, Moment, Record, Uuid


class StepStatus(StrEnum):
    WAITING = "waiting"  # a step it needs has not ended
    READY = "ready"  # may run; published_at says whether a message is out
    RUNNING = "running"  # claimed under a fence and a lease
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN_STEPS = frozenset({StepStatus.WAITING, StepStatus.READY, StepStatus.RUNNING})


class Step(Record):
    """``fence`` grows with every claim; only the holder of the newest may commit a result.

    ``needs``: ids of the steps that must end first. ``optional``: its failure becomes a warning.
    ``weight``: its share of the job's 100 percent. ``errors``, ``outages`` and ``losses`` count apart
    what went wrong: attempts that failed, attempts that found something ECG stands on away, workers that
    died. ``not_before``: the end of a backoff. The deadline of an attempt is
    ``deadline_s + deadline_per_media_s × jobs.media_s`` seconds after its claim.
    """

    __tablename__ = "steps"
    __table_args__ = (
        Index("ix_steps_unpublished", "queue", "user_id", "id",
              postgresql_where="status = 'ready' AND published_at IS NULL"),
        Index("ix_steps_published", "queue", "user_id", "published_at",
              postgresql_where="status = 'ready' AND published_at IS NOT NULL"),
        Index("ix_steps_running", "id",
              postgresql_where="status = 'running'"),
    )  # fmt: skip

    id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[JobId]
    user_id: Mapped[Uuid] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    queue: Mapped[str]
    status: Mapped[str] = mapped_column(default=StepStatus.WAITING)
    needs: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list)
    optional: Mapped[bool] = mapped_column(default=False)
    weight: Mapped[float] = mapped_column(Float)
    params: Mapped[Json] = mapped_column(default=dict)
    fence: Mapped[int] = mapped_column(default=0)
    errors: Mapped[int] = mapped_column(default=0)
    outages: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None]
    deadline_s: Mapped[float] = mapped_column(Float)
    deadline_per_media_s: Mapped[float] = mapped_column(Float)
    not_before: Mapped[Moment | None]
    published_at: Mapped[Moment | None]
    publications: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[Moment | None]
    deadline_at: Mapped[Moment | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
