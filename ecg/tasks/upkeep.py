"""Tasks of beat: removing what nobody needs any more. They may run any number of times, at any moment.

Whether a file is still needed is asked of the record, file by file, and never guessed from its age
alone; what does not look like a file of ours is left alone. A part that fails is logged, and the rest
goes on.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import TextClause, delete, exists, func, select, text

from ecg.config import settings
from ecg.db import transaction
from ecg.errors import EcgError
from ecg.models import (
    ENDED_JOBS,
    AuditEntry,
    Delivery,
    IdempotencyKey,
    Job,
    RefreshToken,
    Step,
    StepStatus,
    Upload,
    UsedState,
    Video,
    VideoStatus,
)
from ecg.storage import Store, store
from ecg.tasks import app

log = logging.getLogger(__name__)
_BATCH = 500
_SCRATCH_GRACE_S = 60
#: A file is looked at when it is older; longer than any request that puts one before its row.
_GRACE_S = 3600.0
_TEMP_S = 24 * 3600
_UPLOADING_S = 24 * 3600
_ANSWERS_S = 48 * 3600
#: How long people can look up what their webhooks were told.
_DELIVERIES_S = 30 * 86400
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: What an attempt put: it begins with the attempt's name, `ecg.tasks.step.put` gives it.
_MADE = re.compile(rf"\w+/(?P<job>{_UUID})/(?P<step>\d{{1,18}})-(?P<fence>\d{{1,9}})/.+")
_BROUGHT = re.compile(rf"uploads/{_UUID}/(?P<video>{_UUID})/.+")
_SENT = re.compile(rf"temp/{_UUID}/sent")
_SCRATCH = re.compile(r"(?P<step>\d{1,18})-(?P<fence>\d{1,9})-.+")


@app.task(name="ecg.upkeep.sweep")
def sweep() -> None:
    """Remove leftovers: of attempts that died, of jobs long ended, of uploads given up, of requests past."""
    for part in (_sweep_scratch, _sweep_temp, _sweep_uploading, sweep_orphans, _sweep_store, _sweep_rows):
        try:
            part()
        except Exception:
            log.exception("%s broke off", part.__name__.lstrip("_"))


def sweep_orphans(grace_s: float = _GRACE_S) -> None:
    """Remove files older than the grace that no record names and no running attempt will commit."""
    shelf = store(settings())
    for folder in ("analyzed/", "rendered/", "temp/"):
        _sweep_keys(shelf, folder, _MADE, _UNMADE, grace_s)
    _sweep_keys(shelf, "uploads/", _BROUGHT, _UNBROUGHT, grace_s)
    _sweep_keys(shelf, "temp/", _SENT, _UNEXPECTED, grace_s)


# One statement sees one moment: an attempt either still runs then, or its artifacts are there.
_UNMADE = text("""
    SELECT found.key
    FROM unnest(CAST(:key AS text[]), CAST(:job AS uuid[]), CAST(:step AS bigint[]), CAST(:fence AS int[]))
        AS found(key, job, step, fence)
    WHERE NOT EXISTS (SELECT FROM artifacts WHERE artifacts.key = found.key)
      AND NOT EXISTS (SELECT FROM steps WHERE steps.id = found.step AND steps.job_id = found.job
                      AND steps.fence = found.fence AND steps.status = 'running')
""")
_UNBROUGHT = text("""
    SELECT found.key FROM unnest(CAST(:key AS text[]), CAST(:video AS uuid[])) AS found(key, video)
    WHERE NOT EXISTS (SELECT FROM videos WHERE videos.id = found.video)
       OR found.key LIKE '%/scenario-%' AND NOT EXISTS (
           SELECT FROM jobs WHERE jobs.video_id = found.video AND jobs.params->>'scenario_key' = found.key)
       OR found.key LIKE '%/project-%' AND NOT EXISTS (
           SELECT FROM projects JOIN project_versions ON project_versions.project_id = projects.id
           WHERE projects.video_id = found.video AND project_versions.key = found.key
       ) AND NOT EXISTS (
           SELECT FROM jobs WHERE jobs.video_id = found.video AND jobs.params->>'project_key' = found.key)
       OR found.key LIKE '%/source%' AND NOT EXISTS (
           SELECT FROM videos WHERE videos.upload_key = found.key)
""")
# A link may be used again after the upload is complete.
_UNEXPECTED = text("""
    SELECT found.key FROM unnest(CAST(:key AS text[])) AS found(key)
    WHERE NOT EXISTS (SELECT FROM uploads WHERE uploads.key = found.key)
""")
_OF_PAST_JOBS = text("""
    SELECT found.key FROM unnest(CAST(:key AS text[]), CAST(:job AS uuid[])) AS found(key, job)
    JOIN jobs ON jobs.id = found.job
    WHERE jobs.status = ANY(:ended) AND jobs.finished_at < clock_timestamp() - make_interval(secs => :after_s)
""")


def _sweep_temp() -> None:
    """Pieces of a job stay for a day after its end: it may be requeued, and goes on from them."""
    ended = [str(status) for status in ENDED_JOBS]
    _sweep_keys(store(settings()), "temp/", _MADE, _OF_PAST_JOBS, 0.0, ended=ended, after_s=_TEMP_S)


def _sweep_keys(
    shelf: Store, prefix: str, form: re.Pattern[str], which: TextClause, grace_s: float, **given: Any
) -> None:
    """Delete the files that a query picks, asked a batch at a time: a store may have any number of them.

    The query gets the keys of the given form and its groups, as arrays under their names.
    """
    found = filter(None, map(form.fullmatch, shelf.keys(prefix, older_than_s=grace_s)))
    while batch := list(islice(found, _BATCH)):
        arrays = {name: [match[name] for match in batch] for name in form.groupindex}
        with transaction() as session:
            keys = session.scalars(which, {"key": [match[0] for match in batch], **arrays, **given}).all()
        _delete(shelf, keys)


def _delete(shelf: Store, keys: Collection[str]) -> None:
    for key in keys:
        try:
            shelf.delete(key)
            log.info("swept %s", key)
        except EcgError as error:
            log.warning("%s not swept: %s", key, error.message)


def _sweep_uploading() -> None:
    """Forget videos whose file never came, or came and was never completed; what came goes with them."""
    # One that is to be fetched has a job, which tells what became of it.
    nobody = ~exists().where(Job.video_id == Video.id)
    late = Video.created_at < func.clock_timestamp() - _seconds(_UPLOADING_S)
    given_up = select(Video.id).where(Video.status == VideoStatus.UPLOADING, late, nobody)
    with transaction() as session:
        ids = session.scalars(given_up.with_for_update(skip_locked=True)).all()
        uploads = session.scalars(select(Upload).where(Upload.video_id.in_(ids))).all()
        session.execute(delete(Video).where(Video.id.in_(ids)))
    # Should this process die here, what came is an orphan, or parts of old, and swept as such.
    shelf = store(settings())
    _delete(shelf, [upload.key for upload in uploads])
    for upload in uploads:
        if upload.parts_id:
            shelf.drop_parts(upload.key, upload.parts_id)


def _sweep_store() -> None:
    store(settings()).sweep()


def _sweep_rows() -> None:
    moment = func.clock_timestamp()
    with transaction() as session:
        session.execute(delete(RefreshToken).where(RefreshToken.expires_at < moment))
        session.execute(delete(UsedState).where(UsedState.expires_at < moment))
        if days := settings().audit_days:
            session.execute(delete(AuditEntry).where(AuditEntry.created_at < moment - _seconds(days * 86400)))
        past = IdempotencyKey.created_at < moment - _seconds(_ANSWERS_S)
        session.execute(delete(IdempotencyKey).where(past))
        told = Delivery.created_at < moment - _seconds(_DELIVERIES_S)
        session.execute(delete(Delivery).where(told))


def _seconds(amount: float) -> Any:
    return func.make_interval(0, 0, 0, 0, 0, 0, amount)


def _sweep_scratch() -> None:
    root = settings().scratch_dir
    if not root.is_dir():
        return
    for folder in root.iterdir():
        attempt = _SCRATCH.fullmatch(folder.name)
        if attempt and not _is_running(int(attempt["step"]), int(attempt["fence"])) and _is_old(folder):
            log.info("sweeping %s", folder)
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(step_id: int, fence: int) -> bool:
    with transaction() as session:
        return session.scalar(
            select(Step.id).where(Step.id == step_id, Step.fence == fence, Step.status == StepStatus.RUNNING)
        ) is not None  # fmt: skip


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _SCRATCH_GRACE_S
    except FileNotFoundError:
        return False  # its attempt has just ended, and removed it
