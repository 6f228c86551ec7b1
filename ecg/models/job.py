"""A job: one analysis or one render, a small graph of steps."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Float, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import CreatedAt, Json, Moment, Record, UserId, Uuid, UuidKey


class JobKind(StrEnum):
    ANALYSIS = "analysis"
    RENDER = "render"


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE_JOBS = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})
ENDED_JOBS = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})


class Job(Record):
    """``percent`` is weighted finished work and never falls; ``media_s`` scales the steps' deadlines.

    ``milestone`` is the highest one reached (see `ecg.jobs.milestones`). ``error`` has the shape of
    `EcgError.to_dict`, plus the step that failed.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_active", "status", postgresql_where="status IN ('queued', 'running')"),
        Index("ix_jobs_user_created", "user_id", "created_at"),
    )

    id: Mapped[UuidKey]
    user_id: Mapped[UserId]
    video_id: Mapped[Uuid] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(default=JobStatus.QUEUED)
    params: Mapped[Json]
    percent: Mapped[float] = mapped_column(Float, default=0.0)
    milestone: Mapped[str | None]
    media_s: Mapped[float | None] = mapped_column(Float)
    warnings: Mapped[list[str]] = mapped_column(JSONB, default=list)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
