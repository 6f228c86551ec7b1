"""``ecg models``: the weights of the speech engines, brought, listed and checked."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ecg.cli.terminal import TypedErrors
from ecg.config import settings
from ecg.errors import DownloadError
from ecg.speech import hub
from ecg.speech import weights as at
from ecg.speech.weights import CATALOGUE, Locked, Weights


@click.group(cls=TypedErrors)
def models() -> None:
    """Weights of the speech engines, in ECG_MODELS_DIR. Workers use what is there and never download."""


@models.command()
@click.argument("names", nargs=-1)
@click.option("--engine", type=click.Choice(["auto", "whisperx", "faster-whisper"]),
              help="Everything this engine needs. Default: the one of ECG_ENGINE.")  # fmt: skip
@click.option("--language", "languages", multiple=True, default=["en"], show_default=True,
              help="Language to time words in, by whisperx; may be given again.")  # fmt: skip
@click.option("--update", is_flag=True, help="Take the newest revision instead of the one pulled before.")
@click.pass_context
def pull(
    ctx: click.Context, names: tuple[str, ...], engine: str | None, languages: tuple[str, ...], update: bool
) -> None:
    """Bring weights, by NAMES or all that an engine needs; what is there and whole stays.

    Each set stays at the revision it was pulled at, or that ECG was made with, until --update. What is
    refused or cut off does not keep the others from coming; the exit code is then 1.
    """
    config = settings()
    sets = [at.named(name) for name in names] or at.wanted(
        engine or config.engine, config.whisper_model, languages
    )
    if not sets:
        click.echo("The engine needs no weights.")
    failed = [weights.name for weights in sets if not _pulled(weights, config.models_dir, update)]
    ctx.exit(1 if failed else 0)


def _pulled(weights: Weights, models_dir: Path, update: bool) -> bool:
    try:
        hub.pull(weights, models_dir, update=update, say=click.echo)
    except DownloadError as error:
        click.echo(f"{weights.name}: {error.message} [{error.code}]", err=True)
        return False
    return True


@models.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what this machine's engine does not use.")
def list_(everything: bool) -> None:
    """What is there, what is missing, and under which licence."""
    config = settings()
    lock = at.read_lock(config.models_dir)
    used = {weights.name for weights in at.wanted(config.engine, config.whisper_model)}
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "state", "size", "licence", "revision", "for"):
        table.add_column(heading, no_wrap=True)
    for weights in CATALOGUE.values():
        if everything or weights.name in used or (config.models_dir / weights.name).exists():
            table.add_row(*_row(weights, config.models_dir, lock.get(weights.name)))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # a log has no edge to fold at
    if not table.row_count:
        click.echo("The engine of this machine uses none; --all lists what there is.")
        return
    console.print(table)
    console.print(f"in {config.models_dir}", soft_wrap=True)


def _row(weights: Weights, models_dir: Path, locked: Locked | None) -> tuple[str, ...]:
    there = at.is_there(weights, models_dir, locked)
    state = "there" if there else "incomplete" if locked else "missing"
    if there and locked is None:
        state = "put there by hand"
    size_bytes = locked.size_bytes if locked else weights.size_bytes
    size = f"{size_bytes / 1e6:,.0f} MB" if size_bytes else "?"
    revision = locked.revision if locked else weights.revision
    licence = (locked.licence if locked else weights.licence) or "see its page"
    if weights.gated:
        licence += ", to be accepted"
    return weights.name, state, size, licence, revision[:12] or "newest", weights.purpose


@models.command()
@click.argument("names", nargs=-1)
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Read every file that was pulled and compare it; exit code 1 when one is damaged or gone."""
    models_dir = settings().models_dir
    lock = at.read_lock(models_dir)
    chosen = [at.named(name).name for name in names] or list(lock)
    bad = [name for name in chosen if not _whole(name, models_dir, lock.get(name))]
    if not chosen:
        click.echo(f"Nothing was pulled into {models_dir}: `ecg models pull`.")
    ctx.exit(1 if bad else 0)


def _whole(name: str, models_dir: Path, locked: Locked | None) -> bool:
    if locked is None:
        click.echo(f"{name}: was not pulled by ECG, so nothing is known to compare it with.")
        return False
    paths = list(at.damaged(models_dir / name, locked))
    for path in paths:
        click.echo(f"{name}: {path} is damaged or gone; `ecg models pull {name}` fetches it again.")
    if not paths:
        click.echo(f"{name}: {len(locked.files)} files, whole.")
    return not paths
