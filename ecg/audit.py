"""The audit log: who signed in, from where, and who changed what an account may do.

An entry is written in the transaction of what it tells of, so neither is there without the other. It never
holds a password, a token or a key. Entries outlive their accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ecg.models import AuditEntry, User

_LONGEST_AGENT = 200


class Act(StrEnum):
    """What an entry tells of."""

    SIGN_UP = "sign_up"
    SIGN_IN = "sign_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_OUT = "sign_out"
    SIGN_OUT_EVERYWHERE = "sign_out_everywhere"
    REFRESH_REUSED = "refresh_reused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - no password
    PASSWORD_CHANGE_FAILED = "password_change_failed"  # noqa: S105
    KEY_MADE = "key_made"
    KEY_USED = "key_used"
    KEY_REVOKED = "key_revoked"
    ACCOUNT_MADE = "account_made"
    ADMIN_ON = "admin_on"
    ADMIN_OFF = "admin_off"
    UNLIMITED_ON = "unlimited_on"
    UNLIMITED_OFF = "unlimited_off"
    AUDIT_READ = "audit_read"


@dataclass(frozen=True)
class Client:
    """From where something was done; ``address`` is ``None`` on the machine itself."""

    address: str | None
    agent: str


def note(
    session: Session, act: Act, client: Client, *, user_id: str | None = None, email: str | None = None,
    once: ColumnElement[str] | None = None, **details: str,
) -> None:  # fmt: skip
    """Write an entry. ``email``: as it was given; ``once``: a name under which there is only one."""
    agent = "".join(letter if letter.isprintable() else " " for letter in client.agent)
    values = {
        "act": str(act), "user_id": user_id, "email": email and email.lower(), "address": client.address,
        "user_agent": agent[:_LONGEST_AGENT], "once": once, "details": details,
    }  # fmt: skip
    session.execute(insert(AuditEntry).values(values).on_conflict_do_nothing(index_elements=["once"]))


def note_key_used(session: Session, client: Client, user_id: str, key_id: str) -> None:
    """Write that a key was used: once for each address and day (UTC)."""
    once = func.concat_ws(" ", key_id, client.address, func.current_date())
    note(session, Act.KEY_USED, client, user_id=user_id, once=once, key_id=key_id)


def entries(
    session: Session, *, before: int | None, limit: int, act: Act | None, email: str | None
) -> Sequence[AuditEntry]:
    """Entries older than one of them, newest first; ``email``: of this account, or that gave this address."""
    found = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before is not None:
        found = found.where(AuditEntry.id < before)
    if act is not None:
        found = found.where(AuditEntry.act == act)
    if email is not None:
        his = select(User.id).where(User.email == email.lower()).scalar_subquery()
        found = found.where(or_(AuditEntry.email == email.lower(), AuditEntry.user_id == his))
    return session.scalars(found).all()
