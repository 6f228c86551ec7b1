"""Renders: videos with captions drawn into the picture."""

from __future__ import annotations

import json
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from ecg import history, videos
from ecg.captions import Scenario, Style, style_names
from ecg.db import transaction
from ecg.models import Job, JobKind, Video
from ecg.quotas import Limits
from ecg.web import present
from ecg.web.api import blueprint, refusals, settings
from ecg.web.jobs import owned, stop
from ecg.web.once import Start, accepted_once
from ecg.web.projects import draft_of, owned_project, present_version
from ecg.web.replies import RenderReply, RendersReply, RenderStartedReply
from ecg.web.requests import JobPath, OnceHeader, PageQuery, RenderBody
from ecg.web.styles import style_named
from ecg.web.tokens import user_id
from ecg.web.upload_video import sent_to
from ecg.web.usage import tell_quotas
from ecg.web.videos import keep_beside
from ecg.web.videos import owned as owned_video

bp = blueprint("render", __name__, "Captioned videos", prefix="/api/render")


@bp.post("/create", responses={202: RenderStartedReply, **refusals(404)})
def create(header: OnceHeader, body: RenderBody) -> Response:
    """Draw captions into a video that has been analysed."""
    return tell_quotas(accepted_once(header, lambda: _creation(body)))


@bp.get("/<uuid:job_id>/status", responses={200: RenderReply})
def status(path: JobPath) -> RenderReply:
    """How a render is doing."""
    return present.renders([owned(path.job_id, JobKind.RENDER)])[0]


@bp.post("/<uuid:job_id>/cancel", responses={200: RenderReply})
def cancel(path: JobPath) -> RenderReply:
    """Stop a render that waits or runs."""
    return present.renders([stop(path.job_id, JobKind.RENDER)])[0]


@bp.get("/history", responses={200: RendersReply})
def past(query: PageQuery) -> RendersReply:
    """Your renders, newest first."""
    with transaction() as session:
        rows, total = history.page(session, user_id(), offset=query.offset, limit=query.limit,
                                   kind=JobKind.RENDER)  # fmt: skip
    return RendersReply(renders=present.renders(rows), page=query.page, limit=query.limit, total=total)


def _creation(body: RenderBody) -> Start:
    video, captions = _of_project(body.project_id) if body.project_id else _of_video(body)
    with transaction() as session:
        analysis = videos.done_analysis(session, video)
        estimate_s = history.usual_seconds(session, JobKind.RENDER, analysis.media_s)

    def start(session: Session) -> RenderStartedReply:
        job_id = videos.render(
            session, user_id(), video.id, analysis_id=analysis.id, options=body.options.model_dump(),
            limits=Limits.of(settings()), **captions,
        )  # fmt: skip
        created_at = session.get_one(Job, job_id).created_at
        return RenderStartedReply(
            jobId=job_id, estimatedTime=estimate_s, createdAt=created_at,
            status_url=f"/api/render/{job_id}/status", events_url=present.events_url(job_id),
        )  # fmt: skip

    return start


def _of_video(body: RenderBody) -> tuple[Video, dict[str, Any]]:
    """The video named, and what `ecg.videos.render` is to know of its captions."""
    style = style_named(body.style)  # an unknown one is refused now, not by a worker later
    video = owned_video(body.video_id) if body.video_id else sent_to(body.video_url or "")
    return video, {"scenario_key": _keep_scenario(video, body), "strength": body.strength, **_named(style)}


def _of_project(project_id: str) -> tuple[Video, dict[str, Any]]:
    """The same of a project as it is now."""
    row = owned_project(project_id)
    kept, video = present_version(row), owned_video(row.video_id)
    draft = draft_of(kept)
    if isinstance(draft.style, Style):
        style = {"style": draft.style.name, "own_style": draft.style.to_json()}
    else:
        style = _named(style_named(draft.style))
    project = {"project_id": row.id, "project_version": kept.version, "project_key": kept.key}
    return video, {"scenario_key": None, "strength": draft.strength, "project": project, **style}


def _named(style: Style) -> dict[str, Any]:
    return {"style": style.name, "own_style": None if style.name in style_names() else style.to_json()}


def _keep_scenario(video: Video, body: RenderBody) -> str | None:
    """Check the scenario sent, and keep it; its key."""
    if body.scenario is None:
        return None
    content = json.dumps(Scenario.from_json(body.scenario).to_json(), ensure_ascii=False).encode()
    return keep_beside(video, "scenario", ".json", content)
