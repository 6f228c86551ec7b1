"""Videos: what was brought, what was found in it, and its captions composed live."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Response, send_file
from sqlalchemy.orm import Session

from ecg import history, videos
from ecg.captions import Scenario, compose, sidecars
from ecg.captions.quality import load_profile, report
from ecg.db import transaction
from ecg.errors import InvalidMedia, NotFound
from ecg.models import Video
from ecg.transcript import Transcript
from ecg.web import present
from ecg.web.api import blueprint, refusals, settings, store
from ecg.web.once import Start, accepted_once
from ecg.web.replies import FetchStartedReply, StartedReply, VideoReply, VideosReply
from ecg.web.requests import (
    AnalyzeBody,
    CaptionsPath,
    FromUrlBody,
    OnceHeader,
    PageQuery,
    QualityQuery,
    ScenarioQuery,
    VideoPath,
    plain_filename,
)
from ecg.web.styles import style_named
from ecg.web.tokens import user_id

bp = blueprint("videos", __name__, "Videos and their analyses", prefix="/api/videos")

_OBJECT = {"application/json": {"schema": {"type": "object"}}}
_FILE = {"*/*": {"schema": {"type": "string", "format": "binary"}}}


def _made(what: str, content: dict[str, Any]) -> dict[str | int, Any]:
    """The answers of what is made of the newest finished analysis, if there is one and it has words."""
    return {200: {"description": what, "content": content}, **refusals(409, 422)}


@bp.get("", responses={200: VideosReply})
def page(query: PageQuery) -> VideosReply:
    """Your videos, newest first."""
    with transaction() as session:
        rows, total = videos.page(session, user_id(), offset=query.offset, limit=query.limit)
        jobs = videos.jobs_of(session, rows)
    return VideosReply(videos=present.videos(rows, jobs), page=query.page, limit=query.limit, total=total)


@bp.post("/from-url", responses={202: FetchStartedReply})
def from_url(header: OnceHeader, body: FromUrlBody) -> Response:
    """Fetch a video or sound from a public web address, and analyse it."""
    return accepted_once(header, lambda: _fetched(body))


@bp.get("/<uuid:video_id>", responses={200: VideoReply})
def video(path: VideoPath) -> VideoReply:
    """A video, its newest analysis and its renders."""
    return one(owned(path.video_id))


@bp.delete("/<uuid:video_id>", responses={204: None})
def delete(path: VideoPath) -> tuple[str, int]:
    """Delete a video with all that was made of it; what runs for it is cancelled."""
    with transaction() as session:
        upload = videos.upload_of(session, path.video_id)
        prefixes = videos.remove(session, user_id(), path.video_id)
    if upload and upload.parts_id:
        store().drop_parts(upload.key, upload.parts_id)
    for prefix in prefixes:
        for key in list(store().keys(prefix)):
            store().delete(key)
    return "", 204


@bp.post("/<uuid:video_id>/analyze", responses={202: StartedReply})
def analyze(header: OnceHeader, path: VideoPath, body: AnalyzeBody) -> Response:
    """Find out who speaks, when each word is spoken and how it is said."""
    return accepted_once(header, lambda: _analysis_of(path.video_id, body))


@bp.get("/<uuid:video_id>/result", responses=_made("The analysis", _OBJECT))
def result(path: VideoPath) -> Response:
    """What the newest finished analysis found."""
    return _artifact(path.video_id, "analysis.json")


@bp.get("/<uuid:video_id>/prosody", responses=_made("Plot data", _OBJECT))
def prosody(path: VideoPath) -> Response:
    """Loudness and pitch of the newest finished analysis, for plots."""
    return _artifact(path.video_id, "prosody.json")


@bp.get("/<uuid:video_id>/scenario", responses=_made("A scenario", _OBJECT))
def scenario(path: VideoPath, query: ScenarioQuery) -> dict[str, Any]:
    """The captions of the newest finished analysis, composed in a style."""
    return composed(owned(path.video_id), query).to_json()


@bp.get("/<uuid:video_id>/captions/<format>", responses=_made("A sidecar file", _FILE))
def captions(path: CaptionsPath, query: ScenarioQuery) -> Response:
    """The captions of the newest finished analysis as a file: srt, vtt, ass, ttml, json or txt."""
    row = owned(path.video_id)
    return sidecar(lambda: composed(row, query), path.format, stem(row.filename))


@bp.get("/<uuid:video_id>/quality", responses=_made("A quality report", _OBJECT))
def quality(path: VideoPath, query: QualityQuery) -> dict[str, Any]:
    """How readable these captions are, against published limits."""
    profile = load_profile(query.profile)
    return report(composed(owned(path.video_id), query), profile, query.fps).to_json()


def owned(video_id: str) -> Video:
    """The caller's video."""
    with transaction() as session:
        return videos.owned(session, user_id(), video_id)


def one(row: Video) -> VideoReply:
    """A video as it stands now."""
    with transaction() as session:
        jobs = videos.jobs_of(session, [row])
    return present.videos([row], jobs)[0]


def sidecar(scenario: Callable[[], Scenario], format: str, name: str) -> Response:
    """Captions as a file to be saved under that name."""
    form = sidecars.format_named(format)  # an unknown one is refused before anything is composed
    content = io.BytesIO(sidecars.write(scenario(), form.name).encode())
    return send_file(content, mimetype=form.media_type, as_attachment=True,
                     download_name=f"{name}.{form.extension}")  # fmt: skip


def stem(filename: str) -> str:
    """A file's name without its ending."""
    return filename.rpartition(".")[0] or filename


def transcript_of(row: Video) -> Transcript:
    """What the newest finished analysis found."""
    with store().open(_key(row, "analysis.json")) as file:
        return Transcript.from_json(json.load(file))


def picture_of(row: Video) -> tuple[int, int]:
    """Width and height of a video; for sound alone, those of the plain picture laid under it."""
    media = row.media or {}
    if media.get("has_video") and media.get("width") and media.get("height"):
        return media["width"], media["height"]
    return settings().audio_background_size


def keep_beside(row: Video, name: str, ending: str, content: bytes) -> str:
    """Put a file beside the upload, from where deleting the video removes it; its key.

    The key tells its content, so that one sent again takes no more room.
    """
    told = f"{name}-{hashlib.sha256(content).hexdigest()[:32]}{ending}"
    key = f"{row.upload_key.rpartition('/')[0]}/{told}"
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / told
        written.write_bytes(content)
        store().put(key, written)
    return key


def _analysis_of(video_id: str, body: AnalyzeBody) -> Start:
    language, captions_key, script_key = _chosen(body.language), None, None
    if body.captions is not None and body.script is not None:
        raise InvalidMedia("Send either captions, which have their times, or a script, which gets them.")
    if body.captions is not None:
        content = body.captions.encode()
        sidecars.read(content, language or "")  # what is no caption file is refused now, not by a worker
        captions_key = keep_beside(owned(video_id), "captions", ".txt", content)
    if body.script is not None:
        script_key = keep_beside(owned(video_id), "script", ".txt", body.script.encode())
    return analysis(video_id, language, body.engine, speakers=body.speakers,
                    captions_key=captions_key, script_key=script_key, hotwords=body.hotwords)  # fmt: skip


def _fetched(body: FromUrlBody) -> Start:
    def start(session: Session) -> FetchStartedReply:
        video_id, job_id = videos.analyze_from(
            session, user_id(), body.url, filename=_name_in(body.url), language=_chosen(body.language),
            engine=_chosen(body.engine), speakers=body.speakers, hotwords=body.hotwords,
        )  # fmt: skip
        return FetchStartedReply(
            video_id=video_id, job_id=job_id, message="The file will be fetched, then analysed.",
            status_url=present.status_url(job_id), events_url=present.events_url(job_id),
        )  # fmt: skip

    return start


def _name_in(url: str) -> str:
    return plain_filename(unquote(urlsplit(url).path, errors="replace"))


def analysis(video_id: str, language: str | None, engine: str | None = None, **params: Any) -> Start:
    """How to start an analysis; `auto` leaves the choice open. ``params``: see `ecg.videos.analyze`."""

    def start(session: Session) -> StartedReply:
        job_id = videos.analyze(session, user_id(), video_id, language=_chosen(language),
                                engine=_chosen(engine), **params)  # fmt: skip
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


def composed(row: Video, query: ScenarioQuery) -> Scenario:
    style = style_named(query.style, query.strength)
    width, height = picture_of(row)
    return compose(transcript_of(row), style, query.width or width, query.height or height)
