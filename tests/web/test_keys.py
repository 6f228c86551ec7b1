"""API keys: what they let a program do, and until when."""

from __future__ import annotations

import time

import pytest
from flask import Flask
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from ecg import api_keys
from ecg.db import transaction
from ecg.models import ApiKey
from tests.web.person import PASSWORD, Person


def make(person: Person, *scopes: str) -> dict:
    answer = person.post("/api/keys", name="a script", **({"scopes": list(scopes)} if scopes else {}))
    assert answer.status_code == 201, answer.text
    return answer.json


def by(app: Flask, key: str, method: str, path: str, **body: object) -> TestResponse:
    headers = {"Authorization": f"Bearer {key}"}
    return app.test_client().open(path, method=method, json=body or None, headers=headers)


def test_a_key_does_what_its_user_may(app: Flask, ann: Person) -> None:
    key = make(ann)["key"]
    made = by(app, key, "POST", "/api/uploads", filename="a.mp4", size_bytes=1)
    assert made.status_code == 201
    assert by(app, key, "GET", f"/api/videos/{made.json['video_id']}").status_code == 200
    assert ann.get(f"/api/videos/{made.json['video_id']}").status_code == 200


def test_a_key_that_reads_changes_nothing(app: Flask, ann: Person) -> None:
    key, video_id = make(ann, "read")["key"], ann.video()
    assert by(app, key, "GET", f"/api/videos/{video_id}").status_code == 200
    for method, path, body in (
        ("DELETE", f"/api/videos/{video_id}", {}),
        ("POST", f"/api/videos/{video_id}/analyze", {}),
        ("PUT", "/api/styles/mine", {"title": "Mine"}),
    ):
        refused = by(app, key, method, path, **body)
        assert refused.status_code == 403
        assert "scope `write`" in refused.json["error"]["message"]
    assert ann.get(f"/api/videos/{video_id}").status_code == 200


def test_a_key_that_writes_reads_nothing(app: Flask, ann: Person) -> None:
    assert by(app, make(ann, "write")["key"], "GET", "/api/videos").status_code == 403


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/api/keys"), ("POST", "/api/keys"), ("GET", "/api/auth/me"),
    ("POST", "/api/auth/password"), ("POST", "/api/auth/logout-everywhere"),
])  # fmt: skip
def test_a_key_cannot_make_keys_or_change_the_account(
    app: Flask, ann: Person, method: str, path: str
) -> None:
    refused = by(app, make(ann)["key"], method, path, name="another")
    assert refused.status_code == 403
    assert refused.json["error"]["code"] == "FORBIDDEN"
    assert len(ann.get("/api/keys").json["keys"]) == 1


def test_a_revoked_key_counts_no_more(app: Flask, ann: Person) -> None:
    key = make(ann)
    assert ann.delete(f"/api/keys/{key['id']}").status_code == 204
    assert by(app, key["key"], "GET", "/api/videos").status_code == 401
    assert ann.get("/api/keys").json["keys"] == []
    assert ann.delete(f"/api/keys/{key['id']}").status_code == 404


def test_a_key_outlives_the_sign_in_that_made_it(app: Flask, ann: Person) -> None:
    key = make(ann)["key"]
    assert ann.post("/api/auth/logout-everywhere").status_code == 200
    assert ann.get("/api/videos").status_code == 401
    assert by(app, key, "GET", "/api/videos").status_code == 200


def test_a_key_is_shown_once_and_kept_as_a_digest(app: Flask, ann: Person) -> None:
    made = make(ann)
    listed = ann.get("/api/keys")
    assert made["key"] not in listed.text
    assert listed.json["keys"][0]["start"] == made["key"][:10]
    with transaction() as session:
        row = session.execute(text("SELECT * FROM api_keys")).one()
    assert made["key"] not in str(row)


def test_the_last_use_of_a_key_is_noted(app: Flask, ann: Person) -> None:
    key = make(ann)["key"]
    assert ann.get("/api/keys").json["keys"][0]["last_used_at"] is None
    by(app, key, "GET", "/api/videos")
    first = ann.get("/api/keys").json["keys"][0]["last_used_at"]
    assert first
    time.sleep(0.01)
    by(app, key, "GET", "/api/videos")
    assert ann.get("/api/keys").json["keys"][0]["last_used_at"] == first, "to the minute"


def test_a_made_up_key_is_refused(app: Flask, ann: Person) -> None:
    real = make(ann)["key"]
    for made_up in ("ecg_", "ecg_x", real[:-1], real + "x", real.swapcase()):
        assert by(app, made_up, "GET", "/api/videos").status_code == 401, made_up


def test_nobody_has_more_keys_than_the_most(app: Flask, ann: Person) -> None:
    with transaction() as session:
        user_id = ann.get("/api/auth/me").json["id"]
        for number in range(api_keys.MOST_KEYS):
            api_keys.make(session, user_id, str(number), [api_keys.Scope.READ])
    refused = ann.post("/api/keys", name="one more")
    assert refused.status_code == 409
    assert "revoke one" in refused.json["error"]["message"]
    with transaction() as session:
        assert len(session.scalars(select(ApiKey)).all()) == api_keys.MOST_KEYS


@pytest.mark.parametrize("body", [
    {}, {"name": ""}, {"name": "a", "scopes": []}, {"name": "a", "scopes": ["admin"]},
    {"name": "a", "user_id": "b"},
])  # fmt: skip
def test_a_bad_key_is_not_made(ann: Person, body: dict) -> None:
    assert ann.post("/api/keys", **body).status_code == 400


def test_a_new_password_ends_all_sign_ins_but_the_one_it_gives(app: Flask, ann: Person) -> None:
    changed = ann.post("/api/auth/password", old_password=PASSWORD, new_password="another password")
    assert changed.status_code == 200
    assert ann.get("/api/auth/me").status_code == 401
    assert by(app, changed.json["access_token"], "GET", "/api/auth/me").status_code == 200

    def sign_in(password: str) -> int:
        body = {"email": ann.email, "password": password}
        return app.test_client().post("/api/auth/login", json=body).status_code

    assert sign_in(PASSWORD) == 401
    assert sign_in("another password") == 200


def test_a_password_is_not_changed_without_the_old_one(app: Flask, ann: Person) -> None:
    refused = ann.post("/api/auth/password", old_password="wrong wrong", new_password="another password")
    assert refused.status_code == 401
    assert ann.get("/api/auth/me").status_code == 200
