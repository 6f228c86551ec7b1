"""A spoken video or sound file that a user brought."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import Big, CreatedAt, Record, UserId, UuidKey


class VideoStatus(StrEnum):
    UPLOADING = "uploading"
    READY = "ready"


class Video(Record):
    """``upload_key`` names the file in the store, ``sha256`` (hexadecimal) what its user said of it;
    ``media``: what probing found (`MediaInfo`), once known.
    """

    __tablename__ = "videos"

    id: Mapped[UuidKey]
    user_id: Mapped[UserId]
    status: Mapped[str] = mapped_column(default=VideoStatus.UPLOADING)
    filename: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[Big | None]
    upload_key: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str | None]
    media: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]
