"""The answer to a request that may be sent again."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import CreatedAt, Json, Record, Uuid


class IdempotencyKey(Record):
    """``fingerprint`` tells whether it is the same request; ``status`` and ``body`` are its answer."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[Uuid] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int]
    body: Mapped[Json]
    created_at: Mapped[CreatedAt]
