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
from sqlalchemy.orm import Session

from ecg.cli.here import use_running_servers
from ecg.cli.terminal import TypedErrors
from ecg.db import transaction
from ecg.errors import EcgError, NotFound
from ecg.events import since
from ecg.jobs import lifecycle, listing
from ecg.jobs.graphs import Queue
from ecg.models import ACTIVE_JOBS, Job, JobKind, JobStatus, Step

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
    """Let failed or cancelled jobs go on at the step that failed; finished steps stay finished.

    A job that is at work already is left alone, and so is one that has failed anew since it was chosen:
    two who requeue the same jobs at once give each of them one new attempt.
    """
    chosen = [str(job_id) for job_id in job_ids]
    if not chosen and code is None and queue is None and older_than is None:
        raise click.UsageError("Name jobs, or choose failed ones by --code, --queue or --older-than.")
    with transaction() as session:
        if chosen:
            known = listing.several(session, chosen)
        else:
            known = {job.id: job for job in listing.failed(session, code=code, queue=queue,
                                                           older_than=older_than)}  # fmt: skip
    chosen = chosen or list(known)
    if dry_run:
        for job_id in chosen:
            _say(f"{job_id} {_prospect(known.get(job_id))}")
        _say(f"{sum(_may_go_on(known.get(job_id)) for job_id in chosen)} jobs would be requeued.")
        return
    ended = {job.id: job.finished_at for job in known.values()}
    ctx.exit(_each(chosen, lambda session, job_id: _requeue(session, job_id, ended.get(job_id))))


def _may_go_on(job: Job | None) -> bool:
    return job is not None and job.status in (JobStatus.FAILED, JobStatus.CANCELLED)


def _prospect(job: Job | None) -> str:
    if job is None:
        return "does not exist"
    told = f"would be requeued: {job.status}" if _may_go_on(job) else f"would be left alone: {job.status}"
    return f"{told}  {_why(job)}".rstrip()


def _requeue(session: Session, job_id: str, ended_at: datetime.datetime | None) -> str:
    job = lifecycle.lock(session, job_id)
    if job.status in ACTIVE_JOBS:
        return f"left alone: {job.status} already"
    if job.status != JobStatus.DONE and job.finished_at != ended_at:
        return f"left alone: {job.status} again since it was chosen  {_why(job)}".rstrip()
    was, why = job.status, _why(job)
    lifecycle.requeue(session, job_id)
    return f"requeued: was {was}  {why}".rstrip()


@jobs.command()
@click.argument("job_ids", nargs=-1, required=True, type=click.UUID)
@click.pass_context
def cancel(ctx: click.Context, job_ids: tuple[Any, ...]) -> None:
    """End waiting or running jobs."""
    ctx.exit(_each([str(job_id) for job_id in job_ids], _cancel))


def _cancel(session: Session, job_id: str) -> str:
    was = lifecycle.lock(session, job_id).status
    lifecycle.cancel(session, job_id)
    return "left alone: cancelled already" if was == JobStatus.CANCELLED else f"cancelled: was {was}"


def _each(job_ids: Iterable[str], do: Callable[[Session, str], str]) -> int:
    """One transaction per job, so that one refusal holds up nothing; the exit code."""
    refused = 0
    for job_id in job_ids:
        try:
            with transaction() as session:
                done = do(session, job_id)
        except EcgError as error:
            refused += 1
            done = f"refused: {error.message}"
        _say(f"{job_id} {done}")
    return 1 if refused else 0


def _say(line: str) -> None:
    _console.print(line, markup=False, soft_wrap=True)


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
