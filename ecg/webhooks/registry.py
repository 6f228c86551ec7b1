"""The webhooks of users, and the secrets that sign what they are told.

A secret is 256 random bits, shown once. It must be read again to sign, so it is kept sealed under a key that
the database does not hold.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ecg.config import Settings
from ecg.errors import BadRequest, Conflict, NotFound
from ecg.models import User, Webhook
from ecg.secrets import seal, unseal

#: What every secret begins with, so that it is known for one where it leaks.
PREFIX = "whsec_"
MOST_WEBHOOKS = 10
_PURPOSE = "webhooks"


def make(
    session: Session, config: Settings, user_id: str, *, url: str, events: Iterable[str], description: str
) -> tuple[Webhook, str]:
    """A new webhook and its secret, which is not shown again; `Conflict` when its user has too many."""
    _check_port(config, url)
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))  # one by one
    if len(of_user(session, user_id)) >= MOST_WEBHOOKS:
        raise Conflict(f"You have {MOST_WEBHOOKS} webhooks, which is the most; delete one you do not need.")
    secret = _secret()
    webhook = Webhook(user_id=user_id, url=url, events=sorted(set(events)), description=description,
                      secret=seal(config, _PURPOSE, secret))  # fmt: skip
    session.add(webhook)
    session.flush()
    return webhook, secret


def _check_port(config: Settings, url: str) -> None:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if port not in config.egress_ports:
        allowed = ", ".join(map(str, sorted(config.egress_ports)))
        raise BadRequest(f"Port {port} is not called; use one of {allowed}.", port=port)


def _secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def of_user(session: Session, user_id: str) -> Sequence[Webhook]:
    """The webhooks of a user, newest first."""
    his = select(Webhook).where(Webhook.user_id == user_id)
    return session.scalars(his.order_by(Webhook.created_at.desc(), Webhook.id)).all()


def owned(session: Session, user_id: str, webhook_id: str, *, held: bool = False) -> Webhook:
    """The user's webhook; ``held``: nobody else changes it before this transaction ends."""
    mine = select(Webhook).where(Webhook.id == webhook_id, Webhook.user_id == user_id)
    webhook = session.scalar(mine.with_for_update(key_share=True) if held else mine)
    if webhook is None:
        raise NotFound("You have no such webhook.")
    return webhook


def rotate(
    session: Session, config: Settings, user_id: str, webhook_id: str, overlap_s: float
) -> tuple[Webhook, str]:
    """Give a webhook a new secret, which is not shown again; until the overlap ends the old one signs too."""
    webhook, secret = owned(session, user_id, webhook_id, held=True), _secret()
    webhook.old_secret, webhook.secret = webhook.secret, seal(config, _PURPOSE, secret)
    webhook.old_secret_until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, overlap_s)
    session.flush()
    session.refresh(webhook)
    return webhook, secret


def remove(session: Session, user_id: str, webhook_id: str) -> None:
    """Forget a webhook and all that it was still to be told."""
    mine = delete(Webhook).where(Webhook.id == webhook_id, Webhook.user_id == user_id)
    if session.scalar(mine.returning(Webhook.id)) is None:
        raise NotFound("You have no such webhook.")


def readable(config: Settings, sealed: Iterable[str]) -> list[str]:
    """The secrets that can be read; none when the installation's own secret was changed since."""
    return [text for text in (unseal(config, _PURPOSE, one) for one in sealed) if text is not None]
