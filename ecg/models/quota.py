"""What a user may still ask for: counters that no race can pass, and the ledger that explains them."""

from __future__ import annotations

import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import Big, CreatedAt, Record, UserId, Uuid


class Quota(Record):
    """How much of an allowance is used. ``period``: a day (``2026-11-21``) or a month (``2026-11``), UTC."""

    __tablename__ = "quotas"

    user_id: Mapped[Uuid] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    resource: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    used: Mapped[int]


class QuotaEntry(Record):
    """One line of the ledger: a job's charge (+1) or its refund (-1); each at most once per job.

    It outlives its job: deleting a video gives nothing back.
    """

    __tablename__ = "quota_entries"
    __table_args__ = (UniqueConstraint("job_id", "kind"),)

    id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=True)
    user_id: Mapped[UserId]
    job_id: Mapped[Uuid]
    resource: Mapped[str]
    kind: Mapped[str]
    amount: Mapped[int]
    day: Mapped[datetime.date]
    created_at: Mapped[CreatedAt]
