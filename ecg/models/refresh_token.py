"""A refresh token: single use; using one twice revokes its whole family."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import CreatedAt, Moment, Record, UserId, Uuid


class RefreshToken(Record):
    """``jti`` is the token's own id, ``family`` that of the login it descends from."""

    __tablename__ = "refresh_tokens"

    jti: Mapped[Uuid] = mapped_column(primary_key=True)
    family: Mapped[Uuid] = mapped_column(index=True)
    user_id: Mapped[UserId]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Moment]
    used_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
