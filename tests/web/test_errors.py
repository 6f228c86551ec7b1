"""Whatever goes wrong, the answer has one shape and gives nothing away."""

from __future__ import annotations

import logging

import pytest
from flask import Flask

from ecg import config, db
from ecg.web.app import MAX_BODY_BYTES, create_app
from tests.web.person import Person


def error_of(answer) -> dict:
    assert answer.content_type == "application/json", answer.text
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"code", "message", "details"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.json["error"]


def test_an_unknown_address_and_method_are_told_in_the_one_shape(ann: Person) -> None:
    missing = ann.get("/api/nothing")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "NOT_FOUND")
    assert error_of(ann.get("/api/videos/not-an-id"))["code"] == "NOT_FOUND"
    assert error_of(ann.get("/static/none.js"))["code"] == "NOT_FOUND"
    wrong = ann.client.put("/api/videos", json={}, headers=ann.headers)
    assert (wrong.status_code, error_of(wrong)["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in wrong.headers["Allow"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"text"', b"7", b"\xff\xfe", b"{" * 100_000, b"[" * 100_000]
)
def test_what_is_no_json_object_is_a_bad_request(app: Flask, body: bytes) -> None:
    answer = app.test_client().post("/api/auth/login", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "BAD_REQUEST"


def test_a_body_of_another_type_is_told_which_type_to_send(app: Flask) -> None:
    answer = app.test_client().post("/api/auth/login", data={"email": "a@b", "password": "x"})
    assert answer.status_code == 400
    assert "application/json" in error_of(answer)["message"]


def test_a_body_over_the_limit_is_refused(ann: Person) -> None:
    answer = ann.client.post("/api/render/create", data=b" " * (MAX_BODY_BYTES + 1), headers=ann.headers,
                             content_type="application/json")  # fmt: skip
    assert (answer.status_code, error_of(answer)["code"]) == (413, "REQUEST_ENTITY_TOO_LARGE")


def test_an_unknown_field_is_refused_by_name(ann: Person) -> None:
    answer = ann.post(f"/api/videos/{ann.video()}/analyze", languge="en")
    assert answer.status_code == 400
    assert error_of(answer)["message"] == "languge: there is no such field"
    assert error_of(ann.get("/api/jobs", sort="x"))["message"] == "sort: there is no such field"


def test_what_nobody_foresaw_is_logged_and_not_told(
    app: Flask, ann: Person, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("the password is swordfish")

    app.view_functions["videos.page"] = broken
    with caplog.at_level(logging.ERROR):
        answer = ann.get("/api/videos")
    assert (answer.status_code, error_of(answer)["code"]) == (500, "INTERNAL_ERROR")
    assert "swordfish" not in answer.text
    assert "swordfish" in caplog.text


def test_a_database_that_is_away_is_told_as_such_and_may_be_tried_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = Person(create_app(), "ann@example.org")
    monkeypatch.setenv("DATABASE_URL", "postgresql://ecg@/ecg?host=/nowhere")
    config.settings.cache_clear()
    db.engine.cache_clear()
    for answer in (
        ann.get("/api/videos"),
        ann.client.post("/api/auth/login", json={"email": "a@b", "password": "long enough"}),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert answer.headers["Retry-After"]


def test_every_answer_says_what_browsers_may_do_with_it(ann: Person) -> None:
    page = ann.client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "connect-src 'self' http://localhost:8001 " in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    data = ann.get("/api/videos")
    assert data.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert data.headers["Cache-Control"] == "no-store"
    assert data.headers["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in data.headers
