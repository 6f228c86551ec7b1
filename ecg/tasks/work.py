"""What a task body gets: its inputs as local files, a scratch folder, and a way to tell how far it is."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ecg.config import settings
from ecg.db import transaction
from ecg.errors import NotFound, Outage, ProcessingError
from ecg.jobs import attempts
from ecg.jobs.attempts import Claim, NewArtifact
from ecg.jobs.graphs import StepSpec
from ecg.media.probe import Limits, MediaInfo, probe
from ecg.models import Artifact, Job, Step, StepStatus, Video
from ecg.progress import Ticks
from ecg.storage import Store
from ecg.storage.digest import check_sha256

log = logging.getLogger(__name__)
_TICK_S = 0.5


@dataclass(frozen=True)
class Fetched:
    """The file of a video that had none: where the store has it now."""

    key: str
    size_bytes: int


@dataclass
class Outcome:
    """What a task body returns: files to keep (name → path), data for the row, steps to add.

    ``media``: what was found out about the video itself (`MediaInfo`).
    """

    artifacts: Mapping[str, Path] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    media_s: float | None = None
    added: tuple[tuple[StepSpec, float, dict[str, Any]], ...] = ()
    added_before: str = ""
    media: Mapping[str, Any] | None = None
    fetched: Fetched | None = None


class Work:
    """One claimed step, seen from its task body."""

    def __init__(self, claim: Claim, store: Store, scratch_root: Callable[[], Path], ticks: Ticks) -> None:
        self.claim, self.store = claim, store
        self.params, self.step_params = claim.job_params, claim.step_params
        self._scratch_root, self._ticks = scratch_root, ticks
        self._last_tick_s = 0.0

    @cached_property
    def scratch(self) -> Path:
        """A folder for the files of this attempt, gone afterwards; its name tells the sweep whose it is."""
        prefix = f"{self.claim.step_id}-{self.claim.fence}-"
        return Path(tempfile.mkdtemp(prefix=prefix, dir=self._scratch_root()))

    def close(self) -> None:
        """Remove what the attempt has written here."""
        if "scratch" in vars(self):
            shutil.rmtree(self.scratch, ignore_errors=True)

    def out(self, name: str) -> Path:
        """Where to write a file of this step."""
        return self.scratch / name

    def source(self) -> Path:
        """The uploaded file."""
        with transaction() as session:
            key = session.get_one(Video, self.claim.video_id).upload_key
        return self.store.fetch(key, self.scratch)

    def announced_source(self) -> Path:
        """The uploaded file; `ChecksumMismatch` when it is not the one that its user announced."""
        path = self.source()
        with transaction() as session:
            sha256 = session.get_one(Video, self.claim.video_id).sha256
        if sha256:
            with path.open("rb") as file:
                check_sha256(file, sha256)
        return path

    def bring(self, path: Path) -> Fetched:
        """Put the file of a video that has none into the store; the step's commit makes it the video's."""
        with transaction() as session:
            folder = session.get_one(Video, self.claim.video_id).upload_key.rpartition("/")[0]
        # Named by the attempt: what a late one brings is not what was looked at.
        fetched = Fetched(f"{folder}/source-{self.claim.fence}", path.stat().st_size)
        self.store.put(fetched.key, path)
        return fetched

    def media(self) -> MediaInfo:
        """What ingesting the upload has found out about it; found out now when it was analysed elsewhere."""
        with transaction() as session:
            media = session.get_one(Video, self.claim.video_id).media
        if media is None:
            return probe(self.source(), Limits.from_settings(settings()))
        return MediaInfo.from_json(media)

    def input(self, step: str, name: str, job_id: str | None = None) -> Path:
        """A file that another step left; `ProcessingError` when there is none."""
        path = self.find(step, name, job_id)
        if path is None:
            raise ProcessingError(f"The step {step} left no {name}; requeue the job that makes it.")
        return path

    def find(self, step: str, name: str, job_id: str | None = None) -> Path | None:
        """A file that another step left, if it did."""
        keys = self._keys(step, name, job_id)
        return self.store.fetch(keys[0], self.scratch) if keys else None

    def inputs(self, step: str, name: str) -> list[Path]:
        """The files of all steps of a name, in the order of the steps."""
        return [self.store.fetch(key, self.scratch) for key in self._keys(step, name, None)]

    def results(self, step: str) -> list[Mapping[str, Any]]:
        """What the steps of a name returned, in their order."""
        query = select(Step.result).where(
            Step.job_id == self.claim.job_id, Step.name == step, Step.status == StepStatus.DONE
        )
        with transaction() as session:
            return [result or {} for result in session.scalars(query.order_by(Step.id))]

    def _keys(self, step: str, name: str, job_id: str | None) -> list[str]:
        query = (
            select(Artifact.key)
            .join(Step, Step.id == Artifact.step_id)
            .where(Artifact.job_id == (job_id or self.claim.job_id), Step.name == step, Artifact.name == name)
        )
        with transaction() as session:
            return list(session.scalars(query.order_by(Step.id)))

    def progress(self, fraction: float) -> None:
        """Tell how far this step is, 0..1. Losing a tick is no error."""
        moment = time.monotonic()
        if moment - self._last_tick_s < _TICK_S:
            return
        self._last_tick_s = moment
        try:
            percent = self._finished() + self.claim.weight * min(max(fraction, 0.0), 1.0)
        except Outage as error:
            log.warning("progress of job %s not told: %s", self.claim.job_id, error.message)
            return
        self._ticks.publish(self.claim.job_id, min(percent, 99.0), self.claim.name)

    def _finished(self) -> float:
        """Percent of the job's steps that have ended: siblings may end while this one runs."""
        with transaction() as session:
            return session.scalar(select(Job.percent).where(Job.id == self.claim.job_id)) or 0.0

    def part(self, name: str) -> Path | None:
        """A piece of this step's work that an attempt has kept, this one or one before it."""
        query = select(Artifact.key).where(Artifact.step_id == self.claim.step_id, Artifact.name == name)
        with transaction() as session:
            key = session.scalar(query)
        try:
            return self.store.fetch(key, self.scratch) if key else None
        except NotFound:
            return None  # whoever asks can do without

    def keep_part(self, name: str, path: Path) -> None:
        """Keep a finished piece of unfinished work, so that the next attempt need not do it again.

        Raises `LeaseLost` when the step has been taken away.
        """
        part = NewArtifact(name, f"{self.shelf('temp')}/{name}", path.stat().st_size)
        self.store.put(part.key, path)
        with transaction() as session:
            attempts.keep_part(session, self.claim.step_id, self.claim.fence, part)

    def shelf(self, name: str) -> str:
        """This attempt's own folder on a shelf of the store: a late attempt overwrites nothing."""
        return f"{name}/{self.claim.job_id}/{self.claim.step_id}-{self.claim.fence}"
