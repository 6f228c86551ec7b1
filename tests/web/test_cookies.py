"""The page's way of staying signed in: a cookie, and a second value against other sites."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from ecg.db import transaction
from tests.web.person import PASSWORD, Person

AS_PAGE = {"X-ECG-Client": "page"}


@pytest.fixture
def browser(app: Flask, ann: Person) -> FlaskClient:
    """One in whose page Ann is signed in."""
    client = app.test_client()
    answer = sign_in(client)
    assert answer.json["refresh_token"] is None
    return client


def sign_in(client: FlaskClient, **headers: str) -> TestResponse:
    body = {"email": "ann@example.org", "password": PASSWORD}
    answer = client.post("/api/auth/login", json=body, headers={**AS_PAGE, **headers})
    assert answer.status_code == 200
    return answer


def proof(browser: FlaskClient) -> dict[str, str]:
    return {"X-CSRF-Token": browser.get_cookie("ecg_csrf").value}


def kept(browser: FlaskClient) -> str:
    return browser.get_cookie("ecg_refresh", path="/api/auth").value


def renew(browser: FlaskClient, headers: dict[str, str]) -> TestResponse:
    return browser.post("/api/auth/refresh", json={}, headers=headers)


def cookies(answer: TestResponse) -> dict[str, dict]:
    return {name: dict(cookie) for header in answer.headers.getlist("Set-Cookie")
            for name, cookie in SimpleCookie(header).items()}  # fmt: skip


def test_the_refresh_token_is_out_of_the_reach_of_scripts_and_goes_to_auth_alone(
    app: Flask, ann: Person
) -> None:
    found = cookies(sign_in(app.test_client()))
    assert set(found) == {"ecg_refresh", "ecg_csrf"}
    refresh, csrf = found["ecg_refresh"], found["ecg_csrf"]
    assert (refresh["httponly"], refresh["path"], refresh["samesite"]) == (True, "/api/auth", "Strict")
    assert (csrf["httponly"], csrf["path"], csrf["samesite"]) == ("", "/", "Strict")
    assert refresh["max-age"] == csrf["max-age"] == str(30 * 86400)
    assert not refresh["secure"], "over plain http no browser would keep it"


def test_over_https_both_cookies_are_for_https_alone(app: Flask, ann: Person) -> None:
    answer = app.test_client().post(
        "/api/auth/login", json={"email": ann.email, "password": PASSWORD}, headers=AS_PAGE,
        base_url="https://localhost",
    )  # fmt: skip
    assert [cookie["secure"] for cookie in cookies(answer).values()] == [True, True]


def test_programs_get_their_token_in_the_answer_and_no_cookie(app: Flask, ann: Person) -> None:
    client = app.test_client()
    answer = client.post("/api/auth/login", json={"email": ann.email, "password": PASSWORD})
    assert answer.json["refresh_token"]
    renewed = client.post("/api/auth/refresh", json={"refresh_token": answer.json["refresh_token"]})
    assert renewed.json["refresh_token"]
    out = client.post("/api/auth/logout", json={"refresh_token": renewed.json["refresh_token"]})
    assert [answer.headers.getlist("Set-Cookie"), renewed.headers.getlist("Set-Cookie")] == [[], []]
    assert out.status_code == 200


def test_signing_up_in_the_page_signs_in_by_cookie_too(app: Flask) -> None:
    client = app.test_client()
    body = {"email": "new@example.org", "password": PASSWORD}
    assert client.post("/api/auth/signup", json=body, headers=AS_PAGE).json["refresh_token"] is None
    assert renew(client, proof(client)).json["user"]["email"] == "new@example.org"


def test_each_use_replaces_the_cookie_and_the_old_one_ends_the_sign_in_but_for_a_moment(
    browser: FlaskClient,
) -> None:
    first, first_proof = kept(browser), proof(browser)

    def renew_with_the_first() -> TestResponse:
        browser.set_cookie("ecg_refresh", first, path="/api/auth")
        return renew(browser, first_proof)

    renewed = renew(browser, first_proof)
    assert renewed.status_code == 200
    assert renewed.json["refresh_token"] is None
    assert kept(browser) != first
    assert renew_with_the_first().status_code == 200, "as another tab does, or who never got the answer"
    assert renew(browser, proof(browser)).status_code == 200
    with transaction() as session:
        session.execute(text("UPDATE refresh_tokens SET used_at = used_at - interval '11 s'"))
    assert renew_with_the_first().status_code == 401
    bearer = {"Authorization": f"Bearer {renewed.json['access_token']}"}
    assert browser.get("/api/auth/me", headers=bearer).status_code == 401


@pytest.mark.parametrize("path", ["/api/auth/refresh", "/api/auth/logout"])
def test_a_request_by_cookie_without_its_proof_is_refused_and_changes_nothing(
    app: Flask, browser: FlaskClient, path: str
) -> None:
    other = app.test_client()
    sign_in(other)
    made_up = [{"X-CSRF-Token": text} for text in ("", "made up", "\xe9")]
    for headers in ({}, *made_up, proof(other)):
        refused = browser.post(path, json={}, headers=headers)
        assert refused.status_code == 403, headers
        assert refused.json["error"]["code"] == "FORBIDDEN"
        assert refused.headers.getlist("Set-Cookie") == []
    assert renew(browser, proof(browser)).status_code == 200


def test_the_cookie_signs_nothing_else_in(browser: FlaskClient) -> None:
    browser.set_cookie("ecg_refresh", kept(browser), path="/")
    assert browser.get("/api/auth/me", headers=proof(browser)).status_code == 401
    assert browser.get("/api/videos", headers=proof(browser)).status_code == 401


def test_signing_out_clears_the_cookies_and_ends_the_sign_in(browser: FlaskClient) -> None:
    token, sent = kept(browser), proof(browser)
    assert browser.post("/api/auth/logout", json={}, headers=sent).status_code == 200
    assert browser.get_cookie("ecg_refresh", path="/api/auth") is None
    assert browser.get_cookie("ecg_csrf") is None
    browser.set_cookie("ecg_refresh", token, path="/api/auth")
    assert renew(browser, sent).status_code == 401


def test_without_any_token_one_is_asked_for(app: Flask) -> None:
    for path in ("/api/auth/refresh", "/api/auth/logout"):
        answer = app.test_client().post(path, json={})
        assert answer.status_code == 400
        assert answer.json["error"]["message"].startswith("refresh_token: ")
