"""``ecg jobs …`` and, as a plug-in of Celery's own command line, ``celery -A ecg.tasks jobs …``.

Both talk to Postgres, where the truth about jobs is; neither the broker nor a worker has to be up.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ecg.cli.here import use_running_servers
from ecg.cli.terminal import TypedErrors
from ecg.db import transaction
from ecg.errors import EcgError, NotFound
from ecg.events import since
from ecg.jobs import lifecycle, listing
from ecg.jobs.graphs import Queue
from ecg.models import Job, JobKind, JobStatus, Step

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_console = Console(highlight=False)
if not _console.is_terminal:
    _console.width = 200  # a log has no edge to fold at


class Duration(click.ParamType):
    """``90s``, ``15m``, ``2h`` or ``3d``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime.timedelta:
        match = re.fullmatch(r"(\d+)([smhd])", str(value))
        if not match:
            self.fail(f"{value!r} is no duration; say 90s, 15m, 2h or 3d", param, ctx)
        return datetime.timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])


@click.group(cls=TypedErrors)
def jobs() -> None:
    """Look at jobs, and put failed ones back to work."""
    use_running_servers()
    with transaction() as session:
        if not listing.has_records(session):
            raise NotFound("This database has no ECG in it: `ecg migrate` makes the tables.")


@jobs.command("list")
@click.option("--status", type=click.Choice([str(status) for status in JobStatus]))
@click.option("--kind", type=click.Choice([str(kind) for kind in JobKind]))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_jobs(status: str | None, kind: str | None, limit: int) -> None:
    """The newest jobs, and why the failed ones failed."""
    with transaction() as session:
        found = listing.newest(session, status=status, kind=kind, limit=limit)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("job", "kind", "status", "%", "created (UTC)", "why"):
        table.add_column(heading, overflow="fold", no_wrap=heading not in {"why"})
    for job in found:
        table.add_row(job.id, job.kind, job.status, f"{job.percent:.0f}", _moment(job.created_at), _why(job))
    _console.print(table)


@jobs.command()
@click.argument("job_id", type=click.UUID)
def show(job_id: Any) -> None:
    """One job: its steps, what became of them, and its events."""
    with transaction() as session:
        job = listing.one(session, str(job_id))
        steps = listing.steps(session, job.id)
        happened = since(session, job.id, 0)
    _console.print(f"{job.kind} {job.id}: {job.status}, {job.percent:.0f} %  {_why(job)}", markup=False)
    _console.print(f"params {json.dumps(job.params, ensure_ascii=False)}", markup=False)
    _console.print(_table_of(steps))
    for event in happened:
        data = json.dumps(event.data, ensure_ascii=False)
        _console.print(f"{_moment(event.created_at)}  {event.kind:<9} {data}", markup=False)


@jobs.command()
@click.argument("job_ids", nargs=-1, type=click.UUID)
@click.option("--code", help="All failed jobs with this error code, such as TIMEOUT_ERROR.")
@click.option("--queue", type=click.Choice([str(queue) for queue in Queue]),
              help="All failed jobs that failed on this queue.")  # fmt: skip
@click.option("--older-than", type=Duration(), help="Only those that failed at least this long ago: 15m, 2h.")
@click.option("--dry-run", is_flag=True, help="Say which jobs it would be, and do nothing.")
@click.pass_context
def requeue(
    ctx: click.Context, job_ids: tuple[Any, ...], code: str | None, queue: str | None,
    older_than: datetime.timedelta | None, dry_run: bool,
) -> None:  # fmt: skip
    """Let failed or cancelled jobs go on at the step that failed; finished steps stay finished."""
    chosen = [str(job_id) for job_id in job_ids]
    if not chosen:
        if code is None and queue is None and older_than is None:
            raise click.UsageError("Name jobs, or choose failed ones by --code, --queue or --older-than.")
        with transaction() as session:
            chosen = listing.failed(session, code=code, queue=queue, older_than=older_than)
    if dry_run:
        _console.print("\n".join([*chosen, f"{len(chosen)} jobs would be requeued."]))
        return
    ctx.exit(_each(chosen, lifecycle.requeue, "requeued"))


@jobs.command()
@click.argument("job_ids", nargs=-1, required=True, type=click.UUID)
@click.pass_context
def cancel(ctx: click.Context, job_ids: tuple[Any, ...]) -> None:
    """End waiting or running jobs."""
    ctx.exit(_each([str(job_id) for job_id in job_ids], lifecycle.cancel, "cancelled"))


def _each(job_ids: Iterable[str], do: Callable[..., Job], done: str) -> int:
    """One transaction per job, so that one refusal holds up nothing; the exit code."""
    refused = 0
    for job_id in job_ids:
        try:
            with transaction() as session:
                job = do(session, job_id)
            _console.print(f"{job_id} {done}: now {job.status}")
        except EcgError as error:
            refused += 1
            _console.print(f"{job_id} not {done}: {error.message}", markup=False)
    return 1 if refused else 0


def _table_of(steps: Iterable[Step]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("step", "queue", "status", "claims", "errors", "losses", "started (UTC)", "s", "why"):
        table.add_column(heading)
    for step in steps:
        table.add_row(step.name, step.queue, step.status, str(step.fence), str(step.errors), str(step.losses),
                      _moment(step.started_at), _seconds(step),
                      (step.error or {}).get("message", ""))  # fmt: skip
    return table


def _seconds(step: Step) -> str:
    if step.started_at is None or step.finished_at is None:
        return ""
    return f"{(step.finished_at - step.started_at).total_seconds():.1f}"


def _why(job: Job) -> str:
    error = job.error or {}
    return f"{error.get('step', '?')}: {error['code']}: {error['message']}" if error else ""


def _moment(moment: datetime.datetime | None) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else ""
