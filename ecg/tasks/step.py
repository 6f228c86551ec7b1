"""The one way a step is run: claim, body, store, commit. Task bodies know nothing of it.

    @step("transcribe")
    def transcribe(work: Work) -> Outcome: …

makes a Celery task with the name and queue of `ecg.jobs.graphs`. Errors, leases, deadlines, logging,
scratch files and what becomes of a failed attempt are here and only here.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import tenacity
from celery.signals import worker_process_init, worker_process_shutdown

from ecg.config import settings
from ecg.db import transaction
from ecg.errors import EcgError, LeaseLost, Outage, ProcessingError
from ecg.jobs import attempts
from ecg.jobs.graphs import all_steps
from ecg.jobs.keeper import LeaseKeeper
from ecg.models import Video, VideoStatus
from ecg.progress import Ticks
from ecg.storage import Store, store
from ecg.tasks import app
from ecg.tasks.work import Outcome, Work

log = logging.getLogger(__name__)
_T = TypeVar("_T")
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
    claim = patiently(take, step_id)
    if claim is None:
        log.info("step %s is not to be had", step_id)
        return
    started_s = time.monotonic()
    shelf = store(settings())
    kept: list[attempts.NewArtifact] = []
    try:
        with closing(Work(claim, shelf, scratch_root, ticks())) as work:
            with keeper().hold(step_id, claim.fence):
                outcome = body(work)
                put(work, outcome, kept)
            # Not under the keeper any more: its signal must not fall between a commit and our knowing of it.
            patiently(commit, claim, outcome, kept)
        log.info("step %s %s done in %.1f s", step_id, claim.name, time.monotonic() - started_s)
    except LeaseLost as error:
        log.warning("step %s %s given up: %s", step_id, claim.name, error.message)
        withdraw(shelf, kept)
    except Exception as error:
        log.exception("step %s %s failed", step_id, claim.name)
        patiently(record_failure, claim, typed(error))
    except BaseException:
        # SystemExit and KeyboardInterrupt are an orderly shutdown: the step goes back unharmed.
        hand_back(claim)
        raise


def patiently(do: Callable[..., _T], *arguments: Any) -> _T:
    """Do it, waiting for as long as the database is away: a worker has nothing better to do.

    What was worked out in minutes on a GPU is worth a long wait, and so is a message already taken.
    """
    away = tenacity.retry_if_exception_type(Outage)
    # Leases count again one lease after the database is back (`workers.dispatch`): we are sooner.
    wait = tenacity.wait_random_exponential(multiplier=0.2, max=settings().lease_s / 4)
    for attempt in tenacity.Retrying(retry=away, wait=wait, before_sleep=_say_so):
        with attempt:
            return do(*arguments)
    raise AssertionError("tenacity stops only by returning or raising")


def _say_so(state: tenacity.RetryCallState) -> None:
    log.warning("waiting for the database: %s", state.outcome and state.outcome.exception())


def take(step_id: int) -> attempts.Claim | None:
    with transaction() as session:
        return attempts.claim(session, step_id, worker=worker_name(), lease_s=settings().lease_s)


def put(work: Work, outcome: Outcome, kept: list[attempts.NewArtifact]) -> None:
    """Store an attempt's files; each is added to ``kept`` before it is written, see `withdraw`."""
    shelf = work.shelf(_SPECS[work.claim.name].shelf)
    for name, path in outcome.artifacts.items():
        kept.append(attempts.NewArtifact(name, f"{shelf}/{name}", path.stat().st_size))
        work.store.put(f"{shelf}/{name}", path)


def withdraw(shelf: Store, kept: list[attempts.NewArtifact]) -> None:
    """Remove the files of an attempt that came too late; what is missed here is swept later."""
    for artifact in kept:
        try:
            shelf.delete(artifact.key)
        except Outage as error:
            log.warning("%s is left to the sweep: %s", artifact.key, error.message)


def commit(claim: attempts.Claim, outcome: Outcome, kept: list[attempts.NewArtifact]) -> None:
    """Make the result known in one commit; raises `LeaseLost` when the attempt came too late."""
    with transaction() as session:
        attempts.finish(
            session, claim.step_id, claim.fence, result=outcome.result, artifacts=kept,
            added=outcome.added, added_before=outcome.added_before, media_s=outcome.media_s,
            warnings=outcome.warnings,
        )  # fmt: skip
        if outcome.media is not None:
            session.get_one(Video, claim.video_id).media = dict(outcome.media)
        if outcome.fetched is not None:
            video = session.get_one(Video, claim.video_id)
            video.upload_key, video.size_bytes = outcome.fetched.key, outcome.fetched.size_bytes
            video.status = VideoStatus.READY


def typed(error: Exception) -> EcgError:
    """The error itself if it is one of ours; a full disk is an outage; anything else nobody foresaw."""
    if isinstance(error, EcgError):
        return error
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Outage("The disk for scratch files is full; make room, the step is tried again by itself.",
                      cause=str(error))  # fmt: skip
    return ProcessingError(
        "Something went wrong inside ECG; requeue the job, and report it if it happens again.",
        cause=f"{type(error).__name__}: {error}"[:500],
    )


def record_failure(claim: attempts.Claim, error: EcgError) -> None:
    """Keep the error with the step."""
    try:
        with transaction() as session:
            attempts.fail(session, claim.step_id, claim.fence, error,
                          attempts.Limits.from_settings(settings()))  # fmt: skip
    except LeaseLost:
        log.warning("step %s had been taken away already", claim.step_id)


def hand_back(claim: attempts.Claim) -> None:
    try:
        with transaction() as session:
            attempts.release(session, claim.step_id, claim.fence)
    except (LeaseLost, Outage) as error:
        log.warning("step %s is not handed back: %s", claim.step_id, error.message)


@cache
def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def scratch_root() -> Path:
    """Where the attempts of this machine have their folders."""
    root = settings().scratch_dir
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return root


@cache
def keeper() -> LeaseKeeper:
    """The lease keeper of this worker process."""
    return LeaseKeeper()


@cache
def ticks() -> Ticks:
    """Where this process tells live progress."""
    return Ticks(settings().progress_url)


@worker_process_init.connect
def _start_keeper(**_: object) -> None:
    keeper()


@worker_process_shutdown.connect
def _end_keeper(**_: object) -> None:
    keeper().close()
