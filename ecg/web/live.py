"""Live progress for the API: what Redis knows beyond Postgres, or nothing when Redis is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import cached_property

import redis

from ecg import progress
from ecg.models import ACTIVE_JOBS, Job

log = logging.getLogger(__name__)
# While Redis is away, only one request in this time waits to find that out.
_PAUSE_S = 5.0


class LiveProgress:
    """Asks Redis how far running jobs are; progress is worth a short wait and never an error."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._away_until_s = 0.0
        self._away = False

    @cached_property
    def _client(self) -> redis.Redis:
        return progress.connect(self._url)

    def percents(self, jobs: Sequence[Job]) -> dict[str, float]:
        """How far each job is, 0..100: what is recorded, or the newest tick where that is further."""
        shown = {job.id: job.percent for job in jobs}
        for job in jobs:
            if job.status in ACTIVE_JOBS:
                shown[job.id] = max(job.percent, self._tick(job.id))
        return shown

    def _tick(self, job_id: str) -> float:
        if time.monotonic() < self._away_until_s:
            return 0.0
        try:
            tick = progress.read(self._client, job_id)
        except redis.RedisError as error:
            self._pause(error)
            return 0.0
        self._away = False
        return tick["percent"] if tick else 0.0

    def _pause(self, error: redis.RedisError) -> None:
        self._away_until_s = time.monotonic() + _PAUSE_S
        if not self._away:
            self._away = True
            log.warning("live progress is left out, Redis is away: %s", error)
