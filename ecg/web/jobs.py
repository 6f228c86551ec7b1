"""Jobs of any kind: how they are doing, and stopping them."""

from __future__ import annotations

import json
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response as BaseResponse

from ecg import history
from ecg.db import autocommit, transaction
from ecg.errors import Unauthorized
from ecg.jobs import lifecycle
from ecg.models import Job, JobStatus
from ecg.web import present
from ecg.web.api import blueprint, store
from ecg.web.headers import stream_base
from ecg.web.replies import JobReply, JobsReply
from ecg.web.requests import JobPath, JobsQuery
from ecg.web.tokens import SIGNED_OUT, unproved, user_id

bp = blueprint("jobs", __name__, "Analyses and renders at work", prefix="/api/jobs")

_EVENTS = {
    "description": "A stream of events",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@bp.get("", responses={200: JobsReply})
def page(query: JobsQuery) -> JobsReply:
    """Your jobs, newest first."""
    with transaction() as session:
        rows, total = history.page(session, user_id(), offset=query.offset, limit=query.limit,
                                   status=query.status, kind=query.kind)  # fmt: skip
    return JobsReply(jobs=present.job_summaries(rows), page=query.page, limit=query.limit, total=total)


@bp.get("/<uuid:job_id>", responses={200: JobReply})
def job(path: JobPath) -> JobReply:
    """A job with its steps."""
    return present.job(owned(path.job_id))


@bp.post("/<uuid:job_id>/cancel", responses={200: JobReply})
def cancel(path: JobPath) -> JobReply:
    """Stop a job that waits or runs."""
    return present.job(stop(path.job_id))


@bp.get("/<uuid:job_id>/events", responses={200: _EVENTS, 307: {"description": "To the server of streams"}},
        security=[{}])  # fmt: skip
def events(path: JobPath) -> BaseResponse:
    """What happens to a job, as server-sent events: `progress`, `step`, `done`, `failed`, `cancelled`.

    Another server sends them; ask it directly (`events_url` of the job) to keep the Authorization header.
    The access token may also be sent as the query's `access_token`. `Last-Event-ID` resumes a stream.
    """
    query = f"?{request.query_string.decode()}" if request.query_string else ""
    return redirect(f"{stream_base()}/api/jobs/{path.job_id}/events{query}", code=307)


def owned(job_id: str, kind: str | None = None) -> Job:
    """The caller's job."""
    with autocommit() as session:
        return history.job(session, user_id(), job_id, kind)


def polled(job_id: str, kind: str) -> Any:
    """What the caller's job is at, for those who ask again and again; see `LOOKS_UP`."""
    sender = unproved()
    if sender is None:
        return owned(job_id, kind)
    found = history.polled(sender.user_id, sender.family, job_id, kind)
    if found is None:
        raise Unauthorized(SIGNED_OUT)
    return found


def stop(job_id: str, kind: str | None = None) -> Job:
    """Cancel the caller's job."""
    with transaction() as session:
        history.job(session, user_id(), job_id, kind)
        return lifecycle.cancel(session, job_id)


def analysis_of(job: Job) -> dict[str, Any] | None:
    """What an analysis found; ``None`` before it is done."""
    if job.status != JobStatus.DONE:
        return None
    with transaction() as session:
        key = history.files_of(session, [job.id], "merge", "analysis.json").get(job.id)
    if key is None:
        return None
    with store().open(key) as file:
        return json.load(file)
