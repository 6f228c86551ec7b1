"""Webhooks: addresses that are called when jobs end."""

from __future__ import annotations

import json

from ecg.db import transaction
from ecg.models import Delivery, DeliveryStatus, Webhook
from ecg.web.api import blueprint, settings
from ecg.web.replies import (
    DeliveriesReply,
    DeliveryReply,
    NewWebhookReply,
    WebhookReply,
    WebhooksReply,
)
from ecg.web.requests import DeliveryPath, PageQuery, RotateBody, WebhookBody, WebhookPath
from ecg.web.tokens import user_id
from ecg.webhooks import outbox, registry

bp = blueprint("webhooks", __name__, "Calls when jobs end", prefix="/api/webhooks")


@bp.get("", responses={200: WebhooksReply})
def webhooks() -> WebhooksReply:
    """Your webhooks, newest first."""
    with transaction() as session:
        found = registry.of_user(session, user_id())
    return WebhooksReply(webhooks=[WebhookReply.model_validate(webhook) for webhook in found])


@bp.post("", responses={201: NewWebhookReply})
def create(body: WebhookBody) -> tuple[NewWebhookReply, int]:
    """Have an address called when your jobs end. The answer has the secret that signs the calls."""
    with transaction() as session:
        made = registry.make(session, settings(), user_id(), url=body.url, events=body.events,
                             description=body.description)  # fmt: skip
    return _with_secret(*made), 201


@bp.get("/<uuid:webhook_id>", responses={200: WebhookReply})
def webhook(path: WebhookPath) -> WebhookReply:
    """A webhook, and whether its calls arrive."""
    with transaction() as session:
        return WebhookReply.model_validate(registry.owned(session, user_id(), path.webhook_id))


@bp.delete("/<uuid:webhook_id>", responses={204: None})
def delete(path: WebhookPath) -> tuple[str, int]:
    """Delete a webhook: it is told nothing more."""
    with transaction() as session:
        registry.remove(session, user_id(), path.webhook_id)
    return "", 204


@bp.post("/<uuid:webhook_id>/rotate", responses={200: NewWebhookReply})
def rotate(path: WebhookPath, body: RotateBody) -> NewWebhookReply:
    """Give a webhook a new secret. For a while the old one signs as well, so that no call is lost."""
    with transaction() as session:
        rotated = registry.rotate(session, settings(), user_id(), path.webhook_id, body.overlap_s)
    return _with_secret(*rotated)


@bp.post("/<uuid:webhook_id>/test", responses={201: DeliveryReply})
def test(path: WebhookPath) -> tuple[DeliveryReply, int]:
    """Send a webhook a `ping`, once. One that was switched off is switched on again when that arrives."""
    with transaction() as session:
        sent = outbox.ping(session, registry.owned(session, user_id(), path.webhook_id, held=True))
    return _delivery(sent), 201


@bp.get("/<uuid:webhook_id>/deliveries", responses={200: DeliveriesReply})
def deliveries(path: WebhookPath, query: PageQuery) -> DeliveriesReply:
    """What a webhook was told in the last 30 days or is still to be told, newest first."""
    with transaction() as session:
        its = registry.owned(session, user_id(), path.webhook_id)
        rows, total = outbox.page(session, its, offset=query.offset, limit=query.limit)
    shown = [_delivery(row) for row in rows]
    return DeliveriesReply(deliveries=shown, page=query.page, limit=query.limit, total=total)


@bp.post("/<uuid:webhook_id>/deliveries/<uuid:event_id>/redeliver", responses={200: DeliveryReply})
def redeliver(path: DeliveryPath) -> DeliveryReply:
    """Send an event once more, under its own id."""
    with transaction() as session:
        its = registry.owned(session, user_id(), path.webhook_id)
        return _delivery(outbox.again(session, its, path.event_id))


def _with_secret(webhook: Webhook, secret: str) -> NewWebhookReply:
    return NewWebhookReply(**WebhookReply.model_validate(webhook).model_dump(), secret=secret)


def _delivery(row: Delivery) -> DeliveryReply:
    pending = row.status == DeliveryStatus.PENDING
    return DeliveryReply(
        id=row.id, event=row.kind, job_id=row.job_id, status=row.status, attempts=row.attempts,
        next_attempt_at=row.next_attempt_at if pending else None, last_status=row.last_status,
        last_error=row.last_error, created_at=row.created_at, delivered_at=row.delivered_at,
        payload=json.loads(row.payload),
    )  # fmt: skip
