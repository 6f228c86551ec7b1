"""One line of the audit log."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import Big, CreatedAt, Json, Record, Uuid


class AuditEntry(Record):
    """``email``: as it was given, whether there is such an account or not; ``once``: no other has it."""

    __tablename__ = "audit_entries"

    id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=True)
    act: Mapped[str]
    user_id: Mapped[Uuid | None] = mapped_column(index=True)
    email: Mapped[str | None] = mapped_column(index=True)
    address: Mapped[str | None]
    user_agent: Mapped[str]
    details: Mapped[Json]
    once: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
