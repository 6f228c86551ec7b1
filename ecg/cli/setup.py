"""``ecg setup``: what ECG needs once and pip cannot bring."""

from __future__ import annotations

import click

from ecg.captions import fonts
from ecg.config import settings


@click.command()
def setup() -> None:
    """Install the caption fonts (npm packages, exactly as the lock file says)."""
    folder = settings().fonts_dir
    missing = fonts.fonts_ready(folder)
    if not missing:
        click.echo(f"The caption fonts are in {folder} already.")
        return
    click.echo(f"Installing caption fonts with npm into {folder}: {', '.join(missing)}")
    fonts.install(folder)
    click.echo("Done.")
