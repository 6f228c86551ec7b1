"""Renders: videos with captions drawn into the picture."""

from __future__ import annotations

import json
import tempfile
import uuid
from pathlib import Path

from ecg import history, videos
from ecg.captions import Scenario, load_style
from ecg.db import transaction
from ecg.models import JobKind, Video
from ecg.web import present
from ecg.web.api import blueprint, store
from ecg.web.jobs import owned, stop
from ecg.web.replies import RenderReply, RendersReply, RenderStartedReply
from ecg.web.requests import JobPath, PageQuery, RenderBody
from ecg.web.tokens import user_id

bp = blueprint("render", __name__, "Captioned videos", prefix="/api/render")


@bp.post("/create", responses={202: RenderStartedReply})
def create(body: RenderBody) -> tuple[RenderStartedReply, int]:
    """Draw captions into a video that has been analysed."""
    load_style(body.style, body.strength)  # an unknown style is refused now, not by a worker later
    with transaction() as session:
        video = videos.owned(session, user_id(), body.video_id)
        analysis = videos.done_analysis(session, video)
        estimate_s = history.usual_seconds(session, JobKind.RENDER, analysis.media_s)
    scenario_key = _keep_scenario(video, body)
    with transaction() as session:
        job = videos.render(
            session, user_id(), video.id, analysis_id=analysis.id, scenario_key=scenario_key,
            style=body.style, strength=body.strength, options=body.options.model_dump(),
        )  # fmt: skip
    return RenderStartedReply(
        jobId=job.id, estimatedTime=estimate_s, createdAt=job.created_at,
        status_url=f"/api/render/{job.id}/status", events_url=present.events_url(job.id),
    ), 202  # fmt: skip


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


def _keep_scenario(video: Video, body: RenderBody) -> str | None:
    """Check the scenario sent and put it beside the upload, from where deleting the video removes it."""
    if body.scenario is None:
        return None
    scenario = Scenario.from_json(body.scenario)
    key = f"{video.upload_key.rpartition('/')[0]}/scenario-{uuid.uuid4()}.json"
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "scenario.json"
        written.write_text(json.dumps(scenario.to_json(), ensure_ascii=False))
        store().put(key, written)
    return key
