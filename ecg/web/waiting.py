"""Requests that wait for their analysis: a file comes in, and what is found in it goes out.

The work is a job like any other, and outlives the request: whoever stops waiting, the client or this process,
leaves a video and its analysis behind, which can be asked for.
"""

from __future__ import annotations

import contextlib
import mimetypes
import select
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request
from pydantic import BaseModel
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from ecg import videos
from ecg.config import Settings
from ecg.db import transaction
from ecg.errors import (
    BadRequest,
    Cancelled,
    Conflict,
    EcgError,
    NotFound,
    Outage,
    ServiceUnavailable,
    StillRunning,
    restored,
)
from ecg.models import ACTIVE_JOBS, Job, JobStatus, Video
from ecg.web import present
from ecg.web.api import settings, store
from ecg.web.jobs import analysis_of, owned
from ecg.web.once import Start, started_once
from ecg.web.requests import OnceHeader, plain_filename
from ecg.web.tokens import user_id
from ecg.web.videos import analysis

_POLL_S = 0.25
#: Room in a body for what a form has beside its file.
_FIELDS_BYTES = 64 * 1024


@dataclass(frozen=True)
class Found:
    """What an analysis found, in the form of `ecg.transcript.Transcript`; ``replayed``: by an earlier sending
    of the request."""

    job: Job
    transcript: dict[str, Any]
    replayed: bool

    @property
    def headers(self) -> dict[str, str]:
        """What every answer says, whatever its form: the engine that listened, and where the rest is."""
        engine = self.transcript["metadata"]["engine"]
        told = {"ECG-Engine": engine, "ECG-Job-Id": self.job.id, "ECG-Video-Id": self.job.video_id}
        return told | {"Idempotent-Replayed": "true"} if self.replayed else told


def init_waiting(app: Flask, settings: Settings) -> None:
    """Keep half of this process's threads free of requests that wait."""
    app.extensions["ecg.places"] = threading.BoundedSemaphore(max(1, settings.web_threads // 2))


def allow_file() -> None:
    """Let the body of this request be as large as a file may be; it goes to disk, not into memory."""
    request.max_content_length = settings().sync_bytes + _FIELDS_BYTES


@contextlib.contextmanager
def analysed(
    file: FileStorage, header: OnceHeader, *, language: str | None, engine: str | None, **params: Any
) -> Iterator[Found]:
    """Bring the file, have it analysed, and wait; in the block, what was found.

    ``params``: see `ecg.videos.analyze`. From the moment the job has been accepted, every error names it in
    its ``details``, those of the block too.
    """

    def prepare() -> Start:
        video = _brought(file)
        return _completed(video, analysis(video.id, language, engine, **params))

    with _place():
        started = started_once(header, prepare)
        with _naming(started.body["job_id"]):
            job = _ended(started.body["job_id"])
            yield Found(job, _transcript(job), started.replayed)


@contextlib.contextmanager
def _place() -> Iterator[None]:
    """One of the places for requests that wait; `ServiceUnavailable` when all are taken."""
    places: threading.BoundedSemaphore = current_app.extensions["ecg.places"]
    if not places.acquire(blocking=False):
        raise ServiceUnavailable(
            "As many requests wait for their analyses as may; try again in a moment, or send the file to "
            "/api/uploads and ask for an analysis, which is not waited for."
        )
    try:
        yield
    finally:
        places.release()


def _brought(file: FileStorage) -> Video:
    """A video of the caller whose file is in the store; it is not complete yet."""
    filename = plain_filename(file.filename or "")
    kind = _content_type(filename)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "source"
        file.save(local)
        size_bytes = _checked_size(local.stat().st_size)
        video = videos.expected(user_id(), filename, kind, size_bytes)
        with transaction() as session:
            videos.bring(session, video)
        store().put(video.upload_key, local)
    return video


def _checked_size(size_bytes: int) -> int:
    if not size_bytes:
        raise BadRequest("file: it is empty; send a video or sound file.", fields=["file: it is empty"])
    if size_bytes > settings().sync_bytes:
        raise RequestEntityTooLarge()
    return size_bytes


def _content_type(filename: str) -> str:
    kind = mimetypes.guess_type(filename)[0] or ""
    return kind if kind.startswith(("audio/", "video/")) else "application/octet-stream"


def _completed(video: Video, start: Start) -> Start:
    def complete(session: Session) -> BaseModel:
        videos.arrived(session, video.id)
        return start(session)

    return complete


@contextlib.contextmanager
def _naming(job_id: str) -> Iterator[None]:
    """Errors in the block tell which job they are about."""
    try:
        yield
    except EcgError as error:
        error.details |= {"job_id": job_id, "status_url": present.status_url(job_id)}
        raise


def _ended(job_id: str) -> Job:
    """The job once it has ended; `StillRunning` when it is not waited for any longer.

    No connection to the database is held meanwhile, and while it is away the job cannot be asked after.
    """
    begun_s = time.monotonic()
    while (job := _as_it_stands(job_id)) is None or job.status in ACTIVE_JOBS:
        if job and (job.media_s or 0.0) > settings().sync_media_s:
            raise StillRunning("The file is too long to wait for. Its analysis goes on: ask for it later.")
        if time.monotonic() - begun_s > settings().sync_s or _client_left():
            raise StillRunning("The analysis takes longer than a request may. It goes on: ask for it later.")
        time.sleep(_POLL_S)
    return job


def _as_it_stands(job_id: str) -> Job | None:
    try:
        return owned(job_id)
    except Outage:
        return None
    except NotFound:
        raise Cancelled("Its video was deleted meanwhile; send the file again, as a new request.") from None


def _client_left() -> bool:
    """Whether the client has closed the connection; only gunicorn lets that be seen."""
    connection = request.environ.get("gunicorn.socket")
    if connection is None:
        return False
    readable = select.poll()
    readable.register(connection, select.POLLIN)
    try:
        return bool(readable.poll(0)) and not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


def _transcript(job: Job) -> dict[str, Any]:
    if job.status == JobStatus.CANCELLED:
        raise Cancelled("The analysis was cancelled; ask for another.")
    if job.status == JobStatus.FAILED and job.error:
        raise restored(job.error)
    found = analysis_of(job)
    if found is None:
        raise Conflict("The analysis left no result; send the file again, as a new request.")
    return found
