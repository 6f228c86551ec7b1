"""Live progress for the API: what Redis knows beyond Postgres, or nothing when Redis is away."""

from __future__ import annotations

from collections.abc import Sequence

from ecg.models import ACTIVE_JOBS, Job
from ecg.progress import Newest, Ticks


class LiveProgress:
    """How far jobs are; progress is worth a short wait and never an error."""

    def __init__(self, ticks: Ticks | Newest) -> None:
        self._ticks = ticks

    def percents(self, jobs: Sequence[Job]) -> dict[str, float]:
        """How far each job is, 0..100: what is recorded, or the newest tick where that is further."""
        return {
            job.id: max(job.percent, self._ticks.read(job.id)) if job.status in ACTIVE_JOBS else job.percent
            for job in jobs
        }
