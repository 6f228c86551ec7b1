"""Renders: videos with captions drawn into the picture."""

from __future__ import annotations

import json

from flask import Response
from sqlalchemy.orm import Session

from ecg import history, videos
from ecg.captions import Scenario, style_names
from ecg.db import transaction
from ecg.models import Job, JobKind, Video
from ecg.quotas import Limits
from ecg.web import present
from ecg.web.api import blueprint, refusals, settings
from ecg.web.jobs import owned, stop
from ecg.web.once import Start, accepted_once
from ecg.web.replies import RenderReply, RendersReply, RenderStartedReply
from ecg.web.requests import JobPath, OnceHeader, PageQuery, RenderBody
from ecg.web.styles import style_named
from ecg.web.tokens import user_id
from ecg.web.videos import keep_beside

bp = blueprint("render", __name__, "Captioned videos", prefix="/api/render")


@bp.post("/create", responses={202: RenderStartedReply, **refusals(404)})
def create(header: OnceHeader, body: RenderBody) -> Response:
    """Draw captions into a video that has been analysed."""
    return accepted_once(header, lambda: _creation(body))


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
    style = style_named(body.style)  # an unknown one is refused now, not by a worker later
    own_style = None if style.name in style_names() else style.to_json()
    with transaction() as session:
        video = videos.owned(session, user_id(), body.video_id)
        analysis = videos.done_analysis(session, video)
        estimate_s = history.usual_seconds(session, JobKind.RENDER, analysis.media_s)
    scenario_key = _keep_scenario(video, body)

    def start(session: Session) -> RenderStartedReply:
        job_id = videos.render(
            session, user_id(), video.id, analysis_id=analysis.id, scenario_key=scenario_key,
            style=body.style, own_style=own_style, strength=body.strength,
            options=body.options.model_dump(), limits=Limits.of(settings()),
        )  # fmt: skip
        created_at = session.get_one(Job, job_id).created_at
        return RenderStartedReply(
            jobId=job_id, estimatedTime=estimate_s, createdAt=created_at,
            status_url=f"/api/render/{job_id}/status", events_url=present.events_url(job_id),
        )  # fmt: skip

    return start


def _keep_scenario(video: Video, body: RenderBody) -> str | None:
    """Check the scenario sent, and keep it; its key."""
    if body.scenario is None:
        return None
    content = json.dumps(Scenario.from_json(body.scenario).to_json(), ensure_ascii=False).encode()
    return keep_beside(video, "scenario", ".json", content)
