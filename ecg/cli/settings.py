"""``ecg settings``: every setting with its meaning, as ``docs/settings.md`` has it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from ecg.config import Settings, variable

_HEAD = """# Settings

Read once from the environment when a process starts. `ecg settings` prints this page.

| Variable | Default | Meaning |
|---|---|---|"""


@click.command()
def settings() -> None:
    """Explain every setting."""
    click.echo(page())


def page() -> str:
    """All of ``docs/settings.md``."""
    rows = (
        f"| `{variable(field)}` | {_default(field.default)} | {field.metadata['doc']} |"
        for field in dataclasses.fields(Settings)
    )
    return "\n".join([_HEAD, *rows])


def _default(value: Any) -> str:
    """As one would write it in the environment; folders depend on the user and are told in words."""
    if value in (None, "", ()) or isinstance(value, Path):
        return ""
    if isinstance(value, bool):
        return f"`{int(value)}`"
    if isinstance(value, frozenset):
        return f"`{','.join(map(str, sorted(value)))}`"
    if isinstance(value, tuple):
        return f"`{value[0]}x{value[1]}`"
    return f"`{value}`"
