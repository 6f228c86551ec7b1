"""The command line: ``ecg up`` and the other commands; each is the module of its name.

A command's module is imported when the command is asked for: every Celery worker imports this package
for the sake of ``celery … jobs``, and must not load a browser and speech models with it.
"""

from __future__ import annotations

from importlib import import_module

import click

from ecg import __version__
from ecg.cli.terminal import TypedErrors


class _Commands(TypedErrors):
    """Each command is in the module of its name."""

    _NAMES = ("up", "caption", "doctor", "setup", "models", "migrate", "settings", "storage", "jobs",
              "accounts")  # fmt: skip

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._NAMES:
            return None
        return getattr(import_module(f"ecg.cli.{cmd_name}"), cmd_name)


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="ecg")
def main() -> None:
    """Expressive captions: who speaks, when each word is spoken, and how it is said."""
