"""A file that a committed step left in the store."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import Big, CreatedAt, JobId, Record


class Artifact(Record):
    """``key`` holds the fence of the attempt that made it, so a late worker overwrites nothing."""

    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("step_id", "name"),)

    id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[JobId]
    step_id: Mapped[Big] = mapped_column(ForeignKey("steps.id", ondelete="CASCADE"))
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    size_bytes: Mapped[Big]
    created_at: Mapped[CreatedAt]
