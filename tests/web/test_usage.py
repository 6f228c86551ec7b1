"""What one has had done, what is left, and that nothing passes the quotas by."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from ecg import config
from ecg.db import transaction
from ecg.web.app import create_app
from tests.web.person import Person, fail, work_off
from tests.web.test_access import OPEN, ids_of, kind, routes, send


def move(job_id: str, **moments: str) -> None:
    """Give a job other moments."""
    columns = ", ".join(f"{name} = :{name}" for name in moments)
    with transaction() as session:
        session.execute(text(f"UPDATE jobs SET {columns} WHERE id = :job"), {"job": job_id, **moments})


def test_jobs_are_counted_by_day_month_and_kind(ann: Person, bob: Person) -> None:
    video_id, analysis_id = ann.analysed_video()
    render_id = ann.render(video_id)
    fail(ann.analysis(video_id))
    ann.post(f"/api/jobs/{render_id}/cancel")
    bob.analysed_video()
    move(analysis_id, started_at="2026-01-01T00:00:00Z", finished_at="2026-01-01T00:00:30Z")
    told = ann.get("/api/usage").json
    (analyses, renders), = (told["days"],)
    assert {**analyses, "begins": ..., "processing_s": ...} == {
        "begins": ..., "kind": "analysis", "jobs": 2, "done": 1, "failed": 1, "cancelled": 0,
        "success_share": 0.5, "processing_s": ..., "media_minutes": 0.05,
    }  # fmt: skip
    assert 30 <= analyses["processing_s"] < 60
    assert {**renders, "begins": ...} == {
        "begins": ..., "kind": "render", "jobs": 1, "done": 0, "failed": 0, "cancelled": 1,
        "success_share": None, "processing_s": 0, "media_minutes": 0,
    }  # fmt: skip
    assert [{**month, "begins": ...} for month in told["months"]] == [
        {**day, "begins": ...} for day in told["days"]
    ]


def test_a_day_begins_at_the_midnight_of_the_time_zone_named(ann: Person) -> None:
    video_id, first = ann.analysed_video()
    second = ann.analysis(video_id)
    with transaction() as session:
        # The last day of a month in UTC, and the first one in Seoul; not long ago.
        month = "date_trunc('month', now() AT TIME ZONE 'UTC')"
        moment = session.scalar(text(f"SELECT {month} - interval '1 hour'"))
    for job_id in (first, second):
        move(job_id, created_at=f"{moment}Z")

    def begins(zone: str) -> list[str]:
        told = ann.get("/api/usage", timezone=zone, days=60).json
        assert told["timezone"] == zone
        assert all(period["jobs"] == 2 for period in told["days"] + told["months"])
        return [period["begins"] for period in told["days"] + told["months"]]

    day, month = begins("UTC")
    assert day == f"{moment:%Y-%m-%d}"
    assert month == f"{moment:%Y-%m}-01"
    in_seoul = begins("Asia/Seoul")
    assert in_seoul[0] == in_seoul[1] > day
    assert ann.get("/api/usage", timezone="UTC", days=1, months=1).json["months"] == []


def test_a_period_that_is_none_is_refused(ann: Person) -> None:
    bad: list[dict[str, Any]] = [
        {"timezone": "Asia/Nowhere"}, {"timezone": "UTC+9"}, {"timezone": "a'b"}, {"timezone": "../x"},
        {"days": 0}, {"days": 367}, {"months": 37}, {"days": "nan"},
    ]  # fmt: skip
    for query in bad:
        answer = ann.get("/api/usage", **query)
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "BAD_REQUEST"), query


def test_what_is_left_of_the_quotas_is_told_and_comes_with_every_render(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    started = ann.post("/api/render/create", videoId=video_id)
    assert re.fullmatch(r'"day";r=9;t=\d+, "month";r=99;t=\d+, "at_once";r=1', started.headers["RateLimit"])
    quotas = {(quota["resource"], quota["period"]): quota for quota in ann.get("/api/usage").json["quotas"]}
    day = quotas["renders", "day"]
    assert (day["used"], day["limit"], day["left"]) == (1, 10, 9)
    assert day["resets_at"] > started.json["createdAt"]
    assert quotas["analyses", "at_once"]["limit"] is None


def test_no_request_starts_a_render_that_is_not_charged(
    app: Flask, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ids_of(ann)
    monkeypatch.setenv("ECG_RENDERS_PER_DAY", "1")  # which is used up
    monkeypatch.setenv("ECG_RENDERS_AT_ONCE", "0")
    config.settings.cache_clear()
    ann.client = create_app().test_client()
    for route in set(routes(app)) - OPEN:
        # A cancelled render is given back, and who is signed out starts nothing.
        if route.startswith(("POST", "PUT")) and not ("/cancel" in route or "/auth/" in route):
            send(ann, route, ids[kind(route)], ann.headers)
    for project in ann.get("/api/projects").json["projects"]:
        refused = ann.post("/api/render/create", projectId=project["id"])
        assert (refused.status_code, refused.json["error"]["code"]) == (429, "QUOTA_EXCEEDED")
        assert refused.json["error"]["details"]["resets_at"]
        assert int(refused.headers["Retry-After"]) > 0
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM jobs WHERE kind = 'render'")) == 1


def test_no_way_to_bring_a_video_passes_the_bytes_that_one_may_keep(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ann.analysed_video()[0]
    monkeypatch.setenv("ECG_USER_BYTES", "10")
    monkeypatch.setenv("ECG_MAX_UPLOAD_BYTES", "20")
    monkeypatch.setenv("ECG_PARTS_ABOVE_BYTES", "15")
    config.settings.cache_clear()
    ann.client = create_app().test_client()
    described = {"filename": "talk.mp4", "content_type": "video/mp4"}

    def ways() -> Iterator[tuple[str, TestResponse]]:
        for size_bytes in (11, 16):
            yield "/api/uploads", ann.post("/api/uploads", **described, size_bytes=size_bytes)
        yield "generate-url", ann.post("/api/upload-video/generate-url", **described)
        yield "from-url", ann.post("/api/videos/from-url", url="https://example.org/talk.mp4")
        for path in ("/transcribe", "/v1/audio/transcriptions"):
            form = {"file": (io.BytesIO(b"twelve bytes"), "talk.mp3")}
            form |= {"model": "whisper-1"} if path.startswith("/v1/") else {}
            yield path, ann.client.post(path, data=form, headers=ann.headers)

    for path, refused in ways():
        assert (refused.status_code, refused.json["error"]["code"]) == (429, "QUOTA_EXCEEDED"), path
    assert [video["id"] for video in ann.get("/api/videos").json["videos"]] == [kept]
    standing = {quota["resource"]: quota for quota in ann.get("/api/usage").json["quotas"]}
    assert standing["bytes"]["limit"] == 10
    assert standing["bytes"]["used"] == ann.get(f"/api/videos/{kept}").json["size_bytes"]


def test_no_way_to_ask_for_an_analysis_passes_the_number_at_once(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECG_ANALYSES_AT_ONCE", "1")
    config.settings.cache_clear()
    video_id, _ = ann.analysed_video()
    key = f"uploads/{ann.get('/api/auth/me').json['id']}/{video_id}/source"
    first = ann.analysis(video_id)
    asks: list[tuple[str, dict[str, Any]]] = [
        (f"/api/videos/{video_id}/analyze", {}),
        ("/api/videos/from-url", {"url": "https://example.org/talk.mp4"}),
        ("/api/upload-video/request-process", {"fileKey": key}),
        ("/api/upload-video/process-video", {"video_url": f"/store/{key}", "job_id": first}),
    ]
    for path, body in asks:
        refused = ann.post(path, **body)
        assert (refused.status_code, refused.json["error"]["code"]) == (429, "QUOTA_EXCEEDED"), path
    work_off(first)
    for path, body in asks:
        accepted = ann.post(path, **body)
        assert accepted.status_code == 202, accepted.text
        ann.post(f"/api/jobs/{accepted.json['job_id']}/cancel")
