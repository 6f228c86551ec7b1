"""Videos: what was brought, what was found in it, and its captions composed live."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, send_file
from sqlalchemy.orm import Session

from ecg import history, videos
from ecg.captions import compose, load_style
from ecg.db import transaction
from ecg.errors import NotFound
from ecg.models import Video
from ecg.transcript import Transcript
from ecg.web import present
from ecg.web.api import blueprint, settings, store
from ecg.web.once import Start, accepted_once
from ecg.web.replies import StartedReply, VideoReply, VideosReply
from ecg.web.requests import AnalyzeBody, OnceHeader, PageQuery, ScenarioQuery, VideoPath
from ecg.web.tokens import user_id

bp = blueprint("videos", __name__, "Videos and their analyses", prefix="/api/videos")

_OBJECT = {"content": {"application/json": {"schema": {"type": "object"}}}}


@bp.get("", responses={200: VideosReply})
def page(query: PageQuery) -> VideosReply:
    """Your videos, newest first."""
    with transaction() as session:
        rows, total = videos.page(session, user_id(), offset=query.offset, limit=query.limit)
        jobs = videos.jobs_of(session, rows)
    return VideosReply(videos=present.videos(rows, jobs), page=query.page, limit=query.limit, total=total)


@bp.get("/<uuid:video_id>", responses={200: VideoReply})
def video(path: VideoPath) -> VideoReply:
    """A video, its newest analysis and its renders."""
    return one(owned(path.video_id))


@bp.delete("/<uuid:video_id>", responses={204: None})
def delete(path: VideoPath) -> tuple[str, int]:
    """Delete a video with all that was made of it; what runs for it is cancelled."""
    with transaction() as session:
        prefixes = videos.remove(session, user_id(), path.video_id)
    for prefix in prefixes:
        for key in list(store().keys(prefix)):
            store().delete(key)
    return "", 204


@bp.post("/<uuid:video_id>/analyze", responses={202: StartedReply})
def analyze(header: OnceHeader, path: VideoPath, body: AnalyzeBody) -> Response:
    """Find out who speaks, when each word is spoken and how it is said."""
    return accepted_once(header, lambda: analysis(path.video_id, body.language, body.engine, body.speakers))


@bp.get("/<uuid:video_id>/result", responses={200: {"description": "The analysis", **_OBJECT}})
def result(path: VideoPath) -> Response:
    """What the newest finished analysis found."""
    return _artifact(path.video_id, "analysis.json")


@bp.get("/<uuid:video_id>/prosody", responses={200: {"description": "Plot data", **_OBJECT}})
def prosody(path: VideoPath) -> Response:
    """Loudness and pitch of the newest finished analysis, for plots."""
    return _artifact(path.video_id, "prosody.json")


@bp.get("/<uuid:video_id>/scenario", responses={200: {"description": "A scenario", **_OBJECT}})
def scenario(path: VideoPath, query: ScenarioQuery) -> dict[str, Any]:
    """The captions of the newest finished analysis, composed in a style."""
    row = owned(path.video_id)
    style = load_style(query.style, query.strength)
    with store().open(_key(row, "analysis.json")) as file:
        transcript = Transcript.from_json(json.load(file))
    width, height = _picture(row)
    return compose(transcript, style, query.width or width, query.height or height).to_json()


def owned(video_id: str) -> Video:
    """The caller's video."""
    with transaction() as session:
        return videos.owned(session, user_id(), video_id)


def one(row: Video) -> VideoReply:
    """A video as it stands now."""
    with transaction() as session:
        jobs = videos.jobs_of(session, [row])
    return present.videos([row], jobs)[0]


def analysis(video_id: str, language: str | None, engine: str | None, speakers: int | None) -> Start:
    """How to start an analysis; `auto` leaves the choice open."""

    def start(session: Session) -> StartedReply:
        job_id = videos.analyze(session, user_id(), video_id, language=_chosen(language),
                                engine=_chosen(engine), speakers=speakers)  # fmt: skip
        return StartedReply(
            job_id=job_id, message="The analysis has been accepted.", status_url=present.status_url(job_id),
            events_url=present.events_url(job_id),
        )  # fmt: skip

    return start


def _chosen(name: str | None) -> str | None:
    return None if name == "auto" else name


def _artifact(video_id: str, name: str) -> Response:
    return send_file(store().open(_key(owned(video_id), name)), mimetype="application/json")


def _key(row: Video, name: str) -> str:
    with transaction() as session:
        job = videos.done_analysis(session, row)
        key = history.files_of(session, [job.id], "merge", name).get(job.id)
    if key is None:
        raise NotFound(f"The analysis left no {name}; ask for another analysis.", job_id=job.id)
    return key


def _picture(row: Video) -> tuple[int, int]:
    media = row.media or {}
    if media.get("has_video") and media.get("width") and media.get("height"):
        return media["width"], media["height"]
    return settings().audio_background_size
