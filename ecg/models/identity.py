"""Whom another service knows a user as."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import CreatedAt, Record, UserId


class Identity(Record):
    """``subject``: the provider's own id of the person, which never changes, as an e-mail address may."""

    __tablename__ = "identities"

    provider: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UserId]
    created_at: Mapped[CreatedAt]
