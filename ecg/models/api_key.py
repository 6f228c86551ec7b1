"""A key that stands for its user in programs, until it is revoked."""

from __future__ import annotations

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import CreatedAt, Moment, Record, UserId, UuidKey


class ApiKey(Record):
    """``start``: its first letters, by which its owner knows it; ``digest``: SHA-256 of the whole, hex."""

    __tablename__ = "api_keys"

    id: Mapped[UuidKey]
    user_id: Mapped[UserId]
    name: Mapped[str]
    start: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
