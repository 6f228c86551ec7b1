"""What webhooks are still to be told, and what became of it.

Whoever sends takes a row for a while (`take`) and settles it afterwards (`arrived`, `missed`); a row that is
not settled by then is due again. A receiver that does not answer rests, longer each time, as does what it
missed; one that nothing has reached for as long as an event is kept is switched off.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from ecg.db import Prepared
from ecg.errors import Conflict, NotFound
from ecg.models import Delivery, DeliveryStatus, Webhook

PING = "ping"
now = func.clock_timestamp


def announce(session: Session, job_id: str) -> None:
    """Tell the webhooks of its user that a job has ended, as its row now says; sent after the commit."""
    _announce(session, job=job_id)


# Locked are the webhooks' keys alone: one that is deleted meanwhile is left out, instead of failing the job.
_announce = Prepared("ecg_announce", """
    WITH told AS (
        SELECT gen_random_uuid() AS event_id, webhooks.id AS webhook_id, 'job.' || jobs.status AS event,
               clock_timestamp() AS moment, jobs.*
        FROM jobs JOIN webhooks ON webhooks.user_id = jobs.user_id
        WHERE jobs.id = CAST(:job AS uuid) AND webhooks.disabled_at IS NULL
          AND 'job.' || jobs.status = ANY (webhooks.events)
        FOR KEY SHARE OF webhooks
    )
    INSERT INTO deliveries (id, webhook_id, job_id, kind, status, attempts, payload)
    SELECT event_id, webhook_id, id, event, 'pending', 0, CAST(json_build_object(
        'event_id', event_id, 'event', event, 'created_at', moment, 'job', json_build_object(
            'id', id, 'kind', kind, 'status', status, 'progress', percent, 'video_id', video_id,
            'warnings', warnings, 'error', error, 'created_at', created_at, 'started_at', started_at,
            'finished_at', finished_at)) AS text)
    FROM told
""")


def ping(session: Session, webhook: Webhook) -> Delivery:
    """Send a webhook a test, even one that is switched off; one that arrives switches it on again."""
    under_way = select(Delivery.id).where(Delivery.webhook_id == webhook.id, Delivery.kind == PING,
                                          Delivery.status == DeliveryStatus.PENDING)  # fmt: skip
    if session.scalar(under_way.limit(1)):
        raise Conflict("A test of this webhook is under way; wait for what becomes of it.")
    event_id, moment = str(uuid.uuid4()), session.scalar(select(now()))
    told = {"event_id": event_id, "event": PING, "created_at": moment, "webhook_id": webhook.id}
    delivery = Delivery(id=event_id, webhook_id=webhook.id, kind=PING,
                        payload=json.dumps(told, default=lambda when: when.isoformat()))  # fmt: skip
    session.add(delivery)
    session.flush()
    return delivery


@dataclass(frozen=True)
class Call:
    """An event that one sender may send now. ``sealed``: the secrets that sign it.

    ``attempt`` and ``failures`` count this call already: of this event, and in a row of its webhook if it
    fails.
    """

    event_id: str
    kind: str
    payload: str
    attempt: int
    webhook_id: str
    user_id: str
    url: str
    sealed: tuple[str, ...]
    failures: int


def take(session: Session, most: int, *, busy_users: Collection[str], hold_s: float) -> list[Call]:
    """What is due, at most one event per user and none of the users who are being served, the longest due
    first; due again after ``hold_s``."""
    rows = session.execute(_TAKE, {"most": most, "busy": list(busy_users), "hold_s": hold_s})
    return [Call(**{**row._mapping, "sealed": tuple(filter(None, row.sealed))}) for row in rows]


_TAKE = text("""
    WITH due AS (
        SELECT DISTINCT ON (webhooks.user_id) deliveries.id
        FROM deliveries JOIN webhooks ON webhooks.id = deliveries.webhook_id
        WHERE deliveries.status = 'pending' AND next_attempt_at <= now()
          AND (kind = 'ping' OR disabled_at IS NULL AND coalesce(rests_until <= now(), true))
          AND webhooks.user_id <> ALL (CAST(:busy AS uuid[]))
        ORDER BY webhooks.user_id, next_attempt_at
    ), taken AS (
        SELECT deliveries.id FROM deliveries JOIN due ON due.id = deliveries.id
        WHERE status = 'pending' AND next_attempt_at <= now()
        ORDER BY next_attempt_at LIMIT :most FOR UPDATE OF deliveries SKIP LOCKED
    )
    UPDATE deliveries SET attempts = attempts + 1,
        next_attempt_at = clock_timestamp() + make_interval(secs => :hold_s)
    FROM taken, webhooks
    WHERE deliveries.id = taken.id AND webhooks.id = deliveries.webhook_id
    RETURNING CAST(deliveries.id AS text) AS event_id, kind, payload, attempts AS attempt,
              CAST(webhooks.id AS text) AS webhook_id, CAST(webhooks.user_id AS text) AS user_id, url,
              ARRAY[secret, CASE WHEN old_secret_until > clock_timestamp() THEN old_secret END] AS sealed,
              failures + 1 AS failures
""")


def arrived(session: Session, call: Call, status: int) -> None:
    """The receiver has it; whatever was wrong with the webhook is over."""
    session.execute(_ARRIVED, {"id": call.event_id, "webhook": call.webhook_id, "answer": status})


# Here and below the webhook's row is locked before the event's, as when a webhook is deleted.
_ARRIVED = text("""
    WITH webhook AS (
        SELECT id FROM webhooks WHERE id = CAST(:webhook AS uuid) FOR NO KEY UPDATE
    ), settled AS (
        UPDATE deliveries SET status = 'delivered', delivered_at = clock_timestamp(), last_status = :answer,
            last_error = NULL
        FROM webhook WHERE webhook_id = webhook.id AND deliveries.id = CAST(:id AS uuid)
        RETURNING webhook_id
    )
    UPDATE webhooks SET failures = 0, failing_since = NULL, rests_until = NULL, disabled_at = NULL,
        disabled_why = NULL
    FROM settled WHERE webhooks.id = settled.webhook_id AND (failures > 0 OR disabled_at IS NOT NULL)
""")


def missed(
    session: Session, call: Call, status: int | None, why: str, *, again_s: float, rest_s: float,
    give_up_s: float,
) -> None:  # fmt: skip
    """The receiver does not have it: again after ``again_s``, unless the event is older than ``give_up_s``.

    A test is not repeated, and says nothing about the webhook.
    """
    session.execute(_MISSED, {
        "id": call.event_id, "webhook": call.webhook_id, "attempt": call.attempt, "answer": status,
        "why": why, "again_s": again_s, "rest_s": rest_s, "give_up_s": give_up_s,
    })  # fmt: skip


# Only of the newest attempt: whoever took longer than it had the event for has nothing to say any more.
_MISSED = text("""
    WITH webhook AS (
        SELECT id FROM webhooks WHERE id = CAST(:webhook AS uuid) FOR NO KEY UPDATE
    ), settled AS (
        UPDATE deliveries SET last_status = :answer, last_error = :why,
            next_attempt_at = clock_timestamp() + make_interval(secs => :again_s),
            status = CASE WHEN kind = 'ping'
                            OR created_at < clock_timestamp() - make_interval(secs => :give_up_s)
                          THEN 'failed' ELSE 'pending' END
        FROM webhook WHERE webhook_id = webhook.id AND deliveries.id = CAST(:id AS uuid)
                       AND attempts = :attempt AND status = 'pending'
        RETURNING webhook_id, kind
    ), counted AS (
        SELECT webhooks.id, coalesce(failing_since, clock_timestamp()) AS since
        FROM webhooks JOIN settled ON settled.webhook_id = webhooks.id
        WHERE settled.kind <> 'ping'
    )
    UPDATE webhooks SET failures = failures + 1, failing_since = since,
        rests_until = clock_timestamp() + make_interval(secs => :rest_s),
        disabled_at = CASE WHEN since < clock_timestamp() - make_interval(secs => :give_up_s)
                           THEN clock_timestamp() END,
        disabled_why = CASE WHEN since < clock_timestamp() - make_interval(secs => :give_up_s) THEN :why END
    FROM counted WHERE webhooks.id = counted.id
""")


def page(session: Session, webhook: Webhook, *, offset: int, limit: int) -> tuple[Sequence[Delivery], int]:
    """A page of what a webhook was told or is to be told, newest first, and how much there is."""
    its = select(Delivery).where(Delivery.webhook_id == webhook.id)
    newest_first = its.order_by(Delivery.created_at.desc(), Delivery.id)
    rows = session.scalars(newest_first.offset(offset).limit(limit)).all()
    return rows, session.scalar(select(func.count()).select_from(its.subquery())) or 0


def again(session: Session, webhook: Webhook, event_id: str) -> Delivery:
    """Send an event once more, under its own id, whatever has become of it."""
    its = update(Delivery).where(Delivery.id == event_id, Delivery.webhook_id == webhook.id)
    due = its.values(status=DeliveryStatus.PENDING, next_attempt_at=now(), delivered_at=None)
    found = session.scalar(due.returning(Delivery).execution_options(populate_existing=True))
    if found is None:
        raise NotFound("This webhook was told no such event.")
    return found
