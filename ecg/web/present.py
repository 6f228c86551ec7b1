"""From rows to replies."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from ecg import history
from ecg.db import transaction
from ecg.jobs.milestones import message
from ecg.models import Job, JobKind, JobStatus, Video, VideoStatus
from ecg.web.api import live, settings, store
from ecg.web.headers import stream_base
from ecg.web.replies import (
    JobReply,
    JobSummary,
    RenderReply,
    StepReply,
    VideoJob,
    VideoRender,
    VideoReply,
)


def status_url(job_id: str) -> str:
    return f"/api/jobs/{job_id}"


def events_url(job_id: str) -> str:
    return f"{stream_base()}/api/jobs/{job_id}/events"


def job_summaries(jobs: Sequence[Job]) -> list[JobSummary]:
    """Jobs as they stand now."""
    with transaction() as session:
        names = history.filenames(session, jobs)
    percents = live().percents(jobs)
    return [JobSummary(**_summary(job, names[job.video_id], percents[job.id])) for job in jobs]


def job(row: Job) -> JobReply:
    """A job as it stands now, with its steps."""
    with transaction() as session:
        steps = [StepReply.model_validate(step) for step in history.steps(session, row.id)]
        name = history.filenames(session, [row])[row.video_id]
    summary = _summary(row, name, live().percents([row])[row.id])
    link = download_urls([row], {row.video_id: name}).get(row.id)
    return JobReply(**summary, steps=steps, download_url=link)


def _summary(row: Job, filename: str, percent: float) -> dict[str, Any]:
    return {
        "id": row.id, "kind": row.kind, "status": row.status, "progress": round(percent, 1),
        "milestone": row.milestone, "message": message(row.milestone), "video_id": row.video_id,
        "filename": filename, "warnings": row.warnings, "error": row.error, "created_at": row.created_at,
        "started_at": row.started_at, "finished_at": row.finished_at, "events_url": events_url(row.id),
    }  # fmt: skip


def download_urls(rows: Sequence[Job], names: dict[str, str]) -> dict[str, str]:
    """Links to the videos of finished renders, by job; ``names``: file names by video."""
    done = {row.id: row for row in rows if row.kind == JobKind.RENDER and row.status == JobStatus.DONE}
    with transaction() as session:
        keys = history.files_of(session, list(done), "assemble", "video.%") if done else {}
    return {job_id: _video_link(names[done[job_id].video_id], key) for job_id, key in keys.items()}


def _video_link(source: str, key: str) -> str:
    suffix = PurePath(key).suffix
    kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
    name = f"{PurePath(source).stem}.captioned{suffix}"
    return store().download_link(key, name, settings().link_s, content_type=kind)


def videos(rows: Sequence[Video], jobs: dict[str, list[Job]]) -> list[VideoReply]:
    """Videos with their newest analysis and their renders; ``jobs`` by video, newest first."""
    all_jobs = [job for found in jobs.values() for job in found]
    percents = live().percents(all_jobs)
    links = download_urls(all_jobs, {row.id: row.filename for row in rows})
    return [_video(row, jobs[row.id], percents, links) for row in rows]


def _video(row: Video, jobs: list[Job], percents: dict[str, float], links: dict[str, str]) -> VideoReply:
    analyses = [_video_job(job, percents) for job in jobs if job.kind == JobKind.ANALYSIS]
    renders = [
        VideoRender(**dict(_video_job(job, percents)), style=job.params["style"],
                    download_url=links.get(job.id))
        for job in jobs if job.kind == JobKind.RENDER
    ]  # fmt: skip
    return VideoReply(
        id=row.id, filename=row.filename, content_type=row.content_type, size_bytes=row.size_bytes,
        status=row.status, media=row.media, created_at=row.created_at, url=_preview_url(row),
        analysis=analyses[0] if analyses else None, renders=renders,
    )  # fmt: skip


def _video_job(row: Job, percents: dict[str, float]) -> VideoJob:
    return VideoJob(
        job_id=row.id, status=row.status, progress=round(percents[row.id], 1), created_at=row.created_at,
        finished_at=row.finished_at, error=row.error,
    )  # fmt: skip


def _preview_url(row: Video) -> str | None:
    if row.status != VideoStatus.READY:
        return None
    return store().download_link(row.upload_key, row.filename, settings().link_s,
                                 content_type=row.content_type, inline=True)  # fmt: skip


def renders(jobs: Sequence[Job]) -> list[RenderReply]:
    """Renders as they stand now."""
    with transaction() as session:
        names = history.filenames(session, jobs)
        metrics = history.results_of(session, [job.id for job in jobs], "assemble")
    percents, links = live().percents(jobs), download_urls(jobs, names)
    return [_render(job, percents[job.id], links.get(job.id), metrics.get(job.id)) for job in jobs]


def _render(row: Job, percent: float, link: str | None, metrics: dict[str, Any] | None) -> RenderReply:
    return RenderReply(
        jobId=row.id, videoId=row.video_id, projectId=row.params.get("project_id"),
        projectVersion=row.params.get("project_version"), status=row.status, progress=round(percent, 1),
        estimatedTimeRemaining=history.seconds_left(row, percent), createdAt=row.created_at,
        startedAt=row.started_at, completedAt=row.finished_at, downloadUrl=link, metrics=metrics,
        error=row.error,
    )  # fmt: skip
