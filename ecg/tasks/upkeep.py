"""Tasks of beat: removing what nobody needs any more. They may run any number of times."""

from __future__ import annotations

import logging
import shutil
import time

from sqlalchemy import delete, func, select

from ecg.config import settings
from ecg.db import transaction
from ecg.models import ENDED_JOBS, Job, RefreshToken, Step, StepStatus
from ecg.storage import store
from ecg.tasks import app

log = logging.getLogger(__name__)
_TEMP_S = 24 * 3600


@app.task(name="ecg.upkeep.sweep")
def sweep() -> None:
    """Remove scratch folders of dead attempts, temporary files of ended jobs, and tokens of the past."""
    _sweep_scratch()
    _sweep_temp()
    with transaction() as session:
        session.execute(delete(RefreshToken).where(RefreshToken.expires_at < func.clock_timestamp()))


def _sweep_scratch() -> None:
    """Folders are named `step-fence-…`: one whose attempt no longer runs is nobody's."""
    root = settings().scratch_dir
    if not root.is_dir():
        return
    for folder in root.iterdir():
        step_id, _, rest = folder.name.partition("-")
        fence = rest.partition("-")[0]
        with transaction() as session:
            running = session.scalar(
                select(Step.id).where(Step.id == int(step_id), Step.fence == int(fence),
                                      Step.status == StepStatus.RUNNING)
            )  # fmt: skip
        if running is None and time.time() - folder.stat().st_mtime > 60:
            log.info("sweeping %s", folder)
            shutil.rmtree(folder, ignore_errors=True)


def _sweep_temp() -> None:
    shelf = store(settings())
    for key in list(shelf.keys("temp/")):
        job_id = key.split("/")[1]
        with transaction() as session:
            job = session.get(Job, job_id)
            over = job is None or (job.status in ENDED_JOBS and _age_s(job) > _TEMP_S)
        if over:
            shelf.delete(key)


def _age_s(job: Job) -> float:
    return time.time() - job.finished_at.timestamp() if job.finished_at else 0.0
