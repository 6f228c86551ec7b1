"""``ecg doctor``: what ECG needs, what is there, and how to get what is not."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ecg import gpu
from ecg.browser.chromium import find_chromium
from ecg.captions import fonts
from ecg.config import Settings, settings
from ecg.errors import EcgError
from ecg.media import encoders, runner
from ecg.speech import weights
from ecg.speech.engine import ENGINES, choose_engine
from ecg.stack import embedded

_ROOMY_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``remedy`` says how to get it when it is not there."""

    name: str
    there: bool
    detail: str
    remedy: str = ""
    required: bool = True

    @property
    def mark(self) -> str:
        if self.there:
            return "[green]ok[/]"
        return "[red]missing[/]" if self.required else "[yellow]absent[/]"


@click.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Look for everything ECG needs; exit code 1 when something required is missing."""
    findings = list(examine(settings()))
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for finding in findings:
        table.add_row(finding.mark, finding.name, finding.detail)
        if not finding.there and finding.remedy:
            table.add_row("", "", f"[dim]→ {finding.remedy}[/]")
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # a log has no edge to fold at
    console.print(table)
    ctx.exit(any(finding.required and not finding.there for finding in findings))


def examine(config: Settings) -> Iterator[Finding]:
    """Everything `doctor` looks at, in the order it says it."""
    yield _python()
    yield from _media(config)
    yield from _browser(config)
    yield from _servers(config)
    yield from _graphics(config)
    yield from _speech(config)
    yield _disk(config.data_dir)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "Install Python 3.11, 3.12 or 3.13.")


def _media(config: Settings) -> Iterator[Finding]:
    for program in ("ffmpeg", "ffprobe"):
        yield _attempt(program, partial(_version, program),
                       "Install ffmpeg 5 or newer (Debian: `apt-get install ffmpeg`).")  # fmt: skip
    offline = runner.is_offline()
    yield Finding("ffmpeg's sandbox", offline, "no network" if offline else "it could reach the network",
                  "The kernel or the container forbids seccomp filters.", required=False)  # fmt: skip


def _version(program: str) -> str:
    words = runner.run([program, "-version"], timeout_s=10).decode().split()
    return f"{words[2]} ({shutil.which(program)})"


def _browser(config: Settings) -> Iterator[Finding]:
    yield _attempt("Chromium", lambda: find_chromium(config.chromium),
                   "Install chromium-headless-shell (Debian: `apt-get install chromium-headless-shell`), or "
                   "set ECG_CHROMIUM to its path.")  # fmt: skip
    if os.geteuid() == 0 and config.chromium_sandbox:
        yield Finding("Chromium's sandbox", False, "Chromium refuses its sandbox to root",
                      "Run ECG as an ordinary user, or set ECG_CHROMIUM_SANDBOX=0.")  # fmt: skip
    elif config.chromium_sandbox:
        yield _attempt("Chromium's sandbox", _name_spaces,
                       "Let users make user name spaces: deploy/chromium-seccomp.json in a container, "
                       "the sysctl kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu.",
                       required=False)  # fmt: skip
    missing = fonts.fonts_ready(config.fonts_dir)
    detail = f"missing in {config.fonts_dir}: {', '.join(missing)}" if missing else str(config.fonts_dir)
    yield Finding("Caption fonts", not missing, detail, "`ecg setup` installs them.")


def _name_spaces() -> str:
    """What the sandbox is built of, made for a moment."""
    runner.run(["unshare", "-Urn", "true"], timeout_s=10)
    return "user name spaces"


def _servers(config: Settings) -> Iterator[Finding]:
    if config.database_url:
        yield Finding("Postgres", True, "the one of DATABASE_URL")
    else:
        yield _attempt("Postgres", lambda: str(embedded.postgres_bin_dir()), "`pip install 'ecg[embedded]'`.")
    if config.redis_url:
        yield Finding("Redis", True, "the one of REDIS_URL")
    else:
        yield _attempt("Redis", lambda: str(embedded.redis_server()), "`pip install 'ecg[embedded]'`.")


def _graphics(config: Settings) -> Iterator[Finding]:
    names = gpu.query("index,name")
    yield Finding("GPU", bool(names), "; ".join(names) or "none: everything runs on the CPU",
                  "Speech is much faster on an NVIDIA GPU.", required=False)  # fmt: skip
    encoder = encoders.pick_encoder("auto")
    hardware = encoder == encoders.HARDWARE
    yield Finding("NVENC", hardware, f"encoder: {encoder}",
                  "libx264 does the same on the CPU; H100-class GPUs have none.", required=False)  # fmt: skip


def _speech(config: Settings) -> Iterator[Finding]:
    for name in ENGINES:
        yield _attempt(f"Speech: {name}", partial(_model, name, config), required=False)
    yield _attempt(f"Speech: {config.engine}", lambda: "uses " + _model(config.engine, config),
                   "Set ECG_ENGINE to one of the above.")  # fmt: skip
    yield _weights(config)
    torch = [d for d in importlib.metadata.distributions() if (d.metadata["Name"] or "").lower() == "torch"]
    yield Finding("torch", bool(torch), torch[0].version if torch else "not installed",
                  "Only the whisperx engine needs it.", required=False)  # fmt: skip


def _weights(config: Settings) -> Finding:
    used = weights.wanted(config.engine, config.whisper_model)
    lacking = weights.missing(used, config.models_dir)
    size = f"{sum(each.size_bytes for each in lacking) / 1e6:,.0f} MB"
    detail = "missing: " + ", ".join(each.name for each in lacking) if lacking else "nothing is missing"
    return Finding("Speech models", not lacking, f"{detail} ({config.models_dir})",
                   f"`ecg models pull` brings them, about {size}.", required=False)  # fmt: skip


def _model(name: str, config: Settings) -> str:
    engine = choose_engine(name, config.models_dir, config.whisper_model)
    return f"{engine.name}, {engine.model}"


def _disk(data_dir: Path) -> Finding:
    there = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    free_bytes = shutil.disk_usage(there).free
    return Finding("Disk", free_bytes > _ROOMY_BYTES, f"{free_bytes / 1024**3:.0f} GiB free for {data_dir}",
                   "Make room, or set ECG_DATA_DIR to a larger disk.")  # fmt: skip


def _attempt(name: str, look: Callable[[], str], remedy: str = "", *, required: bool = True) -> Finding:
    try:
        return Finding(name, True, look(), remedy, required)
    except EcgError as error:
        return Finding(name, False, error.message, remedy, required)
