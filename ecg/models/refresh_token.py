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


#: SQL: whether the sign-in ``:family`` of ``:user_id`` still counts; NULL when there is no such one.
SIGN_IN_COUNTS = """
    SELECT bool_and(revoked_at IS NULL) FROM refresh_tokens WHERE family = :family AND user_id = :user_id
"""
