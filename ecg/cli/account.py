"""The account that ``ecg caption`` uses: the one named, else one it makes itself and keeps."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from ecg import accounts
from ecg.cli.client import Account, Api, Refused
from ecg.cli.here import use_running_servers
from ecg.db import transaction
from ecg.errors import Unauthorized
from ecg.stack import running

_LOCAL_EMAIL = "you@ecg.example.com"


def local_account(data_dir: Path) -> Account:
    """The account of this data folder's own stack, made at the first use; its file is private."""
    path = running.private_folder(data_dir, "secrets") / "account.json"
    if not path.exists():
        made = {"email": _LOCAL_EMAIL, "password": secrets.token_urlsafe(18)}
        running.write_private(path, json.dumps(made))
    return Account(**json.loads(path.read_text()))


def signed_in(url: str, account: Account, *, make: bool) -> Api:
    """A signed-in client. ``make``: sign up first where the server does not know the account yet."""
    api = Api(url, account)
    try:
        api.sign_in()
    except Unauthorized:
        if not make:
            raise
        _sign_up(api)
        api.sign_in()
    return api


def exempt(account: Account) -> None:
    """Let no quota hold for an account of whoever runs this machine, in the stack that runs on it."""
    use_running_servers()
    with transaction() as session:
        accounts.set_unlimited(session, account.email, True)


def _sign_up(api: Api) -> None:
    try:
        api.sign_up()
    except Refused as error:
        if error.code != "CONFLICT":
            raise
        raise Unauthorized(
            f"The server knows {api.account.email} under another password: name an account of yours with "
            "--email and --password."
        ) from error
