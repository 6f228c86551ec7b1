"""Lists, page by page: each thing is on exactly one page, whatever they have in common."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import insert

from ecg.db import transaction
from ecg.models import Job, Project, Video
from tests.web.person import Person

COUNT = 23
#: Path of a list, the field that holds it, and the field that tells one thing from another.
LISTS = [
    ("/api/videos", "videos", "id"), ("/api/jobs", "jobs", "id"), ("/api/projects", "projects", "id"),
    ("/api/render/history", "renders", "jobId"), ("/api/upload-video/jobs", "jobs", "job_id"),
]  # fmt: skip


def same_instant(person: Person) -> None:
    """Videos, each with an analysis, a render and a project, which all began in the same microsecond."""
    user = {"user_id": person.get("/api/auth/me").json["id"], "created_at": "2026-01-01T00:00:00Z"}
    videos = [str(uuid.uuid4()) for _ in range(COUNT)]
    jobs = {"status": "done", "params": {"style": "minimal"}, "percent": 100, "warnings": [], **user}
    with transaction() as session:
        session.execute(insert(Video), [
            {"id": video, "status": "uploading", "filename": "a", "content_type": "video/mp4",
             "upload_key": video, **user} for video in videos
        ])  # fmt: skip
        session.execute(insert(Job), [
            {"id": str(uuid.uuid4()), "video_id": video, "kind": kind, **jobs}
            for video in videos for kind in ("analysis", "render")
        ])  # fmt: skip
        session.execute(insert(Project), [
            {"id": str(uuid.uuid4()), "video_id": video, "name": "mine", "version": 1, **user}
            for video in videos
        ])  # fmt: skip


def pages(person: Person, path: str, field: str, **query: Any) -> list[list[dict[str, Any]]]:
    """All pages until an empty one."""
    found: list[list[dict[str, Any]]] = []
    while not found or found[-1]:
        found.append(person.get(path, page=len(found) + 1, **query).json[field])
    return found[:-1]


def test_things_of_the_same_instant_are_each_on_one_page(ann: Person) -> None:
    same_instant(ann)
    for path, field, name in LISTS:
        total = ann.get(path, limit=1).json["total"]
        assert total == (2 * COUNT if path == "/api/jobs" else COUNT)
        listed = [thing[name] for page in pages(ann, path, field, limit=5) for thing in page]
        assert len(listed) == len(set(listed)) == total, path
        assert listed == [thing[name] for page in pages(ann, path, field, limit=7) for thing in page]
    renders = [job for page in pages(ann, "/api/jobs", "jobs", limit=5, kind="render") for job in page]
    assert len({job["id"] for job in renders}) == COUNT


def test_a_page_is_one_of_at_most_a_hundred(ann: Person) -> None:
    for path, _, _ in LISTS:
        for query in ({"page": 0}, {"page": 10**30}, {"limit": 0}, {"limit": 101}, {"limit": "x"}):
            answer = ann.get(path, **query)
            assert (answer.status_code, answer.json["error"]["code"]) == (400, "BAD_REQUEST"), path
    assert ann.get("/api/jobs", page=100_000, limit=100).json["jobs"] == []
