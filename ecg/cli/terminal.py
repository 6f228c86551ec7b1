"""What all commands share at the terminal: typed errors as one sentence and an exit code."""

from __future__ import annotations

from typing import Any

import click

from ecg.errors import EcgError


class TypedErrors(click.Group):
    """A group whose commands end with the error's sentence and exit code 1, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EcgError as error:
            raise click.ClickException(f"{error.message} [{error.code}]") from error
