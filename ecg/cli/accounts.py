"""``ecg accounts``: what whoever runs ECG decides about accounts."""

from __future__ import annotations

import click

from ecg import accounts as records
from ecg.cli.here import use_running_servers
from ecg.cli.terminal import TypedErrors
from ecg.db import transaction


@click.group(cls=TypedErrors)
def accounts() -> None:
    """Decide what an account may do."""
    use_running_servers()


@accounts.command()
@click.argument("email")
@click.option("--off", is_flag=True, help="Let the quotas hold again.")
def unlimited(email: str, off: bool) -> None:
    """Exempt the account of EMAIL from all quotas."""
    with transaction() as session:
        records.set_unlimited(session, email, not off)
    click.echo(f"{email}: {'quotas hold' if off else 'no quota holds'}.")
