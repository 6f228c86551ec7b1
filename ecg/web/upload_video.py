"""The documented upload API: the same uploads and analyses under their older names."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response

from ecg import history, videos
from ecg.db import transaction
from ecg.errors import NotFound
from ecg.models import Job, JobKind, JobStatus, Video
from ecg.web import present, uploads
from ecg.web.api import blueprint, live, refusals, settings, store
from ecg.web.jobs import analysis_of, polled
from ecg.web.once import Start, accepted_once
from ecg.web.replies import DownloadReply, ProcessesReply, ProcessStatusReply, StartedReply, UrlReply
from ecg.web.requests import (
    FilePath,
    JobPath,
    OnceHeader,
    PageQuery,
    ProcessBody,
    ProcessVideoBody,
    UrlBody,
)
from ecg.web.tokens import user_id
from ecg.web.videos import analysis

bp = blueprint("upload_video", __name__, "The documented upload API", prefix="/api/upload-video")

_STATUS = {
    JobStatus.QUEUED: "processing", JobStatus.RUNNING: "processing", JobStatus.DONE: "completed",
    JobStatus.FAILED: "failed", JobStatus.CANCELLED: "cancelled",
}  # fmt: skip


@bp.post("/generate-url", responses={200: UrlReply})
def generate_url(body: UrlBody) -> UrlReply:
    """Ask for a URL to PUT a file to."""
    content_type = body.filetype or body.content_type
    video = uploads.expect(body.filename, content_type, body.size_bytes)
    link = store().upload_link(
        uploads.begin(video), body.size_bytes or settings().max_upload_bytes, content_type,
        settings().link_s, exact=body.size_bytes is not None,
    )  # fmt: skip
    return UrlReply(
        video_id=video.id, upload_url=link.url, url=link.url, presigned_url=link.url,
        video_url=f"/store/{video.upload_key}", file_key=video.upload_key, fileKey=video.upload_key,
        expires_in=settings().link_s,
    )  # fmt: skip


@bp.post("/request-process", responses={202: StartedReply, **refusals(404)})
def request_process(header: OnceHeader, body: ProcessBody) -> Response:
    """Ask for the analysis of a file that was sent."""
    return accepted_once(header, lambda: _process(body))


@bp.post("/process-video", responses={202: StartedReply, **refusals(404)})
def process_video(header: OnceHeader, body: ProcessVideoBody) -> Response:
    """The same, once for each `job_id` that you send; it stands in for the header."""
    once = header if header.key else OnceHeader.model_validate({"Idempotency-Key": f"job_id {body.job_id}"})
    asked = ProcessBody.model_validate({"video_url": body.video_url, "language": body.language})
    return accepted_once(once, lambda: _process(asked))


@bp.get("/status/<uuid:job_id>", responses={200: ProcessStatusReply})
def status(path: JobPath) -> ProcessStatusReply:
    """How an analysis is doing, and what it found."""
    job = polled(path.job_id, JobKind.ANALYSIS)
    return process_status(job, analysis_of(job))


@bp.get("/jobs", responses={200: ProcessesReply})
def jobs(query: PageQuery) -> ProcessesReply:
    """Your analyses, newest first, without their results."""
    with transaction() as session:
        rows, total = history.page(session, user_id(), offset=query.offset, limit=query.limit,
                                   kind=JobKind.ANALYSIS)  # fmt: skip
    shown = [process_status(job, None) for job in rows]
    return ProcessesReply(jobs=shown, page=query.page, limit=query.limit, total=total)


@bp.get("/download-url/<path:file_key>", responses={200: DownloadReply})
def download_url(path: FilePath) -> DownloadReply:
    """A link to a file of yours: an upload, or what a job left."""
    with transaction() as session:
        key = videos.present_key(session, user_id(), path.file_key)
        name = history.owned_key(session, user_id(), key)
    link = store().download_link(key, name, settings().link_s)
    return DownloadReply(download_url=link, expires_in=settings().link_s)


def sent_to(video_url: str) -> Video:
    """The caller's video that was sent to the link of that `video_url`."""
    return _by_key(_key_in(video_url))


def _process(body: ProcessBody) -> Start:
    video = _by_key(body.file_key) if body.file_key else sent_to(body.video_url or "")
    uploads.finish(video.id)
    return analysis(video.id, body.language)


def _by_key(key: str) -> Video:
    with transaction() as session:
        return videos.by_file_key(session, user_id(), key)


def _key_in(video_url: str) -> str:
    # Only a name is taken from the URL, and looked up among the caller's; nothing is fetched from it.
    path = urlsplit(video_url).path
    if not path.startswith("/store/"):
        raise NotFound("video_url must be the one that generate-url gave.")
    return path.removeprefix("/store/")


def process_status(job: Job, result: dict | None) -> ProcessStatusReply:
    """An analysis in the documented words."""
    return ProcessStatusReply(
        job_id=job.id, status=_STATUS[JobStatus(job.status)], progress=live().percents([job])[job.id],
        message=present.message(job.milestone)["en"], result=result, error=job.error,
    )  # fmt: skip
