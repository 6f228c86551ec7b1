"""Projects: captions of a video that their user edits, saved version by version."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from ecg import projects
from ecg.captions import Draft, Scenario, Style, sidecars
from ecg.db import transaction
from ecg.errors import PreconditionRequired
from ecg.models import Project, ProjectVersion, Video
from ecg.transcript import Transcript
from ecg.web.api import blueprint, refusals, store
from ecg.web.replies import (
    ProjectReply,
    ProjectsReply,
    ProjectSummary,
    ProjectVersionReply,
    ProjectVersionsReply,
)
from ecg.web.requests import (
    ExportQuery,
    ImportBody,
    MatchHeader,
    NewProjectBody,
    PageQuery,
    ProjectBody,
    ProjectPath,
    ProjectsQuery,
    ProjectVersionPath,
)
from ecg.web.styles import style_named
from ecg.web.tokens import user_id
from ecg.web.videos import keep_beside, owned, picture_of, sidecar, stem, transcript_of

bp = blueprint("projects", __name__, "Captions that you edit", prefix="/api/projects")

_Answer = tuple[ProjectReply | ProjectSummary, int, dict[str, str]]
_FILE = {"description": "A file", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}


@bp.post("", responses={201: ProjectReply, **refusals(404)})
def create(body: NewProjectBody) -> _Answer:
    """Begin to edit: the words of a video's newest finished analysis, or those of a caption file."""
    video = owned(body.video_id)
    if body.captions is None:
        transcript = transcript_of(video)
    else:
        transcript = _imported(body.captions, body.language, video)
    draft = Draft.of(transcript).changed(body.sent())
    kept, name = _keep(video, draft), body.name or stem(video.filename)
    with transaction() as session:
        row = projects.create(session, user_id(), video.id, name=name, **kept)
    reply, _, headers = _whole(row, draft)
    return reply, 201, {**headers, "Location": f"/api/projects/{row.id}"}


@bp.get("", responses={200: ProjectsReply})
def page(query: ProjectsQuery) -> ProjectsReply:
    """Your projects, newest first."""
    with transaction() as session:
        rows, total = projects.page(session, user_id(), offset=query.offset, limit=query.limit,
                                    video_id=query.video_id)  # fmt: skip
    return ProjectsReply(projects=[ProjectSummary.model_validate(row) for row in rows], page=query.page,
                         limit=query.limit, total=total)  # fmt: skip


@bp.get("/<uuid:project_id>", responses={200: ProjectReply, 304: {"description": "If-None-Match holds it"}})
def project(path: ProjectPath) -> _Answer | Response:
    """A project as it is now. `If-None-Match` with its `ETag` saves what you have from being sent again."""
    row = owned_project(path.project_id)
    if request.if_none_match.contains_weak(str(row.version)):
        return Response(status=304, headers=_etag(row))
    return _whole(row, draft_of(present_version(row)))


@bp.put("/<uuid:project_id>", responses={200: ProjectSummary, **refusals(428)})
def save(header: MatchHeader, path: ProjectPath, body: ProjectBody) -> _Answer:
    """Save the next version. What is left out stays as it is. `If-Match` is needed."""
    row = _seen(path.project_id)
    draft = draft_of(present_version(row)).changed(body.sent())
    saved = _save(row, draft, body.name or row.name)
    return ProjectSummary.model_validate(saved), 200, _etag(saved)


@bp.delete("/<uuid:project_id>", responses={204: None})
def delete(header: MatchHeader, path: ProjectPath) -> tuple[str, int]:
    """Delete a project with all its versions; with `If-Match` only if nobody has changed it since."""
    seen = _seen(path.project_id).version if request.if_match else None
    with transaction() as session:
        projects.remove(session, user_id(), path.project_id, seen=seen)
    return "", 204


@bp.post("/<uuid:project_id>/import", responses={200: ProjectReply, **refusals(428)})
def import_captions(header: MatchHeader, path: ProjectPath, body: ImportBody) -> _Answer:
    """Take the words and times of a caption file in place of the project's own. `If-Match` is needed.

    How they sound is not measured: to have that, ask for an analysis with `captions`.
    """
    row = _seen(path.project_id)
    before = draft_of(present_version(row))
    read = Draft.of(_imported(body.captions, body.language, owned(row.video_id)))
    draft = Draft(read.transcript, before.style, before.strength, before.colors)
    return _whole(_save(row, draft, row.name), draft)


@bp.get("/<uuid:project_id>/export", responses={200: _FILE, **refusals(422)})
def export(path: ProjectPath, query: ExportQuery) -> Response:
    """The captions as a file: srt, vtt, ass, ttml, txt, or json, which is their scenario."""
    row = owned_project(path.project_id)
    draft, video = draft_of(present_version(row)), owned(row.video_id)
    return sidecar(lambda: composed(draft, video, query.width, query.height), query.format, row.name)


@bp.get("/<uuid:project_id>/versions", responses={200: ProjectVersionsReply})
def versions(path: ProjectPath, query: PageQuery) -> ProjectVersionsReply:
    """The versions that are kept, newest first."""
    row = owned_project(path.project_id)
    with transaction() as session:
        kept, total = projects.versions(session, row, offset=query.offset, limit=query.limit)
    return ProjectVersionsReply(versions=[ProjectVersionReply.model_validate(version) for version in kept],
                                page=query.page, limit=query.limit, total=total)  # fmt: skip


@bp.get("/<uuid:project_id>/versions/<int:version>", responses={200: ProjectReply})
def version(path: ProjectVersionPath) -> ProjectReply:
    """A project as it was. Save it again to go back to it."""
    row = owned_project(path.project_id)
    with transaction() as session:
        found = projects.version(session, row, path.version)
    shown = ProjectSummary.model_validate(row).model_dump()
    past = {"version": found.version, "updated_at": found.created_at}
    return ProjectReply(**{**shown, **past}, **draft_of(found).to_json())


def owned_project(project_id: str) -> Project:
    """The caller's project."""
    with transaction() as session:
        return projects.owned(session, user_id(), project_id)


def present_version(row: Project) -> ProjectVersion:
    """The version that a project is at."""
    with transaction() as session:
        return projects.version(session, row, row.version)


def draft_of(kept: ProjectVersion) -> Draft:
    """What a version holds."""
    with store().open(kept.key) as file:
        return Draft.from_json(json.load(file))


def style_of(draft: Draft) -> Style:
    """The style of a draft, in its strength."""
    if isinstance(draft.style, Style):
        return draft.style.with_strength(draft.strength)
    return style_named(draft.style, draft.strength)


def composed(draft: Draft, video: Video, width: int | None = None, height: int | None = None) -> Scenario:
    """What a draft shows, in the video's own picture or in another."""
    own_width, own_height = picture_of(video)
    return draft.composed(style_of(draft), width or own_width, height or own_height)


def _seen(project_id: str) -> Project:
    """The caller's project, at the version that he says he has seen."""
    row = owned_project(project_id)
    if not request.if_match:
        raise PreconditionRequired(
            "Send the ETag of the version that you have changed as If-Match, so that nobody's work is lost."
        )
    if not request.if_match.contains(str(row.version)):
        raise projects.changed_meanwhile(row)
    return row


def _imported(captions: str, language: str | None, video: Video) -> Transcript:
    known = language if language and language != "auto" else ""
    return sidecars.read(captions.encode(), known, (video.media or {}).get("duration_s"))


def _keep(video: Video, draft: Draft) -> dict[str, Any]:
    """Put a draft into the store; what its version is to say of it."""
    style_of(draft)  # an unknown one is refused now
    content = json.dumps(draft.to_json(), ensure_ascii=False).encode()
    return {"key": keep_beside(video, "project", ".json", content), "size_bytes": len(content)}


def _save(row: Project, draft: Draft, name: str) -> Project:
    kept = _keep(owned(row.video_id), draft)
    with transaction() as session:
        return projects.save(session, user_id(), row.id, seen=row.version, name=name, **kept)


def _whole(row: Project, draft: Draft) -> _Answer:
    reply = ProjectReply(**ProjectSummary.model_validate(row).model_dump(), **draft.to_json())
    return reply, 200, _etag(row)


def _etag(row: Project) -> dict[str, str]:
    return {"ETag": f'"{row.version}"'}
