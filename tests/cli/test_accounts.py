from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from ecg import accounts
from ecg.cli import main
from ecg.db import transaction
from ecg.models import User

pytestmark = pytest.mark.usefixtures("database")


def ecg(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["accounts", *arguments])


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
