"""Accounts and tokens."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.security import generate_password_hash

from ecg import config
from ecg.db import transaction
from ecg.models import User
from ecg.secrets import derived_key, secret_key
from ecg.web.app import create_app
from tests.web.person import PASSWORD, Person


def refresh(app: Flask, token: str):
    return app.test_client().post("/api/auth/refresh", json={"refresh_token": token})


def me(app: Flask, token: str) -> int:
    return app.test_client().get("/api/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code


def test_signing_up_signs_in(app: Flask) -> None:
    body = {"email": "Ann@example.org", "password": PASSWORD}
    answer = app.test_client().post("/api/auth/signup", json=body)
    assert answer.status_code == 201
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == 900
    assert set(answer.json["user"]) == {"id", "email", "username"}
    assert answer.json["user"]["email"] == "ann@example.org"
    assert answer.json["user"]["username"] == "Ann"
    assert me(app, answer.json["access_token"]) == 200


def test_an_address_has_one_account_whatever_its_case(app: Flask, ann: Person) -> None:
    again = app.test_client().post(
        "/api/auth/signup", json={"email": "Ann@Example.org", "password": PASSWORD}
    )
    assert again.status_code == 409
    assert again.json["error"]["code"] == "CONFLICT"


def test_two_sign_ups_at_once_make_one_account(app: Flask) -> None:
    def sign_up(_: int) -> int:
        body = {"email": "same@example.org", "password": PASSWORD}
        return app.test_client().post("/api/auth/signup", json=body).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(sign_up, range(4))) == [201, 409, 409, 409]


@pytest.mark.parametrize("field", ["email", "username"])
def test_one_signs_in_by_address_under_either_field(app: Flask, ann: Person, field: str) -> None:
    answer = app.test_client().post("/api/auth/login", json={field: "ANN@example.org", "password": PASSWORD})
    assert answer.status_code == 200
    assert me(app, answer.json["access_token"]) == 200


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer_in_like_time(
    app: Flask, ann: Person
) -> None:
    def attempt(email: str) -> tuple[dict, float]:
        started = time.perf_counter()
        answer = app.test_client().post("/api/auth/login", json={"email": email, "password": "wrong wrong"})
        assert answer.status_code == 401
        return answer.json, time.perf_counter() - started

    attempt("nobody@example.org")
    known = [attempt("ann@example.org") for _ in range(5)]
    unknown = [attempt("nobody@example.org") for _ in range(5)]
    assert known[0][0] == unknown[0][0]
    fastest_known, fastest_unknown = min(s for _, s in known), min(s for _, s in unknown)
    # Without the hashing it would be a hundredfold.
    assert 0.25 < fastest_known / fastest_unknown < 4


def test_a_refresh_token_gives_a_new_pair_once(app: Flask, ann: Person) -> None:
    answer = refresh(app, ann.tokens["refresh_token"])
    assert answer.status_code == 200
    assert me(app, answer.json["access_token"]) == 200
    assert answer.json["refresh_token"] != ann.tokens["refresh_token"]
    assert refresh(app, answer.json["refresh_token"]).status_code == 200


def test_using_a_refresh_token_twice_ends_the_whole_sign_in(app: Flask, ann: Person) -> None:
    stolen = ann.tokens["refresh_token"]
    newer = refresh(app, stolen).json
    assert refresh(app, stolen).status_code == 401
    assert refresh(app, newer["refresh_token"]).status_code == 401
    assert me(app, newer["access_token"]) == 401
    assert me(app, ann.tokens["access_token"]) == 401


def test_of_many_uses_at_once_one_counts_and_the_sign_in_ends(app: Flask, ann: Person) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(app, ann.tokens["refresh_token"]), range(16)))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {answer.status_code for answer in answers if answer not in won} == {401}
    assert refresh(app, won[0].json["refresh_token"]).status_code == 401


def test_ending_one_sign_in_leaves_others_of_the_user_alone(app: Flask, ann: Person) -> None:
    other = app.test_client().post("/api/auth/login", json={"email": ann.email, "password": PASSWORD}).json
    assert ann.post("/api/auth/logout", refresh_token=ann.tokens["refresh_token"]).status_code == 200
    assert me(app, ann.tokens["access_token"]) == 401
    assert refresh(app, ann.tokens["refresh_token"]).status_code == 401
    assert me(app, other["access_token"]) == 200


def test_the_two_kinds_of_token_do_not_stand_in_for_each_other(app: Flask, ann: Person) -> None:
    assert me(app, ann.tokens["refresh_token"]) == 401
    assert refresh(app, ann.tokens["access_token"]).status_code == 401


def test_an_access_token_expires(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECG_ACCESS_TOKEN_S", "1")
    config.settings.cache_clear()
    app = create_app()
    ann = Person(app, "ann@example.org")
    assert ann.get("/api/auth/me").status_code == 200
    time.sleep(2.1)
    assert ann.get("/api/auth/me").status_code == 401


def forged(claims: dict, key: str, algorithm: str) -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


def _with_header(token: str, header: bytes) -> str:
    return ".".join([base64.urlsafe_b64encode(header).decode().rstrip("="), *token.split(".")[1:]])


def test_forged_tokens_are_refused(app: Flask, ann: Person) -> None:
    token = ann.tokens["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    key = derived_key(config.settings(), "tokens")
    assert me(app, forged(claims, key, "HS256")) == 200
    head, body, signature = token.split(".")
    bare = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for bad in (
        jwt.encode(claims, key, headers={"kid": "no such key"})[:-4] + "AAAA",
        _with_header(token, b'{"alg":"HS256","typ":"JWT","kid":["a list"]}'),
        forged(claims, "another key, also long enough for HS256", "HS256"),
        forged(claims, key, "HS512"),
        forged({**claims, "aud": "another"}, key, "HS256"),
        forged({**claims, "iss": "another"}, key, "HS256"),
        forged({name: value for name, value in claims.items() if name != "family"}, key, "HS256"),
        forged({**claims, "family": "00000000-0000-0000-0000-000000000000"}, key, "HS256"),
        f"{bare}.{body}.",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        "nonsense",
        "a.b.c",
    ):
        assert me(app, bad) == 401, bad


@pytest.mark.parametrize(("body", "names"), [
    ({"email": "x", "password": PASSWORD}, "email"),
    ({"email": "a@b", "password": "short"}, "password"),
    ({"email": "a@b\n", "password": PASSWORD}, "email"),
    ({"email": "a\u0000@b", "password": PASSWORD}, "email"),
    ({"email": "a@b", "password": "\ud800" * 9}, "password"),
    ({"email": "a@b", "password": PASSWORD * 100}, "password"),
    ({"email": "a@b", "password": PASSWORD, "role": "admin"}, "role"),
    ({"email": "a@b"}, "password"),
    ({}, "email"),
])  # fmt: skip
def test_a_bad_sign_up_is_told_which_field_is_wrong(app: Flask, body: dict, names: str) -> None:
    answer = app.test_client().post("/api/auth/signup", json=body)
    assert answer.status_code == 400
    assert answer.json["error"]["code"] == "BAD_REQUEST"
    assert answer.json["error"]["message"].startswith(f"{names}: ")


def test_a_password_kept_in_an_older_way_is_replaced_at_the_next_sign_in(app: Flask, ann: Person) -> None:
    def kept() -> str:
        with transaction() as session:
            return session.scalars(select(User.password_hash)).one()

    def sign_in(password: str) -> int:
        body = {"email": ann.email, "password": password}
        return app.test_client().post("/api/auth/login", json=body).status_code

    with transaction() as session:
        session.execute(update(User).values(password_hash=generate_password_hash(PASSWORD)))
    assert sign_in("wrong wrong") == 401
    assert kept().startswith("scrypt:")
    assert sign_in(PASSWORD) == 200
    replaced = kept()
    assert replaced.startswith("$argon2id$")
    assert sign_in(PASSWORD) == 200
    assert kept() == replaced


def test_tokens_of_the_secret_before_count_while_it_is_named(
    app: Flask, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_secrets(new: str, old: str) -> Flask:
        monkeypatch.setenv("ECG_SECRET_KEY", new)
        monkeypatch.setenv("ECG_OLD_SECRET_KEY", old)
        config.settings.cache_clear()
        return create_app()

    def kid(token: str) -> str:
        return jwt.get_unverified_header(token)["kid"]

    first = secret_key(config.settings())
    moved = with_secrets("second", first)
    assert me(moved, ann.tokens["access_token"]) == 200
    renewed = refresh(moved, ann.tokens["refresh_token"]).json["access_token"]
    assert me(app, renewed) == 401
    assert me(with_secrets("second", ""), renewed) == 200
    assert me(with_secrets("second", ""), ann.tokens["access_token"]) == 401
    assert len(set(map(kid, (renewed, ann.tokens["access_token"])))) == 2
