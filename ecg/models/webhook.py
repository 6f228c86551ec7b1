"""An address that is called when a job ends, and each thing it is told: the outbox of these calls."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import CreatedAt, Moment, Record, UserId, Uuid, UuidKey


class WebhookEvent(StrEnum):
    """What a webhook may be told; each is `job.` and the status a job has ended with."""

    DONE = "job.done"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"


class Webhook(Record):
    """``secret`` and, until ``old_secret_until``, ``old_secret`` sign what is sent; both are kept sealed.

    ``failures``: calls in a row that did not arrive, since ``failing_since``; it is left alone until
    ``rests_until``. One that is switched off has ``disabled_at``, and is told nothing more.
    """

    __tablename__ = "webhooks"

    id: Mapped[UuidKey]
    user_id: Mapped[UserId]
    url: Mapped[str]
    description: Mapped[str]
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_secret_until: Mapped[Moment | None]
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[Moment | None]
    rests_until: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]
    disabled_at: Mapped[Moment | None]
    disabled_why: Mapped[str | None]


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


class Delivery(Record):
    """``id`` is the event's; ``kind`` a `WebhookEvent` or `ping`.

    ``payload`` is the body byte for byte. A row that is being sent is due again at ``next_attempt_at``,
    whatever becomes of its sender. It outlives its job.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_due", "next_attempt_at", postgresql_where="status = 'pending'"),
        Index("ix_deliveries_webhook", "webhook_id", "created_at"),
    )

    id: Mapped[UuidKey]
    webhook_id: Mapped[str] = mapped_column(
        UUID(as_uuid=False), ForeignKey("webhooks.id", ondelete="CASCADE")
    )
    job_id: Mapped[Uuid | None]
    kind: Mapped[str]
    payload: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(default=DeliveryStatus.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[Moment] = mapped_column(server_default=func.clock_timestamp())
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    delivered_at: Mapped[Moment | None]
