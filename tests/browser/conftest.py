"""A real Chromium, warm for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecg.browser.capture import CaptureBrowser
from ecg.captions import PLAYER_DIR
from ecg.captions.fonts import fonts_ready
from ecg.config import settings
from tests.conftest import require

SCRIPTED_PLAYER = Path(__file__).parent / "scripted_player"


def make_browser(capture: str = "auto", *, player_dir: Path = PLAYER_DIR, **options: Any) -> CaptureBrowser:
    """A browser as the settings say; it starts at its `with`."""
    require(settings().chromium or shutil.which("chromium-headless-shell"), "Chromium is not installed")
    require(not fonts_ready(settings().fonts_dir), "the caption fonts are not installed: run `ecg setup`")
    given = {"chromium": settings().chromium, "fonts_dir": settings().fonts_dir, **options}
    return CaptureBrowser(
        sandbox=settings().chromium_sandbox, player_dir=player_dir, capture=capture, **given
    )


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
