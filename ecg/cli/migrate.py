"""``ecg migrate``: bring the tables of a database of your own up to date. ``ecg up`` does it by itself."""

from __future__ import annotations

import click

from ecg import migrations
from ecg.config import settings
from ecg.errors import BadRequest


@click.command()
def migrate() -> None:
    """Bring the database of DATABASE_URL to the newest migration."""
    if not settings().database_url:
        raise BadRequest("DATABASE_URL is not set; the embedded database is migrated by `ecg up`.")
    migrations.upgrade(settings().database_url)
    click.echo("The database is up to date.")
