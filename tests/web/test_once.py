"""Requests that start work, sent again; and the renders that a user may not start."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from werkzeug.test import TestResponse

from ecg import config, db
from ecg.config import settings
from ecg.db import transaction
from ecg.storage import store
from ecg.web.app import create_app
from tests.web.person import Person, fail, work_off


def send(person: Person, path: str, key: str | None = "k1", **body: Any) -> TestResponse:
    headers = person.headers if key is None else {**person.headers, "Idempotency-Key": key}
    return person.client.post(path, json=body, headers=headers)


def count(table: str) -> int:
    with transaction() as session:
        return session.scalar(text(f"SELECT count(*) FROM {table}")) or 0


def starts(ann: Person) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every way to start work: path, a body, another body."""
    video_id, _ = ann.analysed_video()
    key = next(key for key in store(settings()).keys("uploads/") if video_id in key)
    return [
        (f"/api/videos/{video_id}/analyze", {"language": "ko", "speakers": 2}, {"language": "en"}),
        ("/api/upload-video/request-process", {"fileKey": key}, {"fileKey": key, "language": "ko"}),
        ("/api/render/create", {"videoId": video_id}, {"videoId": video_id, "strength": 0.5}),
    ]


def test_a_request_sent_again_is_answered_the_same_and_starts_nothing(ann: Person) -> None:
    for path, body, _ in starts(ann):
        before = count("jobs")
        first = send(ann, path, path, **body)
        assert first.status_code == 202, first.text
        assert "Idempotent-Replayed" not in first.headers
        again = send(ann, path, path, **dict(reversed(body.items())))
        assert (again.status_code, again.data) == (first.status_code, first.data)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.content_type == first.content_type
        assert count("jobs") == before + 1


def test_another_request_under_the_same_key_is_refused(ann: Person) -> None:
    for path, body, other in starts(ann):
        assert send(ann, path, path, **body).status_code == 202
        jobs = count("jobs")
        answer = send(ann, path, path, **other)
        assert (answer.status_code, answer.json["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert count("jobs") == jobs
    (analyze, body, _), (process, other, _), _ = starts(ann)
    send(ann, analyze, "k2", **body)
    assert send(ann, process, "k2", **other).status_code == 422, "another path is another request"


def test_without_the_header_every_request_counts(ann: Person) -> None:
    for path, body, _ in starts(ann):
        first, second = send(ann, path, None, **body), send(ann, path, None, **body)
        assert first.status_code == second.status_code == 202
        assert first.data != second.data
    assert count("idempotency_keys") == 0


def test_keys_of_others_are_not_ours(ann: Person, bob: Person) -> None:
    answers = [send(person, f"/api/videos/{person.video()}/analyze") for person in (ann, bob)]
    assert [answer.status_code for answer in answers] == [202, 202]


def test_an_error_is_not_kept(ann: Person) -> None:
    video_id = ann.video()
    early = send(ann, "/api/render/create", videoId=video_id)
    assert early.status_code == 409
    work_off(ann.analysis(video_id))
    assert send(ann, "/api/render/create", videoId=video_id).status_code == 202


def test_the_answer_is_the_same_when_the_video_is_gone_meanwhile(ann: Person) -> None:
    requests = starts(ann)
    first = [send(ann, path, path, **body).data for path, body, _ in requests]
    for video in ann.get("/api/videos").json["videos"]:
        assert ann.delete(f"/api/videos/{video['id']}").status_code == 204
    assert [send(ann, path, path, **body).data for path, body, _ in requests] == first
    for path, body, _ in requests:
        assert send(ann, path, f"{path} anew", **body).status_code == 404


@pytest.mark.parametrize("key", ["", "x" * 256, "k\x01", "k\x7f", "ключ".encode().decode("latin-1")])
def test_a_key_is_255_printable_characters_at_most(ann: Person, key: str) -> None:
    answer = send(ann, f"/api/videos/{ann.video()}/analyze", key)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json["error"]["message"]
    assert send(ann, f"/api/videos/{ann.video()}/analyze", "~ !" + "x" * 252).status_code == 202


def test_the_document_names_the_header_on_every_route_that_starts_work(app: Flask) -> None:
    paths = app.test_client().get("/openapi.json").json["paths"]
    starting = [path for path, item in paths.items() if "202" in item.get("post", {}).get("responses", {})]
    assert len(starting) >= 3
    for path in starting:
        headers = {parameter["name"]: parameter for parameter in paths[path]["post"]["parameters"]
                   if parameter["in"] == "header"}  # fmt: skip
        assert not headers["Idempotency-Key"].get("required"), path
        assert "Errors are not kept" in headers["Idempotency-Key"]["description"]


def test_no_request_holds_two_connections(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """So threads that wait for one another's rows never also wait for one another's connections."""
    narrow = create_engine(settings().database_url, pool_size=1, max_overflow=0, pool_timeout=1)
    with monkeypatch.context() as narrowed:
        narrowed.setattr(db, "engine", lambda: narrow)
        for path, body, _ in starts(ann):
            for _ in range(2):
                assert send(ann, path, path, **body).status_code == 202
        for path in ("/api/jobs", "/api/videos", "/api/render/history"):
            assert ann.get(path).status_code == 200
    narrow.dispose()


def test_a_scenario_sent_again_is_kept_once_in_the_store(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    scenario = ann.get(f"/api/videos/{video_id}/scenario").json
    for key in ("k1", "k1", "k2"):
        answer = send(ann, "/api/render/create", key, videoId=video_id, scenario=scenario)
        assert answer.status_code == 202
    kept = [key for key in store(settings()).keys("uploads/") if "scenario" in key]
    assert len(kept) == 1
    with store(settings()).open(kept[0]) as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    assert digest[:32] in kept[0]


def limited(monkeypatch: pytest.MonkeyPatch, **limits: int) -> Person:
    for name in ("PER_DAY", "PER_MONTH", "AT_ONCE"):
        monkeypatch.setenv(f"ECG_RENDERS_{name}", str(limits.get(name.lower(), 0)))
    config.settings.cache_clear()
    return Person(create_app(), "eve@example.org")


@pytest.mark.parametrize("period", ["day", "month"])
def test_one_render_too_many_is_refused_with_when_to_come_back(
    database: str, monkeypatch: pytest.MonkeyPatch, period: str
) -> None:
    eve = limited(monkeypatch, **{f"per_{period}": 1})
    video_id, _ = eve.analysed_video()
    work_off(eve.render(video_id))
    answer = send(eve, "/api/render/create", videoId=video_id)
    assert (answer.status_code, answer.json["error"]["code"]) == (429, "QUOTA_EXCEEDED")
    details = answer.json["error"]["details"]
    assert (details["period"], details["limit"], details["used"]) == (period, 1, 1)
    assert 0 < int(answer.headers["Retry-After"]) <= (1 if period == "day" else 31) * 86400
    assert count("jobs") == 2
    assert count("idempotency_keys") == 0


def test_renders_at_once_are_limited_and_a_refusal_costs_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve = limited(monkeypatch, at_once=1, per_day=2)
    video_id, _ = eve.analysed_video()
    first = eve.render(video_id)
    refused = send(eve, "/api/render/create", videoId=video_id)
    assert refused.json["error"]["details"]["period"] == "at_once"
    assert "Retry-After" not in refused.headers
    work_off(first)
    again = send(eve, "/api/render/create", videoId=video_id)
    assert again.status_code == 202, "the key was not used up, nor was the day"
    assert send(eve, "/api/render/create", videoId=video_id).data == again.data, "a replay is not charged"


def test_a_render_that_fails_or_is_deleted_while_at_work_is_given_back(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve = limited(monkeypatch, per_day=1)
    video_id, _ = eve.analysed_video()
    fail(eve.render(video_id))
    eve.render(video_id)
    assert eve.delete(f"/api/videos/{video_id}").status_code == 204
    other, _ = eve.analysed_video()
    work_off(eve.render(other))
    assert eve.delete(f"/api/videos/{other}").status_code == 204
    last, _ = eve.analysed_video()
    refused = eve.post("/api/render/create", videoId=last)
    assert refused.status_code == 429, "deleting what was made gives nothing back"
