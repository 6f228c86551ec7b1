"""Accounts and sign-ins.

A sign-in is a family of refresh tokens: each is used once and gives the next. A token used twice was
stolen, from whom nobody can tell, so the whole family is revoked (RFC 9700, section 4.14.2). Access
tokens name their family, so revoking it also ends them.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ecg import passwords
from ecg.db import Prepared
from ecg.errors import Conflict, Forbidden, NotFound, Unauthorized
from ecg.models import SIGN_IN_COUNTS, Identity, RefreshToken, UsedState, User

now = func.clock_timestamp
_NO_PASSWORD = ""


@dataclass(frozen=True)
class SignIn:
    """Who is signed in, and the ids that his next pair of tokens carries."""

    user: User
    family: str
    jti: str


def sign_up(session: Session, *, email: str, password: str | None, username: str | None) -> User:
    """A new account, without a password for who signs in elsewhere; `Conflict` when the address has one."""
    values = {
        "id": str(uuid.uuid4()), "email": email.lower(), "username": username or email.partition("@")[0],
        "password_hash": passwords.hashed(password) if password else _NO_PASSWORD,
    }  # fmt: skip
    made = insert(User).values(values).on_conflict_do_nothing(index_elements=["email"]).returning(User)
    user = session.scalars(made).one_or_none()
    if user is None:
        raise Conflict("There is an account with this e-mail address already; sign in with its password.")
    return user


def sign_in(session: Session, *, email: str, password: str) -> User | None:
    """The user, or ``None``, which takes as long for an unknown address as for a wrong password."""
    unknown = _hash_of_nobody()
    user = session.scalars(select(User).where(User.email == email.lower())).one_or_none()
    kept = user.password_hash if user else _NO_PASSWORD
    if not passwords.is_right(password, kept or unknown) or user is None:
        return None
    if passwords.is_outdated(kept):
        # Only if nobody has changed the password in the meantime.
        unchanged = update(User).where(User.id == user.id, User.password_hash == kept)
        session.execute(unchanged.values(password_hash=passwords.hashed(password)))
    return user


def sign_in_elsewhere(session: Session, *, provider: str, subject: str, email: str) -> tuple[User, bool]:
    """The user whom a provider vouches for, and whether the account was made just now.

    An account that is there already is never taken over because its e-mail address is the same: `Conflict`.
    """
    identity = session.get(Identity, (provider, subject))
    if identity is not None:
        return user(session, identity.user_id), False
    made = sign_up(session, email=email, password=None, username=None)
    session.execute(insert(Identity).values(provider=provider, subject=subject, user_id=made.id))
    return made, True


def use_state(session: Session, state: str, *, lifetime_s: int) -> bool:
    """Use up the state of a sign-in elsewhere; ``False`` when it has been used before."""
    values = {"digest": hashlib.sha256(state.encode()).hexdigest(), "expires_at": _in(lifetime_s)}
    first = insert(UsedState).values(values).on_conflict_do_nothing().returning(UsedState.digest)
    return session.scalar(first) is not None


@cache
def _hash_of_nobody() -> str:
    return passwords.hashed(str(uuid.uuid4()))


def user(session: Session, user_id: str) -> User:
    """The user of an id that came from a valid token."""
    found = session.get(User, user_id)
    if found is None:
        raise Unauthorized("This account is gone; sign up again.")
    return found


def check_admin(session: Session, user_id: str) -> None:
    """Pass for admins; `Forbidden` for others."""
    if not user(session, user_id).admin:
        raise Forbidden("This is for admins; whoever runs ECG makes one with `ecg accounts admin`.")


def set_admin(session: Session, email: str, admin: bool) -> str:
    """Let an account see what concerns all accounts, or no longer; its id."""
    return _set(session, email, admin=admin)


def set_unlimited(session: Session, email: str, unlimited: bool) -> str:
    """Exempt an account from all quotas, or no longer; its id."""
    return _set(session, email, unlimited=unlimited)


def _set(session: Session, email: str, **values: bool) -> str:
    his = update(User).where(User.email == email.lower()).values(values).returning(User.id)
    if (user_id := session.scalar(his)) is None:
        raise NotFound(f"There is no account {email}.")
    return user_id


def open_family(session: Session, user: User, *, lifetime_s: int) -> SignIn:
    """Begin a sign-in."""
    return _next(session, user, str(uuid.uuid4()), lifetime_s)


def rotate(session: Session, jti: str, *, lifetime_s: int, grace_s: int = 0) -> SignIn | None:
    """Use a refresh token up and give the next, or ``None`` when it does not count any more.

    ``grace_s``: for so long after its use it counts again, for browsers whose tabs share one token, or that
    never got the answer.
    """
    counts = (RefreshToken.jti == jti, RefreshToken.revoked_at.is_(None), RefreshToken.expires_at > now())
    whose = (RefreshToken.family, RefreshToken.user_id)
    first = update(RefreshToken).where(*counts, RefreshToken.used_at.is_(None)).values(used_at=now())
    again = select(*whose).where(*counts, RefreshToken.used_at > _in(-grace_s))
    used = session.execute(first.returning(*whose)).one_or_none() or session.execute(again).one_or_none()
    if used is None:
        return None
    return _next(session, user(session, used.user_id), used.family, lifetime_s)


def revoke_if_reused(session: Session, jti: str) -> bool:
    """End the sign-in of a refresh token that did not count because it was used before; whether that was so.

    So that this is kept, the caller must commit and only then refuse.
    """
    token = session.get(RefreshToken, jti)
    reused = token is not None and token.used_at is not None and token.revoked_at is None
    if token is not None and reused:
        close_family(session, token.family)
    return reused


def close_family(session: Session, family: str) -> None:
    """End a sign-in: none of its tokens counts from the commit on."""
    session.execute(
        update(RefreshToken)
        .where(RefreshToken.family == family, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=now())
    )


def close_all(session: Session, user_id: str) -> None:
    """End every sign-in of a user."""
    session.execute(
        update(RefreshToken)
        .where(RefreshToken.user_id == user_id, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=now())
    )


def change_password(session: Session, user_id: str, *, old: str, new: str) -> bool:
    """Give an account another password, and end all its sign-ins; ``False`` if the old one is wrong."""
    his = user(session, user_id)
    if not passwords.is_right(old, his.password_hash or _hash_of_nobody()):
        return False
    his.password_hash = passwords.hashed(new)
    close_all(session, user_id)
    return True


def is_open(session: Session, user_id: str, family: str) -> bool:
    """Whether a sign-in still counts."""
    return bool(_is_open.row(session, user_id=user_id, family=family).open)


_is_open = Prepared("ecg_is_open", f"SELECT ({SIGN_IN_COUNTS}) AS open")


def _next(session: Session, user: User, family: str, lifetime_s: int) -> SignIn:
    jti = str(uuid.uuid4())
    values = {"jti": jti, "family": family, "user_id": user.id, "expires_at": _in(lifetime_s)}
    session.execute(insert(RefreshToken).values(values))
    return SignIn(user, family, jti)


def _in(seconds: int) -> Any:
    return now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
