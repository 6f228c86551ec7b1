"""Accounts and sign-ins.

A sign-in is a family of refresh tokens: each is used once and gives the next. A token used twice was
stolen, from whom nobody can tell, so the whole family is revoked (RFC 9700, section 4.14.2). Access
tokens name their family, so revoking it also ends them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from ecg.db import Prepared
from ecg.errors import Conflict, NotFound, Unauthorized
from ecg.models import SIGN_IN_COUNTS, RefreshToken, User

now = func.clock_timestamp


@dataclass(frozen=True)
class SignIn:
    """Who is signed in, and the ids that his next pair of tokens carries."""

    user: User
    family: str
    jti: str


def sign_up(session: Session, *, email: str, password: str, username: str | None) -> User:
    """A new account; `Conflict` when the e-mail address has one."""
    values = {
        "id": str(uuid.uuid4()), "email": email.lower(), "username": username or email.partition("@")[0],
        "password_hash": generate_password_hash(password),
    }  # fmt: skip
    made = insert(User).values(values).on_conflict_do_nothing(index_elements=["email"]).returning(User)
    user = session.scalars(made).one_or_none()
    if user is None:
        raise Conflict("There is an account with this e-mail address already; sign in instead.")
    return user


def sign_in(session: Session, *, email: str, password: str) -> User:
    """The user, or `Unauthorized`, which takes as long for an unknown address as for a wrong password."""
    unknown = _hash_of_nobody()
    user = session.scalars(select(User).where(User.email == email.lower())).one_or_none()
    right = check_password_hash(user.password_hash if user else unknown, password)
    if user is None or not right:
        raise Unauthorized("The e-mail address or the password is wrong.")
    return user


@cache
def _hash_of_nobody() -> str:
    return generate_password_hash(str(uuid.uuid4()))


def user(session: Session, user_id: str) -> User:
    """The user of an id that came from a valid token."""
    found = session.get(User, user_id)
    if found is None:
        raise Unauthorized("This account is gone; sign up again.")
    return found


def set_unlimited(session: Session, email: str, unlimited: bool) -> None:
    """Exempt an account from all quotas, or no longer."""
    his = update(User).where(User.email == email.lower()).values(unlimited=unlimited).returning(User.id)
    if session.scalar(his) is None:
        raise NotFound(f"There is no account {email}.")


def open_family(session: Session, user: User, *, lifetime_s: int) -> SignIn:
    """Begin a sign-in."""
    return _next(session, user, str(uuid.uuid4()), lifetime_s)


def rotate(session: Session, jti: str, *, lifetime_s: int) -> SignIn | None:
    """Use a refresh token up and give the next, or ``None`` when it does not count any more.

    A token that was used before revokes its family; so that this is kept, the caller must commit and
    only then refuse.
    """
    used = session.execute(
        update(RefreshToken)
        .where(RefreshToken.jti == jti, RefreshToken.used_at.is_(None),
               RefreshToken.revoked_at.is_(None), RefreshToken.expires_at > now())
        .values(used_at=now())
        .returning(RefreshToken.family, RefreshToken.user_id)
    ).one_or_none()  # fmt: skip
    if used is None:
        _revoke_if_reused(session, jti)
        return None
    return _next(session, user(session, used.user_id), used.family, lifetime_s)


def _revoke_if_reused(session: Session, jti: str) -> None:
    token = session.get(RefreshToken, jti)
    if token is not None and token.used_at is not None:
        close_family(session, token.family)


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


def change_password(session: Session, user_id: str, *, old: str, new: str) -> None:
    """Give an account another password, and end all its sign-ins; `Unauthorized` if the old one is wrong."""
    his = user(session, user_id)
    if not check_password_hash(his.password_hash, old):
        raise Unauthorized("The old password is wrong.")
    his.password_hash = generate_password_hash(new)
    close_all(session, user_id)


def is_open(session: Session, user_id: str, family: str) -> bool:
    """Whether a sign-in still counts."""
    return bool(_is_open.row(session, user_id=user_id, family=family).open)


_is_open = Prepared("ecg_is_open", f"SELECT ({SIGN_IN_COUNTS}) AS open")


def _next(session: Session, user: User, family: str, lifetime_s: int) -> SignIn:
    jti = str(uuid.uuid4())
    expires_at = now() + func.make_interval(0, 0, 0, 0, 0, 0, lifetime_s)
    values = {"jti": jti, "family": family, "user_id": user.id, "expires_at": expires_at}
    session.execute(insert(RefreshToken).values(values))
    return SignIn(user, family, jti)
