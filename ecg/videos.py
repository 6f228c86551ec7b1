"""What users brought: their videos, and which analysis of a video counts."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecg import quotas
from ecg.config import settings
from ecg.errors import Conflict, NotFound
from ecg.jobs import lifecycle
from ecg.models import ACTIVE_JOBS, Job, JobKind, JobStatus, Upload, Video, VideoStatus

#: What a file is called while it is on its way, and with an ending that nobody knew before once it is there.
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FILE_KEY = re.compile(rf"uploads/{_UUID}/(?P<video>{_UUID})/source(?:-\w+)?")


def expected(
    user_id: str, filename: str, content_type: str, size_bytes: int | None, sha256: str | None = None
) -> Video:
    """A video whose file is still to come, not yet in the record; ``None``: was not announced."""
    video_id = str(uuid.uuid4())
    return Video(
        id=video_id, user_id=user_id, status=VideoStatus.UPLOADING, filename=filename, sha256=sha256,
        content_type=content_type, size_bytes=size_bytes, upload_key=f"uploads/{user_id}/{video_id}/source",
    )  # fmt: skip


def bring(session: Session, video: Video) -> None:
    """Put a new video into the record; raises `QuotaExceeded` when its user's videos would take too much."""
    session.add(video)
    session.flush()
    quotas.check_bytes(session, video, quotas.Limits.of(settings()))


def begin_upload(session: Session, video: Video, parts_id: str | None, part_bytes: int | None) -> Upload:
    """Expect the file of a video from its user; ``None``: in one piece.

    Parts are joined under the video's key. One piece comes to a key of its own, whose links outlive it.
    """
    key = video.upload_key if parts_id else f"temp/{video.id}/sent"
    upload = Upload(video_id=video.id, key=key, parts_id=parts_id, part_bytes=part_bytes)
    bring(session, video)
    session.add(upload)
    return upload


def analyze_from(
    session: Session, user_id: str, url: str, *, filename: str, language: str | None, engine: str | None,
    speakers: int | None = None, hotwords: Sequence[str] = (),
) -> tuple[str, str]:  # fmt: skip
    """Ask for a video to be fetched from a web address and analysed; the ids of the video and of the job."""
    video = expected(user_id, filename, "application/octet-stream", None)
    bring(session, video)
    params = {"source_url": url, "language": language, "engine": engine, "speakers": speakers,
              "captions_key": None, "script_key": None, "hotwords": list(hotwords)}  # fmt: skip
    return video.id, _start_analysis(session, user_id, video.id, params, fetched=True)


def owned(session: Session, user_id: str, video_id: str, *, held: bool = False) -> Video:
    """The user's video; somebody else's is as unknown as one that never was.

    ``held``: it cannot be deleted before this transaction ends.
    """
    mine = select(Video).where(Video.id == video_id, Video.user_id == user_id)
    return _found(session.scalar(mine.with_for_update(read=True, key_share=True) if held else mine))


def by_file_key(session: Session, user_id: str, key: str) -> Video:
    """The user's video whose file has this key, or had it before its upload was complete."""
    named = _FILE_KEY.fullmatch(key)
    return owned(session, user_id, named["video"]) if named else _found(None)


def present_key(session: Session, user_id: str, key: str) -> str:
    """The key that a file of the user has now: completing an upload changes it."""
    named = _FILE_KEY.fullmatch(key)
    if named is None:
        return key
    mine = select(Video.upload_key).where(Video.id == named["video"], Video.user_id == user_id)
    return session.scalar(mine) or key


def _found(video: Video | None) -> Video:
    if video is None:
        raise NotFound("You have no such video.")
    return video


def upload_of(session: Session, video_id: str) -> Upload | None:
    """What is expected for a video; nothing more once it is complete."""
    return session.get(Upload, video_id)


def complete_upload(session: Session, upload: Upload, key: str, size_bytes: int) -> bool:
    """Make a video usable, whose file is checked and lies under the key; whether that came first.

    Completions may run at the same time: the one that ends the upload names the file.
    """
    video = session.get(Video, upload.video_id, with_for_update=True)
    expected = session.get(Upload, upload.video_id)
    if video is None or expected is None:
        return False
    session.delete(expected)
    video.upload_key, video.size_bytes, video.status = key, size_bytes, VideoStatus.READY
    return True


def arrived(session: Session, video_id: str) -> None:
    """Make a video usable, whose file was put under its key by whoever received it."""
    session.get_one(Video, video_id, with_for_update=True).status = VideoStatus.READY


def page(session: Session, user_id: str, *, offset: int, limit: int) -> tuple[Sequence[Video], int]:
    """A page of the user's videos, newest first, and how many there are."""
    mine = select(Video).where(Video.user_id == user_id)
    rows = session.scalars(mine.order_by(Video.created_at.desc(), Video.id).offset(offset).limit(limit)).all()
    return rows, session.scalar(select(func.count()).select_from(mine.subquery())) or 0


def jobs_of(session: Session, videos: Sequence[Video]) -> dict[str, list[Job]]:
    """The jobs of each video, newest first."""
    found: dict[str, list[Job]] = {video.id: [] for video in videos}
    query = select(Job).where(Job.video_id.in_(found)).order_by(Job.created_at.desc(), Job.id)
    for job in session.scalars(query):
        found[job.video_id].append(job)
    return found


def analyze(
    session: Session, user_id: str, video_id: str, *, language: str | None, engine: str | None,
    speakers: int | None = None, captions_key: str | None = None, script_key: str | None = None,
    hotwords: Sequence[str] = (),
) -> str:  # fmt: skip
    """Ask for an analysis of a video that has arrived; the job's id.

    ``captions_key``: where the store has a caption file whose words are to be taken. ``script_key``: where
    it has a script that is spoken. ``hotwords``: names and terms that are likely to be said.
    """
    video = owned(session, user_id, video_id, held=True)
    if video.status != VideoStatus.READY:
        raise Conflict("The upload is not complete; complete it before asking for an analysis.")
    params = {"language": language, "engine": engine, "speakers": speakers,
              "captions_key": captions_key, "script_key": script_key,
              "hotwords": list(hotwords)}  # fmt: skip
    return _start_analysis(session, user_id, video_id, params)


def _start_analysis(
    session: Session, user_id: str, video_id: str, params: Mapping[str, Any], *, fetched: bool = False
) -> str:
    """Every analysis begins here. Raises `QuotaExceeded` for one too many at once."""
    job_id = lifecycle.create(session, user_id=user_id, video_id=video_id, kind=JobKind.ANALYSIS,
                              params=params, fetched=fetched)  # fmt: skip
    quotas.check_analyses(session, user_id, quotas.Limits.of(settings()))
    return job_id


def render(
    session: Session, user_id: str, video_id: str, *, analysis_id: str, scenario_key: str | None,
    style: str, strength: float, options: Mapping[str, Any], limits: quotas.Limits,
    own_style: Mapping[str, Any] | None = None, project: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """Ask for the captions of an analysis to be drawn into the picture; the job's id.

    ``own_style``: what the style is, unless it is one of those that come with ECG. ``project``: whose
    captions take the place of the analysis's, as ``project_id``, ``project_version`` and ``project_key``.
    Raises `QuotaExceeded` beyond the limits.
    """
    owned(session, user_id, video_id, held=True)
    params = {"analysis_job_id": analysis_id, "scenario_key": scenario_key, "style": style,
              "own_style": own_style, "strength": strength, "options": dict(options),
              **(project or {})}  # fmt: skip
    job_id = lifecycle.create(session, user_id=user_id, video_id=video_id, kind=JobKind.RENDER, params=params)
    quotas.charge(session, user_id=user_id, job_id=job_id, limits=limits)
    return job_id


def done_analysis(session: Session, video: Video) -> Job:
    """The newest finished analysis: the one that a video's result, captions and renders stem from.

    Raises `Conflict`, which says why there is none yet.
    """
    mine = select(Job).where(Job.video_id == video.id, Job.kind == JobKind.ANALYSIS)
    newest_first = mine.order_by(Job.created_at.desc(), Job.id)
    done = session.scalars(newest_first.where(Job.status == JobStatus.DONE).limit(1)).one_or_none()
    if done is None:
        raise _no_analysis(session.scalars(newest_first.limit(1)).one_or_none())
    return done


def _no_analysis(newest: Job | None) -> Conflict:
    if newest is None:
        return Conflict("This video has not been analysed; ask for an analysis first.")
    if newest.status in ACTIVE_JOBS:
        return Conflict("The analysis is not finished; wait for it.", job_id=newest.id, status=newest.status,
                        percent=newest.percent)  # fmt: skip
    return Conflict(f"The analysis was {newest.status}; ask for another.", job_id=newest.id,
                    status=newest.status, error=newest.error)  # fmt: skip


def remove(session: Session, user_id: str, video_id: str) -> list[str]:
    """Forget a video of the user and all its jobs; what runs for it is cancelled.

    Returns the prefixes of its files in the store, to be deleted after the commit.
    """
    # All rows are locked before the first job is cancelled, in the order that `ecg.quotas` asks for.
    mine = select(Video).where(Video.id == video_id, Video.user_id == user_id)
    video = _found(session.scalar(mine.with_for_update()))
    of_it = select(Job).where(Job.video_id == video.id).order_by(Job.id)
    jobs = session.scalars(of_it.with_for_update()).all()
    for job in jobs:
        if job.status in ACTIVE_JOBS:
            lifecycle.cancel(session, job.id)
    session.flush()
    session.delete(video)
    shelves = [f"{shelf}/{job.id}/" for job in jobs for shelf in ("analyzed", "rendered", "temp")]
    return [f"uploads/{video.user_id}/{video.id}/", f"temp/{video.id}/", *shelves]
