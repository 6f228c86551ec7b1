"""Who may ask for what: nobody without a token, nobody for somebody else's things."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask

from ecg.captions import load_style
from ecg.config import settings
from ecg.storage import store
from ecg.web.document import path_of
from tests.web.person import Person

#: What anybody may ask for. A route is added here on purpose or not at all.
OPEN = {
    "POST /api/auth/signup", "POST /api/auth/login", "POST /api/auth/refresh", "POST /api/auth/logout",
    "GET /api/auth/google/login", "GET /api/auth/google/callback",
    "GET /api/config", "GET /health", "GET /ready", "GET /openapi.json",
    "GET /docs", "GET /docs/<path:filename>", "GET /", "GET /static/<path:filename>",
    "GET /player/<path:filename>", "GET /player/fonts/<path:filename>",
    "PUT /store/<path:key>", "GET /store/<path:key>",  # the signed link is the permission
    "POST /api/upload-video/result",  # so is its signature
    "GET /api/jobs/<uuid:job_id>/events",  # only says where the streams are
}  # fmt: skip
#: Two people may give the same name.
NAMED_BY_WHO_ASKS = {"PUT /api/styles/<name>", "POST /api/styles/<name>"}
#: A body that each route with a body takes; ids are filled in.
BODIES = {
    "POST /api/uploads": {"filename": "a.mp4", "size_bytes": 1},
    "POST /api/uploads/<uuid:video_id>/parts": {"numbers": [1]},
    "POST /api/render/create": {"videoId": "<uuid:video_id>"},
    "POST /api/upload-video/generate-url": {"filename": "a.mp4"},
    "POST /api/upload-video/request-process": {"fileKey": "<path:file_key>"},
    "POST /api/upload-video/process-video": {
        "job_id": "11111111-2222-4333-8444-555555555555", "video_url": "/store/<path:file_key>",
    },
    "POST /api/projects": {"video_id": "<uuid:video_id>"},
    "PUT /api/projects/<uuid:project_id>": {"name": "mine"},
    "POST /api/projects/<uuid:project_id>/import": {"captions": "1\n00:00:00,500 --> 00:00:02,000\nGood\n"},
    "POST /api/styles": {"title": "Mine"},
    "POST /api/styles/<name>": {"title": "Mine"},
    "PUT /api/styles/<name>": {"title": "Mine"},
    "POST /api/videos/from-url": {"url": "https://example.org/talk.mp4"},
    "POST /api/keys": {"name": "mine"},
    "POST /api/webhooks": {"url": "https://example.org/ecg"},
    "POST /api/auth/password": {"old_password": "wrong wrong", "new_password": "wrong wrong"},
}


def routes(app: Flask) -> list[str]:
    found = [f"{method} {rule.rule}" for rule in app.url_map.iter_rules()
             for method in rule.methods - {"HEAD", "OPTIONS"}]  # fmt: skip
    assert len(found) > 30
    return found


def filled(text: str, ids: dict[str, str]) -> str:
    for placeholder, value in ids.items():
        text = text.replace(placeholder, value)
    assert "<" not in text, f"the test knows no value for {text}"
    return text


def send(person: Person, route: str, ids: dict[str, str], headers: dict[str, str]):
    method, _, path = route.partition(" ")
    body = {name: filled(value, ids) if isinstance(value, str) else value
            for name, value in BODIES.get(route, {}).items()}  # fmt: skip
    headers = {"If-Match": "*", **headers}
    if method == "GET":
        return person.client.get(filled(path, ids), headers=headers)
    return person.client.open(filled(path, ids), method=method, json=body, headers=headers)


def ids_of(person: Person) -> dict[str, dict[str, str]]:
    """Ids of things with a finished analysis and a waiting render, by the kind of route that takes them."""
    webhook = person.post("/api/webhooks", url="https://example.org/ecg").json["id"]
    video_id, analysis_id = person.analysed_video()
    render_id = person.render(video_id)
    told = person.get(f"/api/webhooks/{webhook}/deliveries").json["deliveries"]
    mine = {**load_style().to_json(), "name": "anns"}
    assert person.put("/api/styles/anns", **mine).status_code in {200, 201}
    key = next(key for key in store(settings()).keys("uploads/") if video_id in key)
    api_key = person.post("/api/keys", name="mine").json["id"]
    project_id = person.post("/api/projects", video_id=video_id).json["id"]
    common = {"<uuid:key_id>": api_key, "<uuid:video_id>": video_id,
              "<uuid:project_id>": project_id, "<int:version>": "1",
              "<path:file_key>": key, "<format>": "srt", "<name>": "anns",
              "<uuid:webhook_id>": webhook, "<uuid:event_id>": told[0]["id"]}
    in_parts = person.post("/api/uploads", filename="a.mp4", size_bytes=10**9).json["video_id"]
    return {"render": {**common, "<uuid:job_id>": render_id}, "parts": {"<uuid:video_id>": in_parts},
            "other": {**common, "<uuid:job_id>": analysis_id}}  # fmt: skip


def kind(route: str) -> str:
    if route.endswith("/parts"):
        return "parts"
    return "render" if "/api/render/" in route or "/api/jobs/" in route else "other"


def test_no_route_but_the_open_ones_answers_without_a_token(app: Flask, ann: Person) -> None:
    everything = set(routes(app))
    assert everything >= OPEN
    ids = ids_of(ann)
    for route in sorted(everything - OPEN):
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic YTpi"}):
            answer = send(ann, route, ids[kind(route)], headers)
            assert answer.status_code == 401, f"{route} with {headers}: {answer.status_code}"
            assert answer.json["error"]["code"] == "UNAUTHORIZED"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def with_ids(app: Flask) -> list[str]:
    """The routes that are asked about something by its id."""
    found = [route for route in sorted(set(routes(app)) - OPEN - NAMED_BY_WHO_ASKS)
             if "<" in route or "<" in str(BODIES.get(route, ""))]  # fmt: skip
    assert len(found) >= 15
    return found


def test_every_route_that_takes_a_body_has_one_here(app: Flask) -> None:
    """Else somebody else's ids would not be tried in it."""
    document = app.test_client().get("/openapi.json").json
    takes_one = {route for route in routes(app) if route not in OPEN and _body_of(document, route)}
    needs_one = {route for route in takes_one if _body_of(document, route).get("required")}
    assert needs_one <= set(BODIES), f"give each a body: {needs_one - set(BODIES)}"
    assert set(BODIES) <= takes_one


def _body_of(document: dict, route: str) -> dict:
    """The schema of the JSON that a route takes; empty when it takes none."""
    method, _, rule = route.partition(" ")
    content = document["paths"][path_of(rule)][method.lower()].get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def test_somebody_elses_ids_are_unknown_on_every_route(app: Flask, ann: Person, bob: Person) -> None:
    ids = ids_of(ann)
    by_key = {"Authorization": f"Bearer {bob.post('/api/keys', name='a script').json['key']}"}
    for route in with_ids(app):
        stranger = send(bob, route, ids[kind(route)], bob.headers)
        assert stranger.status_code == 404, f"{route}: {stranger.status_code} {stranger.text}"
        nothing = {
            **ids[kind(route)],
            "<uuid:key_id>": str(uuid.uuid4()),
            "<uuid:webhook_id>": str(uuid.uuid4()),
            "<uuid:event_id>": str(uuid.uuid4()),
            "<uuid:video_id>": str(uuid.uuid4()),
            "<uuid:project_id>": str(uuid.uuid4()),
            "<uuid:job_id>": str(uuid.uuid4()),
            "<path:file_key>": "uploads/x/y/source",
        }
        assert send(bob, route, nothing, bob.headers).json == stranger.json, route
        program = send(bob, route, ids[kind(route)], by_key)
        assert program.status_code in {403, 404}, f"{route}: {program.status_code} {program.text}"
    for of_project in (ids["other"]["<uuid:project_id>"], str(uuid.uuid4())):
        assert bob.post("/api/render/create", projectId=of_project).status_code == 404
    # The same requests are good ones when their owner sends them; deleting comes last.
    for route in sorted(with_ids(app), key=lambda route: route.startswith("DELETE")):
        own = send(ann, route, ids[kind(route)], ann.headers)
        assert own.status_code < 300, f"{route}: {own.status_code} {own.text}"


@pytest.mark.parametrize("letters", ["\x00", "\ud800", "a\udfffb", "\x85\n"])
def test_letters_that_no_record_can_hold_are_refused_everywhere(
    app: Flask, ann: Person, letters: str
) -> None:
    ids = ids_of(ann)
    for route, body in BODIES.items():
        method, _, rule = route.partition(" ")
        mine = ids[kind(route)]
        good = {key: filled(str(value), {**ids["other"], **mine}) for key, value in body.items()}
        for name in body:
            answer = ann.client.open(filled(rule, mine), method=method, json={**good, name: letters},
                                     headers={"If-Match": "*", **ann.headers})  # fmt: skip
            cleaned = name == "filename" and answer.status_code < 300
            assert answer.status_code in {400, 422} or cleaned, f"{route} {name}: {answer.status_code}"


def test_every_route_says_what_may_be_done_there(app: Flask, ann: Person) -> None:
    ids = ids_of(ann)
    for route in routes(app):
        method, _, rule = route.partition(" ")
        path = filled(rule, {**ids[kind(route)], "<path:filename>": "page.js", "<path:key>": "a/file"})
        for headers in ({}, ann.headers):
            asked = ann.client.options(path, headers=headers)
            assert asked.status_code == 200, route
            assert method in asked.headers["Allow"]


def test_other_methods_tell_and_do_no_more(app: Flask, ann: Person, bob: Person) -> None:
    ids = ids_of(ann)
    for route in with_ids(app):
        method, _, rule = route.partition(" ")
        path = filled(rule, ids[kind(route)])
        asked = bob.client.options(path)
        assert (asked.status_code, asked.data) == (200, b""), route
        assert method in asked.headers["Allow"]
        if method == "GET":
            head = bob.client.head(path, headers=bob.headers)
            assert (head.status_code, head.data) == (404, b""), route
            assert bob.client.head(path).status_code == 401
        for odd in {"PATCH", "TRACE", "PROPFIND", method.lower() + "x"} - asked.allow:
            assert bob.client.open(path, method=odd, headers=bob.headers).status_code == 405, f"{odd} {path}"
    # What a header calls the method, it is not.
    video = f"/api/videos/{ids['other']['<uuid:video_id>']}"
    as_delete = {**ann.headers, "X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE"}
    assert ann.client.get(video, headers=as_delete).status_code == 200
    assert ann.client.post(f"{video}?_method=DELETE", headers=as_delete).status_code == 405
    assert ann.get(video).status_code == 200


def test_who_has_signed_out_is_refused_on_every_route(app: Flask, ann: Person, bob: Person) -> None:
    ids = ids_of(ann)
    body = {"refresh_token": bob.tokens["refresh_token"]}
    assert bob.client.post("/api/auth/logout", json=body).status_code == 200
    for route in sorted(set(routes(app)) - OPEN):
        assert send(bob, route, ids[kind(route)], bob.headers).status_code == 401, route


LISTS = ["/api/videos", "/api/jobs", "/api/render/history", "/api/upload-video/jobs", "/api/projects"]


@pytest.mark.parametrize("path", LISTS)
def test_no_filter_of_a_list_leads_to_somebody_elses_things(ann: Person, bob: Person, path: str) -> None:
    ids = ids_of(ann)["other"]
    for name in ("video_id", "videoId", "job_id", "user_id", "user", "owner", "filter", "q"):
        for value in (ids["<uuid:video_id>"], ann.email, "*", "' OR 1=1 --"):
            answer = bob.get(path, **{name: value})
            assert answer.status_code == 400 or answer.json["total"] == 0, f"{path}?{name}={value}"


@pytest.mark.parametrize("path", LISTS)
def test_lists_hold_ones_own_things_only(ann: Person, bob: Person, path: str) -> None:
    ids_of(ann)
    assert ann.get(path).json["total"] > 0
    assert bob.get(path).json["total"] == 0
