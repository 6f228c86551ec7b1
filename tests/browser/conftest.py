"""A real Chromium, warm for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, Route

from ecg.browser.capture import CaptureBrowser
from ecg.browser.chromium import find_chromium
from ecg.captions import PLAYER_DIR
from ecg.captions.fonts import fonts_ready
from ecg.config import settings
from tests.conftest import require

SITE = "http://player.test"
SCRIPTED_PLAYER = Path(__file__).parent / "scripted_player"


def make_browser(capture: str = "auto", *, player_dir: Path = PLAYER_DIR, **options: Any) -> CaptureBrowser:
    """A browser as the settings say; it starts at its `with`."""
    require(settings().chromium or shutil.which("chromium-headless-shell"), "Chromium is not installed")
    require(not fonts_ready(settings().fonts_dir), "the caption fonts are not installed: run `ecg setup`")
    known = settings()
    given = {"chromium": known.chromium, "sandbox": known.chromium_sandbox, "fonts_dir": known.fonts_dir}
    return CaptureBrowser(player_dir=player_dir, capture=capture, **{**given, **options})


@pytest.fixture(scope="package")
def by_canvas() -> Iterator[CaptureBrowser]:
    with make_browser("canvas") as browser:
        yield browser


@pytest.fixture(scope="package")
def by_screenshot() -> Iterator[CaptureBrowser]:
    with make_browser("screenshot") as browser:
        yield browser


@pytest.fixture(scope="package")
def scripted() -> Iterator[CaptureBrowser]:
    """A browser whose player does as the scenario's language says; given up after 3 s of silence."""
    with make_browser("canvas", player_dir=SCRIPTED_PLAYER, stall_s=3.0) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(playwright: Playwright) -> Iterator[Page]:
    """An ordinary page with the player in it, in a Chromium without any of our settings for capture."""
    browser = playwright.chromium.launch(
        executable_path=find_chromium(settings().chromium),
        chromium_sandbox=settings().chromium_sandbox,
        args=["--font-render-hinting=none"],
    )
    page = browser.new_page()
    page.route(f"{SITE}/**", serve_player)
    yield page
    browser.close()


def serve_player(route: Route) -> None:
    path = route.request.url.removeprefix(f"{SITE}/")
    if path == "":
        route.fulfill(content_type="text/html", body="<!doctype html><style>body { margin: 0 }</style>")
    elif path.startswith("player/fonts/"):
        route.fulfill(path=settings().fonts_dir / "node_modules" / path.removeprefix("player/fonts/"))
    else:
        route.fulfill(path=PLAYER_DIR / path.removeprefix("player/"))
