"""Captions of a video that their user edits, and every state in which they were saved."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import Big, CreatedAt, Record, UserId, Uuid, UuidKey


class Project(Record):
    """``version`` counts from 1, by one with each save: who saves must name the one he has seen."""

    __tablename__ = "projects"

    id: Mapped[UuidKey]
    user_id: Mapped[UserId]
    video_id: Mapped[Uuid] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class ProjectVersion(Record):
    """``key``: where the store has the draft (`ecg.captions.Draft`); equal drafts of a video share a file."""

    __tablename__ = "project_versions"

    project_id: Mapped[Uuid] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    size_bytes: Mapped[Big]
    created_at: Mapped[CreatedAt]
