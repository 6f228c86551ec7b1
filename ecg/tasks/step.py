"""The one way a step is run: claim, body, store, commit. Task bodies know nothing of it.

    @step("transcribe")
    def transcribe(work: Work) -> Outcome: …

makes a Celery task with the name and queue of `ecg.jobs.graphs`. Errors, leases, deadlines, logging,
scratch files and what becomes of a failed attempt are here and only here.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import redis
from celery.signals import worker_process_init, worker_process_shutdown

from ecg import progress
from ecg.config import settings
from ecg.db import transaction
from ecg.errors import EcgError, LeaseLost, ProcessingError
from ecg.jobs import attempts
from ecg.jobs.graphs import all_steps
from ecg.jobs.keeper import LeaseKeeper
from ecg.storage import Store, store
from ecg.tasks import app
from ecg.tasks.work import Outcome, Work

log = logging.getLogger(__name__)
Body = Callable[[Work], Outcome]
_SPECS = {spec.name: spec for spec in all_steps()}


def step(name: str) -> Callable[[Body], Body]:
    """Make a task of a body; the body stays a plain function."""

    def register(body: Body) -> Body:
        app.task(name=_SPECS[name].task_name)(_as_task(body))
        return body

    return register


def _as_task(body: Body) -> Callable[[int], None]:
    def run(step_id: int) -> None:
        run_step(body, step_id)

    run.__name__, run.__doc__, run.__module__ = body.__name__, body.__doc__, body.__module__
    return run


def run_step(body: Body, step_id: int) -> None:
    """Work on a step if it is to be had; a second message for the same step returns quietly."""
    with transaction() as session:
        claim = attempts.claim(session, step_id, worker=worker_name(), lease_s=settings().lease_s)
    if claim is None:
        log.info("step %s is not to be had", step_id)
        return
    started_s = time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix=f"{step_id}-{claim.fence}-", dir=scratch_root()))
    shelf = store(settings())
    kept: list[attempts.NewArtifact] = []
    try:
        with keeper().hold(step_id, claim.fence):
            outcome = body(Work(claim, shelf, scratch, ticks()))
            put(shelf, claim, outcome, kept)
        # Not under the keeper any more: its signal must not fall between a commit and our knowing of it.
        commit(claim, outcome, kept)
        log.info("step %s %s done in %.1f s", step_id, claim.name, time.monotonic() - started_s)
    except LeaseLost as error:
        log.warning("step %s %s given up: %s", step_id, claim.name, error.message)
        for artifact in kept:
            shelf.delete(artifact.key)
    except Exception as error:
        record_failure(claim, error)
    except BaseException:
        # SystemExit and KeyboardInterrupt are an orderly shutdown: the step goes back unharmed.
        hand_back(claim)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        announce(claim.job_id)


def put(to: Store, claim: attempts.Claim, outcome: Outcome, kept: list[attempts.NewArtifact]) -> None:
    """Store an attempt's files under its own fence, so that a late attempt overwrites nothing.

    Each is added to ``kept`` before it is written: whoever gives up removes what is listed there.
    """
    shelf = f"{_SPECS[claim.name].shelf}/{claim.job_id}/{claim.step_id}-{claim.fence}"
    for name, path in outcome.artifacts.items():
        kept.append(attempts.NewArtifact(name, f"{shelf}/{name}", path.stat().st_size))
        to.put(f"{shelf}/{name}", path)


def commit(claim: attempts.Claim, outcome: Outcome, kept: list[attempts.NewArtifact]) -> None:
    """Make the result known in one commit; raises `LeaseLost` when the attempt came too late."""
    with transaction() as session:
        attempts.finish(
            session, claim.step_id, claim.fence, result=outcome.result, artifacts=kept,
            added=outcome.added, added_before=outcome.added_before, media_s=outcome.media_s,
            warnings=outcome.warnings,
        )  # fmt: skip


def record_failure(claim: attempts.Claim, error: Exception) -> None:
    """Keep the error with the step; an error nobody foresaw becomes a `ProcessingError`."""
    log.exception("step %s %s failed", claim.step_id, claim.name)
    if not isinstance(error, EcgError):
        error = ProcessingError(
            "Something went wrong inside ECG; requeue the job, and report it if it happens again.",
            cause=f"{type(error).__name__}: {error}"[:500],
        )
    try:
        with transaction() as session:
            attempts.fail(session, claim.step_id, claim.fence, error, max_errors=settings().max_errors)
    except LeaseLost:
        log.warning("step %s had been taken away already", claim.step_id)


def hand_back(claim: attempts.Claim) -> None:
    try:
        with transaction() as session:
            attempts.release(session, claim.step_id, claim.fence)
    except LeaseLost:
        log.warning("step %s had been taken away already", claim.step_id)


def announce(job_id: str) -> None:
    """Wake the streams that follow this job."""
    try:
        progress.announce(ticks(), job_id)
    except redis.RedisError as error:
        log.warning("streams of job %s not woken: %s", job_id, error)


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def scratch_root() -> Path:
    root = settings().scratch_dir
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return root


@cache
def keeper() -> LeaseKeeper:
    """The lease keeper of this worker process."""
    return LeaseKeeper()


@cache
def ticks() -> redis.Redis:
    """The connection for live progress."""
    return progress.connect(settings().progress_url)


@worker_process_init.connect
def _start_keeper(**_: object) -> None:
    keeper()


@worker_process_shutdown.connect
def _end_keeper(**_: object) -> None:
    keeper().close()
