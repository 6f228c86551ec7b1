"""Alembic's migrations, carried in the package so that an installed ECG can bring its database up."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config


def config(database_url: str) -> Config:
    """Alembic's configuration for a database."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["database_url"] = database_url
    return made


def upgrade(database_url: str) -> None:
    """Bring a database to the newest migration. Safe to run from several processes at once."""
    command.upgrade(config(database_url), "head")
