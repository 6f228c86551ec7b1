"""The audit log: what is written, and who may read it."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select, text

from ecg import accounts, audit
from ecg.db import transaction
from ecg.models import AuditEntry
from tests.web.person import PASSWORD, Person


@pytest.fixture
def admin(app: Flask) -> Person:
    person = Person(app, "admin@example.org")
    with transaction() as session:
        accounts.set_admin(session, person.email, True)
    return person


def written() -> list[AuditEntry]:
    with transaction() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def acts() -> list[str]:
    return [entry.act for entry in written()]


def test_everything_about_an_account_is_written_down_without_its_secrets(app: Flask) -> None:
    client, email = app.test_client(), "New@example.org"
    account = {"email": email, "password": PASSWORD}
    agent = {"User-Agent": "a browser\t" + "x" * 400}
    made = client.post("/api/auth/signup", json=account, headers=agent).json
    client.post("/api/auth/login", json={**account, "password": "wrong wrong"})
    client.post("/api/auth/login", json={"email": "nobody@example.org", "password": "wrong wrong"})
    tokens = client.post("/api/auth/login", json=account).json
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    key = client.post("/api/keys", json={"name": "mine"}, headers=bearer).json
    client.delete(f"/api/keys/{key['id']}", headers=bearer)
    for old, new in (("wrong wrong", "battery staple"), (PASSWORD, "battery staple")):
        changed = client.post("/api/auth/password", json={"old_password": old, "new_password": new},
                              headers=bearer).json  # fmt: skip
    client.post("/api/auth/refresh", json={"refresh_token": changed["refresh_token"]})
    client.post("/api/auth/refresh", json={"refresh_token": changed["refresh_token"]})
    last = client.post("/api/auth/login", json={**account, "password": "battery staple"}).json
    client.post("/api/auth/logout", json={"refresh_token": last["refresh_token"]})
    last = client.post("/api/auth/login", json={**account, "password": "battery staple"}).json
    client.post("/api/auth/logout-everywhere", headers={"Authorization": f"Bearer {last['access_token']}"})

    entries = written()
    assert [entry.act for entry in entries] == [
        "sign_up", "sign_in_failed", "sign_in_failed", "sign_in", "key_made", "key_revoked",
        "password_change_failed", "password_changed", "refresh_reused", "sign_in", "sign_out", "sign_in",
        "sign_out_everywhere",
    ]  # fmt: skip
    first, wrong, nobody = entries[:3]
    assert first.user_id == made["user"]["id"]
    assert first.address == "127.0.0.1"
    assert first.user_agent == ("a browser " + "x" * 400)[:200]
    assert first.created_at.tzinfo is not None
    assert (wrong.user_id, wrong.email) == (None, "new@example.org")
    assert (nobody.user_id, nobody.email) == (None, "nobody@example.org")
    assert {entry.user_id for entry in entries[3:]} == {made["user"]["id"]}
    with transaction() as session:
        kept = "".join(session.scalars(text("SELECT audit_entries::text FROM audit_entries")))
    for secret in (PASSWORD, "battery staple", "wrong wrong", key["key"], tokens["access_token"],
                   tokens["refresh_token"]):  # fmt: skip
        assert secret not in kept


def test_the_use_of_a_key_is_written_once_for_each_address_and_day(app: Flask, ann: Person) -> None:
    keys = [ann.post("/api/keys", name=name).json for name in "ab"]
    client = app.test_client()

    def use(key: dict, address: str) -> None:
        headers = {"Authorization": f"Bearer {key['key']}"}
        asked = client.get("/api/videos", headers=headers, environ_base={"REMOTE_ADDR": address})
        assert asked.status_code == 200

    def uses() -> list[tuple]:
        return [(entry.details["key_id"], entry.address) for entry in written() if entry.act == "key_used"]

    a, b = (key["id"] for key in keys)
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"):
        use(keys[0], address)
    use(keys[1], "192.0.2.1")
    expected = [(a, "192.0.2.1"), (a, "192.0.2.2"), (b, "192.0.2.1")]
    assert uses() == expected
    with transaction() as session:
        session.execute(text("UPDATE audit_entries SET once = replace(once, :today, '2020-01-01')"),
                        {"today": str(session.scalar(text("SELECT current_date")))})  # fmt: skip
    use(keys[0], "192.0.2.1")
    assert uses() == [*expected, (a, "192.0.2.1")]


def test_what_is_rolled_back_is_not_written(app: Flask, ann: Person) -> None:
    body = {"email": ann.email, "password": PASSWORD}
    assert app.test_client().post("/api/auth/signup", json=body).status_code == 409
    assert acts() == []


def test_admins_read_the_log_from_its_end_a_page_at_a_time(app: Flask, admin: Person) -> None:
    client = audit.Client("192.0.2.1", "a test")
    with transaction() as session:
        for number in range(5):
            audit.note(session, audit.Act.SIGN_IN_FAILED, client, email=f"{number % 2}@example.org")
    first = admin.get("/api/admin/audit", limit=2, act="sign_in_failed").json
    assert [entry["email"] for entry in first["entries"]] == ["0@example.org", "1@example.org"]
    second = admin.get("/api/admin/audit", limit=3, act="sign_in_failed", before=first["next"]).json
    assert [entry["email"][0] for entry in second["entries"]] == ["0", "1", "0"]
    rest = admin.get("/api/admin/audit", limit=3, act="sign_in_failed", before=second["next"]).json
    assert rest == {"entries": [], "next": None}
    some = admin.get("/api/admin/audit", email="1@example.org").json["entries"]
    assert len(some) == 2
    assert set(some[0]) == {"id", "created_at", "act", "user_id", "email", "address", "user_agent", "details"}
    assert [entry["act"] for entry in admin.get("/api/admin/audit", email=admin.email).json["entries"]] == [
        "audit_read"
    ] * 4, "reading it is written down too"
    for wrong in ({"limit": 0}, {"limit": 201}, {"before": 0}, {"before": 2**63}, {"act": "x"}, {"page": 1}):
        assert admin.get("/api/admin/audit", **wrong).status_code == 400, wrong


def test_nobody_else_is_let_in_wherever_admins_may_go(app: Flask, ann: Person, admin: Person) -> None:
    paths = [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/admin")]
    assert paths
    key = {"Authorization": f"Bearer {admin.post('/api/keys', name='mine').json['key']}"}
    for path in paths:
        assert app.test_client().get(path).status_code == 401
        for headers in (ann.headers, key):
            refused = app.test_client().get(path, headers=headers)
            assert refused.status_code == 403
            assert refused.json["error"]["code"] == "FORBIDDEN"
        assert admin.get(path).status_code == 200
    with transaction() as session:
        accounts.set_admin(session, admin.email, False)
    assert {admin.get(path).status_code for path in paths} == {403}, "at the next request"


def test_the_log_does_not_tell_a_client_whether_an_account_exists(app: Flask, ann: Person) -> None:
    def attempt(email: str) -> bytes:
        body = {"email": email, "password": "wrong wrong"}
        return app.test_client().post("/api/auth/login", json=body).data

    assert attempt(ann.email) == attempt("nobody@example.org")
    known, unknown = written()
    assert (known.act, known.user_id, known.details) == (unknown.act, unknown.user_id, unknown.details)
