"""The state of a sign-in by another service, once it has come back."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import Moment, Record


class UsedState(Record):
    """``digest``: SHA-256 of the state, hex; after ``expires_at`` the state counts for nothing by itself."""

    __tablename__ = "used_states"

    digest: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[Moment]
