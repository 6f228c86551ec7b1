"""Who is signed in on the page: by cookie, in all tabs, and by Google."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import create_engine, text

from tests.web.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, an_openid_provider
from tests.web.serving import Web, web
from tests.web_page.conftest import PASSWORD, sign_up


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with an_openid_provider() as started:
        yield started


@pytest.fixture(scope="module")
def served(
    services: dict[str, str], provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    """The web tier alone: nobody works here."""
    data_dir: Path = tmp_path_factory.mktemp("data")
    google = {"ECG_GOOGLE_CLIENT_ID": CLIENT_ID, "ECG_GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
              "ECG_GOOGLE_ISSUER": provider.url, "ECG_PUBLIC_URL": "http://127.0.0.1:{port}"}  # fmt: skip
    with web(**services, **google, ECG_DATA_DIR=str(data_dir), ECG_WEB_PROCESSES="1") as tier:
        yield tier


@pytest.fixture
def reader(browser: Browser, served: Web) -> Iterator[BrowserContext]:
    """A browser of one reader, with any number of tabs."""
    with browser.new_context(base_url=served.url, locale="en-US") as context:
        yield context


def opened(reader: BrowserContext) -> Page:
    page = reader.new_page()
    page.goto("/")
    return page


def someone_new(provider: OpenIdProvider) -> str:
    """Let another person use the browser; his e-mail address."""
    provider.claims |= {"sub": str(uuid.uuid4()), "email": f"{uuid.uuid4()}@example.org"}
    return provider.claims["email"]


def assert_signed_in(page: Page) -> None:
    expect(page.locator(".drop")).to_be_visible()


def test_one_stays_signed_in_by_a_cookie_that_no_script_sees(reader: BrowserContext) -> None:
    page = opened(reader)
    sign_up(page)
    kept = {cookie["name"]: cookie for cookie in reader.cookies()}
    assert kept["ecg_refresh"] | {"httpOnly": True, "sameSite": "Strict"} == kept["ecg_refresh"]
    seen = page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert kept["ecg_refresh"]["value"] not in seen
    page.reload()
    assert_signed_in(page)

    with page.expect_response("**/api/auth/logout") as answer:
        page.get_by_role("button", name="Sign out").click()
    assert answer.value.ok
    assert [cookie["name"] for cookie in reader.cookies() if cookie["name"].startswith("ecg_")] == []
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()


def test_tabs_that_renew_at_once_stay_signed_in(reader: BrowserContext, services: dict[str, str]) -> None:
    email = sign_up(opened(reader))
    tabs = [opened(reader) for _ in range(4)]
    for _ in range(2):
        for tab in tabs:
            assert_signed_in(tab)
            tab.evaluate("() => { window.old = true; setTimeout(() => location.reload(), 200); }")
        for tab in tabs:
            tab.wait_for_function("() => !window.old")
    for tab in tabs:
        assert_signed_in(tab)
    written = text("SELECT act FROM audit_entries JOIN users ON users.id = user_id "
                   "WHERE users.email = :email ORDER BY audit_entries.id")
    with create_engine(services["DATABASE_URL"]).connect() as connection:
        assert connection.scalars(written, {"email": email}).all() == ["sign_up"], "no token was used twice"


def test_a_page_left_before_its_answer_came_is_still_signed_in(reader: BrowserContext) -> None:
    page = opened(reader)
    sign_up(page)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/auth/refresh", lose, times=1)
    page.reload()
    page.get_by_role("button", name="Try again").click()
    assert_signed_in(page)


def test_google_brings_the_reader_back_signed_in(
    reader: BrowserContext, served: Web, provider: OpenIdProvider
) -> None:
    someone_new(provider)
    page = opened(reader)
    page.get_by_role("link", name="Sign in with Google").click()
    assert_signed_in(page)
    assert page.url == f"{served.url}/"
    page.reload()
    assert_signed_in(page)


def test_whose_address_has_an_account_is_told_to_use_its_password(
    reader: BrowserContext, served: Web, provider: OpenIdProvider
) -> None:
    email = someone_new(provider)
    body = {"email": email, "password": PASSWORD}
    assert requests.post(f"{served.url}/api/auth/signup", json=body, timeout=30).status_code == 201
    page = opened(reader)
    page.get_by_role("link", name="Sign in with Google").click()
    expect(page.get_by_role("status")).to_contain_text("Please sign in with its password")
    assert page.url == f"{served.url}/"
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("form").get_by_role("button", name="Sign in").click()
    assert_signed_in(page)
