"""How passwords are kept, and that those kept in older ways still count."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from werkzeug.security import generate_password_hash

from ecg import passwords

PASSWORD = "correct horse"
OLDER = (generate_password_hash(PASSWORD), PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD))


def test_a_password_is_kept_as_salted_argon2id() -> None:
    kept = passwords.hashed(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert kept != passwords.hashed(PASSWORD)
    assert passwords.is_right(PASSWORD, kept)
    assert not passwords.is_right(PASSWORD + "!", kept)
    assert not passwords.is_outdated(kept)


@pytest.mark.parametrize("kept", OLDER, ids=["scrypt", "argon2id with other parameters"])
def test_an_older_way_still_counts_and_is_known_for_one(kept: str) -> None:
    assert passwords.is_right(PASSWORD, kept)
    assert not passwords.is_right(PASSWORD + "!", kept)
    assert passwords.is_outdated(kept)


@pytest.mark.parametrize("kept", ["", "$argon2id$", "$argon2id$v=19$m=1$x"])
def test_what_no_password_was_kept_as_is_right_for_none(kept: str) -> None:
    assert not passwords.is_right("", kept)
