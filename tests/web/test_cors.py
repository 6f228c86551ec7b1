"""Pages of other servers, and the version that every answer names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import ecg
from ecg import config
from ecg.errors import BadRequest
from ecg.web import streams
from ecg.web.app import create_app
from tests.web.person import Person

LISTED, OTHER = "https://app.example.org", "https://evil.example"


@pytest.fixture
def app_for(database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Flask]:
    """Makes the app that a function makes, for pages of these origins."""

    def make(origins: str, create: Callable[[], Flask] = create_app) -> Flask:
        monkeypatch.setenv("ECG_CORS_ORIGINS", origins)
        config.settings.cache_clear()
        return create()

    return make


def ask(app: Flask, origin: str) -> TestResponse:
    return app.test_client().get("/api/config", headers={"Origin": origin})


def preflight(app: Flask, origin: str) -> TestResponse:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization, idempotency-key, x-ecg-client"}  # fmt: skip
    return app.test_client().options("/api/render/create", headers=asked)


def test_by_default_no_page_of_another_server_may_read_anything(app: Flask) -> None:
    for answer in (ask(app, LISTED), preflight(app, LISTED)):
        assert not [name for name in dict(answer.headers) if name.startswith("Access-Control")]


def test_only_listed_pages_may_read_and_never_with_cookies(app_for: Callable[..., Flask]) -> None:
    app = app_for(f"{LISTED}, http://localhost:3000")
    for origin in (LISTED, "http://localhost:3000"):
        for answer in (ask(app, origin), preflight(app, origin)):
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Origin" in answer.headers["Vary"]
    allowed = preflight(app, LISTED).headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed
    assert "idempotency-key" in allowed
    assert "x-ecg-client" not in allowed, "cookies are for the page of this server"
    for origin in (OTHER, f"{LISTED}.evil.example", "https://app-example.org", "http://app.example.org",
                   f"{LISTED}:8443", "null"):  # fmt: skip
        for answer in (ask(app, origin), preflight(app, origin)):
            assert "Access-Control-Allow-Origin" not in answer.headers, origin


def test_all_pages_may_be_let_in_but_not_with_cookies(app_for: Callable[..., Flask]) -> None:
    answer = ask(app_for("*"), OTHER)
    assert answer.headers["Access-Control-Allow-Origin"] in {"*", OTHER}
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_refusals_can_be_read_by_listed_pages_too(app_for: Callable[..., Flask]) -> None:
    answer = app_for(LISTED).test_client().get("/api/videos", headers={"Origin": LISTED})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, LISTED)


def test_event_streams_follow_the_same_list(app_for: Callable[..., Flask]) -> None:
    app = app_for(LISTED, streams.create_app)
    path = "/api/jobs/11111111-2222-4333-8444-555555555555/events"
    for origin, allowed in ((LISTED, LISTED), (OTHER, None)):
        answer = app.test_client().options(path, headers={"Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed


@pytest.mark.parametrize("origins", ["example.org", "https://a.example/path", "https://*.example", "ftp://a"])
def test_what_is_no_origin_is_refused_by_name(app_for: Callable[..., Flask], origins: str) -> None:
    with pytest.raises(BadRequest, match="ECG_CORS_ORIGINS"):
        app_for(origins)


def test_every_answer_of_the_api_names_its_version(app: Flask, ann: Person) -> None:
    for answer in (ann.get("/api/videos"), app.test_client().get("/api/videos")):
        assert answer.headers["X-ECG-Version"] == ecg.__version__
    assert app.test_client().get("/openapi.json").json["info"]["version"] == ecg.__version__
