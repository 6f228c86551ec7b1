"""Reports of workers outside. No account is asked for: their signature is the permission."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from flask import g, request
from jsonschema import Draft202012Validator

from ecg import signatures
from ecg.db import transaction
from ecg.errors import BadRequest, Forbidden
from ecg.jobs import lifecycle, outside
from ecg.jobs.attempts import NewArtifact
from ecg.models import ENDED_JOBS, JobStatus
from ecg.transcript import Transcript, json_schema
from ecg.web.api import blueprint, refusals, settings, store
from ecg.web.replies import DoneReply
from ecg.web.requests import ResultBody, SignatureHeader

bp = blueprint("results", __name__, "Reports of workers outside", prefix="/api/upload-video", public=True)

_RESULT = "analysis.json"
_ALREADY = {
    JobStatus.DONE: "already_completed", JobStatus.FAILED: "already_failed",
    JobStatus.CANCELLED: "already_cancelled",
}  # fmt: skip
_SCHEMA = Draft202012Validator(json_schema())


@bp.before_request
def _require_signature() -> None:
    if request.method == "OPTIONS":
        return
    if not settings().result_secret:
        raise Forbidden("No workers outside report to this ECG: whoever runs it has set no secret for them.")
    header = request.headers.get(signatures.HEADER, "")
    g.signed_s = signatures.verify(header, request.get_data(), [settings().result_secret])


@bp.post("/result", responses={200: DoneReply, **refusals(401, 403, 404, 409, 422)})
def report(header: SignatureHeader, body: ResultBody) -> DoneReply:
    """Say how an analysis is doing elsewhere, what it found, or why it failed.

    The answer's `status` is `received`, or `already_completed`, `already_failed` or `already_cancelled`
    when the job has ended: a report changes nothing then, so it may be sent again.
    """
    result = _kept(body.job_id, _checked(body.result)) if body.result is not None else None
    with transaction() as session:
        job = outside.reported(session, body.job_id, g.signed_s)
        if job.status in ENDED_JOBS:
            return DoneReply(status=_ALREADY[JobStatus(job.status)])
        if result:
            outside.complete(session, job, result)
        elif body.status == "failed":
            lifecycle.fail_job(session, job, body.error())
        else:
            outside.advance(session, job, body.progress or 0.0, body.message)
    return DoneReply(status="received")


def _checked(result: dict[str, Any]) -> Transcript:
    """The result as a transcript; what it leaves out counts as not measured."""
    try:
        written = Transcript.from_json(result).to_json()
        # A file holds neither NaN nor half a surrogate pair (errors here), and Postgres no NUL.
        storable = b"\\u0000" not in json.dumps(written, ensure_ascii=False, allow_nan=False).encode()
    except KeyError as missing:
        raise BadRequest(f"result: {missing} is missing; see the schema of an analysis.") from None
    except (AttributeError, TypeError, ValueError):
        storable = False
    if not storable:
        raise BadRequest("result: this has not the form of an analysis; see its schema.")
    for wrong in _SCHEMA.iter_errors(written):
        raise BadRequest(f"result{wrong.json_path[1:]}: {wrong.message[:200]}")
    transcript = Transcript.from_json(written)
    if not transcript.words:
        raise BadRequest("result.segments: there are no words; report `failed` when nothing was found.")
    for number, word in enumerate(transcript.words):
        if not word.start_s <= word.end_s <= transcript.duration_s:
            raise BadRequest(f"result: word {number} does not lie within the duration, or ends too early.")
    return transcript


def _kept(job_id: str, transcript: Transcript) -> outside.Result:
    """The result, put into the store under a name that tells its content; swept unless it is committed."""
    with transaction() as session:
        folder = outside.folder(session, outside.reported(session, job_id, g.signed_s))
    content = json.dumps(transcript.to_json(), ensure_ascii=False).encode()
    key = f"{folder}/{hashlib.sha256(content).hexdigest()[:32]}.json"
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        store().put(key, Path(file.name))
    summary = {"words": len(transcript.words), "speakers": len(transcript.speakers),
               "language": transcript.language, "engine": transcript.metadata.get("engine"),
               "reported": True}  # fmt: skip
    return outside.Result(NewArtifact(_RESULT, key, len(content)), summary, transcript.duration_s,
                          transcript.warnings)  # fmt: skip
