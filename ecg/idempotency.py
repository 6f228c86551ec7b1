"""Requests that may be sent again: each is answered once, and from then on with that same answer.

A client that got no answer cannot know whether its request was carried out. It sends the request again
under the same key, and gets what it missed. The key's row is part of the transaction that does the work:
whatever happens to this process, both are there or neither is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ecg.errors import IdempotencyMismatch
from ecg.models import IdempotencyKey

# What a row holds until its transaction commits, so nobody ever reads it.
_NO_ANSWER: dict[str, Any] = {"status": 0, "body": {}}


@dataclass(frozen=True)
class Request:
    """A request of a user under a key; ``fingerprint`` is the same only for the same request."""

    user_id: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Answer:
    """What the first sending of a request was answered."""

    status: int
    body: Mapping[str, Any]


def answered(session: Session, request: Request) -> Answer | None:
    """The answer kept for a request; `IdempotencyMismatch` when its key belongs to another request."""
    kept = session.get(IdempotencyKey, (request.user_id, request.key), populate_existing=True)
    if kept is None:
        return None
    if kept.fingerprint != request.fingerprint:
        raise IdempotencyMismatch(
            "This Idempotency-Key was sent with another request before; send a new key with a new request."
        )
    return Answer(kept.status, kept.body)


def begin(session: Session, request: Request) -> Answer | None:
    """Take the key, or give the answer kept under it; ``None`` when the work is ours to do, then to `keep`.

    While an equal request is in flight this waits for the end of its transaction: if that commits, its
    answer is given; if not, the work is ours.
    """
    row = {"user_id": request.user_id, "key": request.key, "fingerprint": request.fingerprint, **_NO_ANSWER}
    take = insert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key)
    while session.scalar(take) is None:
        # Nothing is found only if the key was swept (`ecg.tasks.upkeep`) between the two statements.
        if found := answered(session, request):
            return found
    return None


def keep(session: Session, request: Request, status: int, body: Mapping[str, Any]) -> Answer:
    """Keep the answer under the key taken by `begin`; returns it as every later sending will get it."""
    kept = session.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.user_id == request.user_id, IdempotencyKey.key == request.key)
        .values(status=status, body=dict(body))
        .returning(IdempotencyKey.status, IdempotencyKey.body)
    ).one()
    return Answer(kept.status, kept.body)
