"""Where the file of a video is being sent to."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import Big, Record


class Upload(Record):
    """One that is not complete yet. ``key``: where its links lead; ``parts_id`` and ``part_bytes``: of one
    that is sent in parts.
    """

    __tablename__ = "uploads"

    video_id: Mapped[str] = mapped_column(
        UUID(as_uuid=False), ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(unique=True)
    parts_id: Mapped[str | None]
    part_bytes: Mapped[Big | None]
