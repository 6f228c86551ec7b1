"""A reader with a real browser, in front of the page of a real stack."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from ecg.browser.chromium import find_chromium
from ecg.config import settings
from tests.conftest import LiveStack, require
from tests.spoken import spoken_clip

PASSWORD = "correct horse"


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    require(settings().chromium or shutil.which("chromium-headless-shell"), "Chromium is not installed")
    started = playwright.chromium.launch(
        executable_path=find_chromium(settings().chromium), chromium_sandbox=settings().chromium_sandbox
    )
    yield started
    started.close()


@pytest.fixture
def visit(browser: Browser, stack: LiveStack) -> Iterator[Callable[..., Page]]:
    """Opens the page as a new reader would. At the end, no visit may have seen a fault of the page itself,
    nor asked anything of another server than the stack's."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []
    hosts: set[str] = set()

    def opened(locale: str = "en-US", **options: object) -> Page:
        context = browser.new_context(locale=locale, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.goto(stack.url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults
    assert hosts - {""} <= {urlsplit(url).netloc for url in (stack.url, stack.stream_url)}


@pytest.fixture(scope="package")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few seconds of video in which someone speaks."""
    return spoken_clip(tmp_path_factory.mktemp("clip") / "fox.mp4")


def sign_up(page: Page, button: str = "Create account") -> str:
    """Make an account; the e-mail address of it."""
    email = f"{uuid.uuid4()}@example.org"
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name=button).click()
    expect(page.locator(".drop")).to_be_visible()
    return email


def upload(page: Page, path: Path) -> None:
    """Choose a file; the page goes on to its view by itself."""
    page.locator("#files").set_input_files(path)
    expect(page.locator("h1")).to_have_text(path.name, timeout=30_000)
