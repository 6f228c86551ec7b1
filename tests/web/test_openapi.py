"""The OpenAPI document says what the server does: every route, who may ask, and what is answered."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

import ecg
from ecg.errors import codes
from ecg.web.app import FOR_PEOPLE, PUBLIC
from ecg.web.document import path_of
from tests.web.person import Person

#: Not part of the API: pages and what they are made of.
UNDOCUMENTED = {
    "/", "/static/{filename}", "/player/{filename}", "/player/fonts/{filename}", "/docs", "/docs/{filename}",
}  # fmt: skip
ANALYSIS = ["POST /api/videos/{video_id}/analyze", "GET /api/videos/{video_id}/result"]
RENDER = ["POST /api/render/create", "GET /api/render/{job_id}/status"]
#: By which operations each requirement can be used: an operation, or what the paths of several begin with.
REQUIREMENTS: dict[str, list[str]] = {
    "A1": ["POST /api/uploads", "POST /api/uploads/{video_id}/complete",
           "POST /api/upload-video/generate-url"],
    "A2": ["/api/uploads"],
    "A3": ["POST /api/videos/from-url"],
    "A4": ["GET /api/upload-video/download-url/{file_key}"],
    "A5": ["PUT /store/{key}", "GET /store/{key}"],
    "A6": ANALYSIS,
    "A7": ["GET /api/videos/{video_id}/result", "GET /api/upload-video/download-url/{file_key}",
           "/api/videos"],
    "B1": ANALYSIS,
    "B2": ANALYSIS,
    "B3": ANALYSIS,
    "B4": ANALYSIS,
    "B5": [*ANALYSIS, "GET /api/videos/{video_id}/prosody"],
    "B6": ANALYSIS,
    "B7": ANALYSIS,
    "B8": ANALYSIS,
    "B9": ANALYSIS,
    "B10": ["GET /api/jobs/{job_id}"],
    "B11": ["GET /api/jobs/{job_id}", "GET /api/jobs/{job_id}/events"],
    "B12": ANALYSIS,
    "B13": ANALYSIS,
    "B14": [*ANALYSIS, "GET /api/config"],
    "B15": ["POST /transcribe", "GET /jobs/{job_id}"],
    "C1": ["GET /api/videos/{video_id}/scenario", "POST /api/render/create"],
    "C2": ["/api/styles"],
    "C3": ["GET /api/videos/{video_id}/scenario"],
    "C4": RENDER,
    "C5": RENDER,
    "C6": RENDER,
    "C7": ["GET /api/videos/{video_id}/captions/{format}", "POST /api/videos/{video_id}/analyze"],
    "C8": RENDER,
    "C9": RENDER,
    "C10": RENDER,
    "C11": ["POST /api/jobs/{job_id}/cancel", "POST /api/render/{job_id}/cancel", "GET /api/render/history"],
    "D1": [
        "POST /api/upload-video/generate-url", "POST /api/upload-video/request-process",
        "POST /api/upload-video/process-video", "POST /api/upload-video/result",
        "GET /api/upload-video/status/{job_id}", "GET /api/upload-video/jobs",
    ],
    "D2": [*RENDER, "POST /api/render/{job_id}/cancel", "GET /api/render/history", "/api/projects"],
    "D3": ["/api/auth", "/api/keys", "/api/admin"],
    "D4": ["POST /api/render/create", "POST /api/videos/{video_id}/analyze"],
    "D5": ["GET /api/jobs/{job_id}", "GET /api/jobs/{job_id}/events", "/api/jobs", "/api/webhooks"],
    "D6": ["GET /openapi.json"],
    "D7": ["GET /health", "GET /ready", "GET /metrics"],
    "D8": ["POST /v1/audio/transcriptions"],
    "D9": ["POST /api/videos/{video_id}/analyze", "POST /api/videos/from-url", "POST /api/render/create",
           "POST /api/upload-video/request-process", "POST /api/upload-video/process-video"],
    "D10": ["GET /openapi.json", "GET /api/config"],
    "D11": ["/api/usage"],
    "E1": ["/actors", "/tokens", "/scripts", "/mypage"],
    "E2": ["POST /tokens/{token_id}/upload-audio", "GET /tokens/analysis-progress/{job_id}"],
    "E3": ["POST /scripts/{script_id}/upload-audio"],
}  # fmt: skip
#: What the table names and nobody has made yet.
TO_COME = {
    "/actors", "/tokens", "/scripts", "/mypage", "POST /tokens/{token_id}/upload-audio",
    "GET /tokens/analysis-progress/{job_id}", "POST /scripts/{script_id}/upload-audio",
}  # fmt: skip


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    return app.test_client().get("/openapi.json").json


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{method.upper()} {path}": operation for path, item in document["paths"].items()
            for method, operation in item.items()}  # fmt: skip


def routes(app: Flask) -> dict[str, str]:
    """The endpoint of each documented route."""
    return {f"{method} {path}": rule.endpoint for rule in app.url_map.iter_rules()
            if (path := path_of(rule.rule)) not in UNDOCUMENTED
            for method in rule.methods - {"HEAD", "OPTIONS"}}  # fmt: skip


def means(named: str, operation: str) -> bool:
    """Whether what the table names is this operation, or what its path begins with."""
    path = operation.partition(" ")[2]
    return named in (operation, path) or (named.startswith("/") and path.startswith(f"{named}/"))


def test_the_document_is_valid_and_of_this_version(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == ecg.__version__
    OpenAPIV31SpecValidator(document).validate()


def test_routes_and_operations_are_the_same(app: Flask, document: dict[str, Any]) -> None:
    assert set(operations(document)) == set(routes(app))
    assert {path_of(rule.rule) for rule in app.url_map.iter_rules()} >= UNDOCUMENTED


def test_every_requirement_has_its_operations(document: dict[str, Any]) -> None:
    there = operations(document)
    for row, names in REQUIREMENTS.items():
        for name in set(names) - TO_COME:
            assert any(means(name, operation) for operation in there), f"{row}: there is no {name}"


def test_every_operation_serves_a_requirement(document: dict[str, Any]) -> None:
    names = {name for named in REQUIREMENTS.values() for name in named}
    for operation in operations(document):
        assert any(means(name, operation) for name in names), f"which requirement is {operation} for?"


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(ids) == len(set(ids))


def test_every_operation_is_told_in_a_sentence(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        assert operation["summary"].endswith("."), name
        assert operation["tags"], name


def test_the_document_says_who_may_ask(app: Flask, document: dict[str, Any]) -> None:
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key", "metrics"}
    for name, endpoint in routes(app).items():
        told = operations(document)[name].get("security", [])
        people_only = endpoint.partition(".")[0] in FOR_PEOPLE
        if endpoint == "jobs.events":  # the streams ask for a token; the web tier only says where they are
            assert {} in told
        elif endpoint == "metrics.metrics":
            assert told == [{"metrics": []}]
        elif endpoint in PUBLIC:
            assert not told, name
        else:
            assert told == [{"bearer": []}, *([] if people_only else [{"api_key": []}])], name


def test_refusals_are_told_where_they_can_be_met(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        told = set(operation["responses"])
        places = {parameter["in"] for parameter in operation.get("parameters", ())}
        secured = operation.get("security", [])
        assert ("401" in told) >= (bool(secured) and {} not in secured), name
        assert ("403" in told) >= ({"api_key": []} in secured), name
        assert ("404" in told) >= ("path" in places), name
        assert ("413" in told) == ("requestBody" in operation), name
        assert ("400" in told) == (bool(places) or "requestBody" in operation), name
        assert any(status < "400" for status in told), name
    assert set(operations(document)["GET /health"]["responses"]) == {"200"}
    assert "429" not in operations(document)["GET /api/jobs"]["responses"]
    assert "429" in operations(document)["POST /api/render/create"]["responses"]


def test_every_refusal_has_the_one_shape_and_its_codes_are_listed(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        for status, answer in operation["responses"].items():
            if status >= "400" and status not in {"414", "431"} and name != "GET /ready":
                assert answer["content"] == {
                    "application/json": {"schema": {"$ref": "#/components/schemas/ErrorReply"}}
                }, f"{name} {status}"
    listed = document["components"]["schemas"]["ErrorDetail"]["properties"]["code"]["enum"]
    assert set(listed) > codes()


def test_the_codes_of_other_refusals_are_listed_too(ann: Person, document: dict[str, Any]) -> None:
    listed = document["components"]["schemas"]["ErrorDetail"]["properties"]["code"]["enum"]
    too_large = {"data": b" " * 9_000_000, "content_type": "application/json"}
    for answer in (
        ann.put("/api/jobs"), ann.get("/nothing"),
        ann.client.post("/api/keys", headers=ann.headers, **too_large),
        ann.client.get(_link(ann), headers={"Range": "bytes=99-"}),
    ):  # fmt: skip
        assert answer.status_code >= 400
        assert answer.json["error"]["code"] in listed


def _link(person: Person) -> str:
    return person.get(f"/api/videos/{person.video()}").json["url"]


def test_what_is_limited_in_length_or_form_says_so(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    email = schemas["SignUpBody"]["properties"]["email"]
    assert email["maxLength"] == 254
    assert re.search(email["pattern"], "ann@example.org")
    assert not re.search(email["pattern"], "ann@exam\nple.org")
    for name in ("LoginBody", "KeyBody", "ProcessVideoBody", "UploadBody"):
        assert schemas[name]["additionalProperties"] is False, name
        assert json.dumps(schemas[name]).count('"maxLength"'), name
