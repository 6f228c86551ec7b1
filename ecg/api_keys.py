"""Keys with which programs act for their users.

A key is 256 random bits, shown once; kept is its SHA-256, which for that much chance needs no salt and no
slow hash.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from ecg.errors import Conflict, NotFound
from ecg.models import ApiKey, User

#: What every key begins with, so that it is known for one where it leaks.
PREFIX = "ecg_"
MOST_KEYS = 50
_SHOWN = len(PREFIX) + 6
now = func.clock_timestamp


class Scope(StrEnum):
    """What a key may do; making keys and changing the account is for people who have signed in."""

    READ = "read"
    WRITE = "write"


def make(session: Session, user_id: str, name: str, scopes: Sequence[Scope]) -> tuple[ApiKey, str]:
    """A new key and its text, which cannot be had again; `Conflict` when its user has too many."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update())  # his keys come one by one
    if len(of_user(session, user_id)) >= MOST_KEYS:
        raise Conflict(f"You have {MOST_KEYS} API keys, which is the most; revoke one that you do not need.")
    text = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(user_id=user_id, name=name, start=text[:_SHOWN], digest=_digest(text),
                 scopes=[str(scope) for scope in scopes])  # fmt: skip
    session.add(key)
    session.flush()
    return key, text


def of_user(session: Session, user_id: str) -> Sequence[ApiKey]:
    """The keys of a user that count, newest first."""
    his = select(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
    return session.scalars(his.order_by(ApiKey.created_at.desc())).all()


def revoke(session: Session, user_id: str, key_id: str) -> None:
    """A key of this user counts no more from the commit on."""
    his = update(ApiKey).where(
        ApiKey.id == key_id, ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None)
    )  # fmt: skip
    if session.scalar(his.values(revoked_at=now()).returning(ApiKey.id)) is None:
        raise NotFound("You have no API key of this id.")


def used(session: Session, text: str) -> ApiKey | None:
    """The key of this text if it counts. That it was used is noted, to the minute."""
    key = session.scalars(
        select(ApiKey).where(ApiKey.digest == _digest(text), ApiKey.revoked_at.is_(None))
    ).one_or_none()
    if key is not None:
        session.execute(_NOTE_USE.where(ApiKey.id == key.id))
    return key


_NOTE_USE = (
    update(ApiKey)
    .where(or_(ApiKey.last_used_at.is_(None),
               ApiKey.last_used_at < now() - func.make_interval(0, 0, 0, 0, 0, 1)))
    .values(last_used_at=now())
    .execution_options(synchronize_session=False)
)  # fmt: skip


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
