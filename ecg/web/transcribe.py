"""The analyzer's documented API: an analysis that is waited for, and how a job is doing."""

from __future__ import annotations

from typing import Any

from ecg.models import JobKind
from ecg.web import forms, waiting
from ecg.web.api import blueprint, refusals
from ecg.web.jobs import analysis_of, owned
from ecg.web.replies import JobStatusReply
from ecg.web.requests import JobPath, OnceHeader, TranscribeForm
from ecg.web.upload_video import process_status

bp = blueprint("transcribe", __name__, "The analyzer's documented API")
bp.before_request(waiting.allow_file)

_ANALYSIS = {"description": "The analysis", "content": {"application/json": {"schema": {"type": "object"}}}}


@bp.post("/transcribe", responses={200: _ANALYSIS, **refusals(504)},
         openapi_extensions=forms.documented(TranscribeForm))  # fmt: skip
def transcribe(header: OnceHeader) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Analyse a short file and wait for what is found.

    The file becomes a video of yours. An error that names a `job_id` leaves that job as it is: after
    `STILL_RUNNING` it goes on. Sent again under its `Idempotency-Key`, the request waits for the same job.
    """
    form = forms.sent(TranscribeForm)
    with waiting.analysed(form.file, header, language=form.language, engine=form.engine,
                          speakers=form.speakers) as found:  # fmt: skip
        return found.transcript, 200, found.headers


@bp.get("/jobs/<uuid:job_id>", responses={200: JobStatusReply})
def job(path: JobPath) -> JobStatusReply:
    """How an analysis is doing, and what it found."""
    row = owned(path.job_id, JobKind.ANALYSIS)
    status, error = process_status(row, analysis_of(row)), row.error or {}
    return JobStatusReply(**status.model_dump(), error_message=error.get("message"),
                          error_code=error.get("code"))  # fmt: skip
