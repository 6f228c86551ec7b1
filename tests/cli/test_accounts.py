from __future__ import annotations

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from ecg import accounts
from ecg.cli import main
from ecg.db import transaction
from ecg.models import AuditEntry, User

pytestmark = pytest.mark.usefixtures("database")


def ecg(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(main, ["accounts", *arguments], input=given)


def written() -> list[tuple[str, str | None]]:
    """Acts in the audit log, and on whose account."""
    with transaction() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert all(row.address is None and row.user_agent.startswith("ecg accounts") for row in rows)
    return [(row.act, row.user_id) for row in rows]


def test_an_admin_is_made_with_a_password_from_standard_input():
    answer = ecg("create", "Ann@example.org", "--admin", given="battery staple\n")
    assert answer.exit_code == 0, answer.output
    assert "battery" not in answer.output
    with transaction() as session:
        user = accounts.sign_in(session, email="ann@example.org", password="battery staple")
    assert user is not None
    assert (user.admin, user.username) == (True, "Ann")
    assert written() == [("account_made", user.id), ("admin_on", user.id)]


def test_an_account_keeps_to_what_a_sign_up_must():
    for email, given, told in (
        ("ann@example.org", "short\n", "password: "),
        ("ann@example.org", "", "password: "),
        ("ann", "battery staple\n", "email: "),
    ):
        answer = ecg("create", email, given=given)
        assert answer.exit_code == 1
        assert told in answer.output
        assert "[BAD_REQUEST]" in answer.output
    assert ecg("create", "ann@example.org", given="battery staple\n").exit_code == 0
    assert "[CONFLICT]" in ecg("create", "ann@example.org", given="battery staple\n").output


def test_an_account_becomes_an_admin_and_is_none_any_more():
    ecg("create", "ann@example.org", given="battery staple\n")
    for arguments, admin in (((), True), (("--off",), False)):
        assert ecg("admin", "Ann@example.org", *arguments).exit_code == 0
        with transaction() as session:
            user = session.scalars(select(User)).one()
        assert user.admin is admin
    assert written() == [("account_made", user.id), ("admin_on", user.id), ("admin_off", user.id)]
    assert "There is no account" in ecg("admin", "nobody@example.org").output


def test_an_account_is_exempted_from_quotas_and_no_longer():
    with transaction() as session:
        user = accounts.sign_up(session, email="ann@example.org", password="long enough", username=None)
    for arguments, unlimited in (((), True), (("--off",), False)):
        assert ecg("unlimited", "Ann@example.org", *arguments).exit_code == 0
        with transaction() as session:
            assert session.get_one(User, user.id).unlimited is unlimited


def test_an_account_that_does_not_exist_is_told():
    answer = ecg("unlimited", "nobody@example.org")
    assert answer.exit_code == 1
    assert "There is no account nobody@example.org." in answer.output
