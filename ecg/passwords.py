"""Passwords as they are kept: argon2id, salted.

Accounts from before have scrypt, which still counts; `is_outdated` says what to replace once the password
is at hand.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from werkzeug.security import check_password_hash

_HASHER = PasswordHasher()
_ARGON2 = "$argon2"


def hashed(password: str) -> str:
    """What to keep of a password. It is slow on purpose, and never the same twice."""
    return _HASHER.hash(password)


def is_right(password: str, kept: str) -> bool:
    """Whether this is the password that was kept."""
    if not kept.startswith(_ARGON2):
        return check_password_hash(kept, password)
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether it was kept in another way, or with other parameters, than today's."""
    return not kept.startswith(_ARGON2) or _HASHER.check_needs_rehash(kept)
