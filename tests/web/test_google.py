"""Signing in with Google, played by a provider on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from ecg import config
from ecg.db import transaction
from ecg.models import AuditEntry, Identity, User
from ecg.web.app import create_app
from tests.web.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, a_key, an_openid_provider
from tests.web.person import PASSWORD, Person

HERE = "http://localhost"


@pytest.fixture
def provider(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenIdProvider]:
    with an_openid_provider() as started:
        for name, value in {
            "PUBLIC_URL": HERE, "GOOGLE_CLIENT_ID": CLIENT_ID, "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
            "GOOGLE_ISSUER": started.url,
        }.items():  # fmt: skip
            monkeypatch.setenv(f"ECG_{name}", value)
        config.settings.cache_clear()
        yield started


@pytest.fixture
def google_app(provider: OpenIdProvider) -> Flask:
    return create_app()


def begin(browser: FlaskClient) -> str:
    """Go to the provider; where it sends the browser back to."""
    sent = browser.get("/api/auth/google/login")
    assert sent.status_code == 302, sent.text
    back = requests.get(sent.location, allow_redirects=False, timeout=10)
    assert back.status_code == 302
    return back.headers["Location"]


def come_back(browser: FlaskClient, address: str, **changed: str) -> TestResponse:
    url = urlsplit(address)
    query = {**dict(parse_qsl(url.query)), **changed}
    return browser.get(f"{url.path}?{urlencode({name: value for name, value in query.items() if value})}")


def signed_in(browser: FlaskClient) -> dict | None:
    """Who the page finds signed in."""
    proof = browser.get_cookie("ecg_csrf")
    if proof is None:
        return None
    answer = browser.post("/api/auth/refresh", json={}, headers={"X-CSRF-Token": proof.value})
    assert answer.status_code == 200, answer.text
    return answer.json["user"]


def assert_refused(answer: TestResponse, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json["error"]["code"] == code
    assert "ecg_refresh" not in str(answer.headers.getlist("Set-Cookie"))


def identities() -> list[tuple[str, str]]:
    with transaction() as session:
        return [(row.provider, row.subject) for row in session.scalars(select(Identity))]


def test_one_is_signed_in_on_the_page_and_found_again_by_the_providers_own_id(
    google_app: Flask, provider: OpenIdProvider
) -> None:
    browser = google_app.test_client()
    assert browser.get("/api/config").json["google_sign_in"] is True
    answer = come_back(browser, begin(browser))
    assert (answer.status_code, answer.location) == (302, "/")
    user = signed_in(browser)
    assert user["email"] == "gil@example.org"
    assert identities() == [("google", "1001")]
    assert provider.redirect_uris == [f"{HERE}/api/auth/google/callback"]

    provider.claims["email"] = "gil@new.example.org"
    other = google_app.test_client()
    come_back(other, begin(other))
    assert signed_in(other)["id"] == user["id"]
    with transaction() as session:
        acts = [(row.act, row.details) for row in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert acts[0] == ("sign_up", {"by": "google"})
    assert ("sign_in", {"by": "google"}) in acts


def test_what_is_kept_meanwhile_is_signed_brief_and_out_of_the_reach_of_scripts(google_app: Flask) -> None:
    sent = google_app.test_client().get("/api/auth/google/login")
    (cookie,) = sent.headers.getlist("Set-Cookie")
    assert cookie.startswith("ecg_google=")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/api/auth/google", "Expires="):
        assert part in cookie
    asked = parse_qs(urlsplit(sent.location).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["state"][0]) >= 20
    assert len(asked["nonce"][0]) >= 20


def test_cookies_are_for_https_alone_where_the_page_is(
    provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECG_PUBLIC_URL", "https://ecg.example.org")
    config.settings.cache_clear()
    client = create_app().test_client()
    assert "Secure" in client.get("/api/auth/google/login").headers["Set-Cookie"]
    asked = client.post("/api/auth/signup", json={"email": "a@example.org", "password": PASSWORD},
                        headers={"X-ECG-Client": "page"})  # fmt: skip
    assert all("Secure" in cookie for cookie in asked.headers.getlist("Set-Cookie"))


def test_a_state_that_is_not_the_one_sent_is_refused(google_app: Flask) -> None:
    browser = google_app.test_client()
    for state in ("", "another", "x" * 5000):
        assert_refused(come_back(browser, begin(browser), state=state), 401, "UNAUTHORIZED")
        assert signed_in(browser) is None


def test_the_state_of_another_browser_is_refused(google_app: Flask) -> None:
    attacker, victim = google_app.test_client(), google_app.test_client()
    begin(victim)
    assert_refused(come_back(victim, begin(attacker)), 401, "UNAUTHORIZED")
    assert_refused(come_back(google_app.test_client(), begin(attacker)), 401, "UNAUTHORIZED")


def test_a_state_counts_once_even_for_who_kept_its_cookie(
    google_app: Flask, provider: OpenIdProvider
) -> None:
    browser = google_app.test_client()
    sent = browser.get("/api/auth/google/login")
    kept = browser.get_cookie("ecg_google", path="/api/auth/google").value
    asked = dict(parse_qsl(urlsplit(sent.location).query))
    back = provider.authorize(asked)
    assert come_back(browser, back).location == "/"
    assert_refused(come_back(browser, back), 401, "UNAUTHORIZED")
    assert provider.refused == [], "the cookie was cleared, so the provider was not asked"

    browser.set_cookie("ecg_google", kept, path="/api/auth/google")
    assert_refused(come_back(browser, back), 401, "UNAUTHORIZED")
    assert provider.refused == ["invalid_grant"], "a code counts once"

    browser.set_cookie("ecg_google", kept, path="/api/auth/google")
    assert_refused(come_back(browser, provider.authorize(asked)), 401, "UNAUTHORIZED")
    assert provider.refused == ["invalid_grant"], "the provider was content with another code"


def test_a_code_of_another_sign_in_is_refused_by_the_provider_for_its_verifier(
    google_app: Flask, provider: OpenIdProvider
) -> None:
    attacker, victim = google_app.test_client(), google_app.test_client()
    stolen = dict(parse_qsl(urlsplit(begin(victim)).query))["code"]
    assert_refused(come_back(attacker, begin(attacker), code=stolen), 401, "UNAUTHORIZED")
    assert provider.refused == ["invalid_grant: PKCE"]


def test_too_late_is_refused(google_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = google_app.test_client()
    back = begin(browser)
    later = time.time() + 601
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert_refused(come_back(browser, back), 401, "UNAUTHORIZED")


#: What is not as it must be in an ID token; ``None``: it is not there.
WRONG_CLAIMS = (
    {"nonce": "another"}, {"nonce": None},
    {"aud": "another"}, {"aud": "another", "azp": CLIENT_ID}, {"aud": None},
    {"iss": "https://evil.example"}, {"iss": None},
    {"exp": 1_000_000_000}, {"exp": None}, {"iat": 4_000_000_000},
    {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "a\u0000b"},
    {"email": None}, {"email": "none"}, {"email_verified": "true"},
)  # fmt: skip


def test_an_id_token_that_says_something_else_is_refused(google_app: Flask, provider: OpenIdProvider) -> None:
    browser, right = google_app.test_client(), dict(provider.claims)
    for wrong in WRONG_CLAIMS:
        provider.claims = {**right, **wrong}
        assert_refused(come_back(browser, begin(browser)), 401, "UNAUTHORIZED")
        assert identities() == [], wrong
    provider.claims = right
    assert come_back(browser, begin(browser)).location == "/"


def test_an_id_token_not_signed_by_the_providers_key_is_refused(
    google_app: Flask, provider: OpenIdProvider
) -> None:
    provider.algorithms = ["RS256", "none", "HS256"]
    browser = google_app.test_client()
    for sign in (provider.unsigned, provider.signed_with_the_public_key):
        provider.sign = sign
        assert_refused(come_back(browser, begin(browser)), 401, "UNAUTHORIZED")


def test_the_providers_keys_are_those_that_it_shows_now(google_app: Flask, provider: OpenIdProvider) -> None:
    browser = google_app.test_client()
    assert come_back(browser, begin(browser)).location == "/"
    provider.shown_key = a_key(1)
    assert_refused(come_back(browser, begin(browser)), 401, "UNAUTHORIZED")
    provider.key = a_key(1)
    assert come_back(browser, begin(browser)).location == "/"


def test_an_address_that_is_not_verified_is_refused(google_app: Flask, provider: OpenIdProvider) -> None:
    browser = google_app.test_client()
    for verified in (False, None):
        provider.claims["email_verified"] = verified
        assert_refused(come_back(browser, begin(browser)), 403, "FORBIDDEN")


def test_an_account_is_not_taken_over_by_who_has_its_address(
    google_app: Flask, provider: OpenIdProvider
) -> None:
    Person(google_app, "gil@example.org")
    browser = google_app.test_client()
    answer = come_back(browser, begin(browser))
    assert_refused(answer, 409, "CONFLICT")
    assert "sign in with its password" in answer.json["error"]["message"]
    assert identities() == []
    failed = select(AuditEntry).where(AuditEntry.act == "sign_in_failed")
    with transaction() as session:
        entry = session.scalars(failed).one()
    assert (entry.email, entry.details) == ("gil@example.org", {"by": "google", "code": "CONFLICT"})


def test_a_browser_is_sent_to_the_page_with_the_code_of_the_error(google_app: Flask) -> None:
    accepts = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    answer = google_app.test_client().get("/api/auth/google/callback?error=access_denied", headers=accepts)
    assert (answer.status_code, answer.location) == (302, "/?refused=UNAUTHORIZED")


def test_who_signs_in_with_google_has_no_password(google_app: Flask) -> None:
    browser = google_app.test_client()
    come_back(browser, begin(browser))
    for guess in ("", "x", PASSWORD):
        body = {"email": "gil@example.org", "password": guess}
        assert browser.post("/api/auth/login", json=body).status_code == 401
    with transaction() as session:
        assert session.scalars(select(User.password_hash)).one() == ""


def test_a_provider_that_is_away_is_told(google_app: Flask, provider: OpenIdProvider) -> None:
    browser = google_app.test_client()
    back = begin(browser)
    provider.away = True
    assert_refused(come_back(browser, back), 503, "SERVICE_UNAVAILABLE")


def test_where_it_is_not_set_up_it_is_not_there(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/api/config").json["google_sign_in"] is False
    for path in ("login", "callback"):
        assert_refused(client.get(f"/api/auth/google/{path}"), 404, "NOT_FOUND")


def test_beginnings_and_endings_are_counted_by_address(
    provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECG_SIGN_INS_PER_MINUTE", "1")
    config.settings.cache_clear()
    client = create_app().test_client()
    ask: list[Callable[[], TestResponse]] = [
        lambda: client.get("/api/auth/google/login", environ_base={"REMOTE_ADDR": "192.0.2.7"}),
        lambda: client.get("/api/auth/google/callback", environ_base={"REMOTE_ADDR": "192.0.2.7"}),
    ]
    assert [ask[n % 2]().status_code for n in range(7)] == [302, 401, 302, 401, 302, 401, 429]
