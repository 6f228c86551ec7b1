"""``ecg accounts``: what whoever runs ECG decides about accounts."""

from __future__ import annotations

import os
import sys

import click
from pydantic import ValidationError

from ecg import accounts as records
from ecg import audit
from ecg.audit import Act
from ecg.cli.here import use_running_servers
from ecg.cli.terminal import TypedErrors
from ecg.db import transaction
from ecg.web.errors import refuse_body
from ecg.web.requests import SignUpBody


@click.group(cls=TypedErrors)
def accounts() -> None:
    """Make accounts, and decide what they may do."""
    use_running_servers()


@accounts.command()
@click.argument("email")
@click.option("--username", help="What to call its owner. Default: the e-mail address up to the @.")
@click.option("--admin", is_flag=True, help="Make it an admin.")
def create(email: str, username: str | None, admin: bool) -> None:
    """Make an account for EMAIL. The password is asked for, or is the first line of standard input."""
    body = _checked(email, _password(), username)
    with transaction() as session:
        user = records.sign_up(session, email=body.email, password=body.password, username=body.username)
        audit.note(session, Act.ACCOUNT_MADE, _here(), user_id=user.id, email=user.email)
        if admin:
            records.set_admin(session, user.email, True)
            audit.note(session, Act.ADMIN_ON, _here(), user_id=user.id, email=user.email)
    click.echo(f"{user.email}: made{', an admin' if admin else ''}.")


@accounts.command()
@click.argument("email")
@click.option("--off", is_flag=True, help="Make it an account like others again.")
def admin(email: str, off: bool) -> None:
    """Let the account of EMAIL see what concerns all accounts: the audit log."""
    with transaction() as session:
        user_id = records.set_admin(session, email, not off)
        audit.note(session, Act.ADMIN_OFF if off else Act.ADMIN_ON, _here(), user_id=user_id, email=email)
    click.echo(f"{email}: {'no admin any more' if off else 'an admin'}.")


@accounts.command()
@click.argument("email")
@click.option("--off", is_flag=True, help="Let the quotas hold again.")
def unlimited(email: str, off: bool) -> None:
    """Exempt the account of EMAIL from all quotas."""
    with transaction() as session:
        user_id = records.set_unlimited(session, email, not off)
        act = Act.UNLIMITED_OFF if off else Act.UNLIMITED_ON
        audit.note(session, act, _here(), user_id=user_id, email=email)
    click.echo(f"{email}: {'quotas hold' if off else 'no quota holds'}.")


def _password() -> str:
    # Never from an argument, which every user of the machine can read.
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\r\n")


def _checked(email: str, password: str, username: str | None) -> SignUpBody:
    """What a sign-up must keep to as well; `BadRequest` when it does not."""
    try:
        return SignUpBody(email=email, password=password, username=username)
    except ValidationError as error:
        refuse_body(error)


def _here() -> audit.Client:
    return audit.Client(None, f"ecg accounts, by user {os.getuid()} of the machine")
