"""Sending files from the page: into a folder and into a bucket, in one piece and in parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

from ecg import config
from ecg.config import settings
from ecg.db import transaction
from ecg.models import Video, VideoStatus
from ecg.storage import bucket, store
from ecg.storage.s3 import S3Store
from tests.storage.s3_server import a_bucket
from tests.storage.seaweed import a_seaweed
from tests.web.serving import web
from tests.web_page.conftest import sign_up, upload

_PART_BYTES = 5 << 20  # the least that S3 takes
_PARTS = 4


@pytest.fixture(scope="module")
def seaweed_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with a_seaweed(tmp_path_factory.mktemp("seaweed")) as url:
        yield url


@pytest.fixture(params=["local", "seaweed"])
def opened(
    request: pytest.FixtureRequest, database: str, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> Iterator[Page]:
    """The page, signed in to a web tier that keeps files in this place. No worker looks at them."""
    if request.param == "seaweed":
        url = request.getfixturevalue("seaweed_url")
        monkeypatch.setenv("ECG_S3_BUCKET", a_bucket(url, monkeypatch))
        monkeypatch.setenv("ECG_S3_ENDPOINT_URL", url)
    for name in ("PARTS_ABOVE_BYTES", "PART_BYTES"):
        monkeypatch.setenv(f"ECG_{name}", str(_PART_BYTES))
    config.settings.cache_clear()
    with web(ECG_WEB_PROCESSES="1") as served, browser.new_context(locale="en-US") as context:
        if isinstance(kept := store(settings()), S3Store):
            bucket.admit_pages(kept, [served.url])
        page = context.new_page()
        page.goto(served.url)
        sign_up(page)
        yield page


on_a_folder = pytest.mark.parametrize("opened", ["local"], indirect=True)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "long talk.mp4"
    path.write_bytes(os.urandom((_PARTS - 1) * _PART_BYTES + 1000))
    return path


def kept_bytes() -> bytes:
    """What the store has of the one video there is."""
    with transaction() as session:
        video = session.scalars(select(Video)).one()
    assert video.status == VideoStatus.READY
    with store(settings()).open(video.upload_key) as file:
        return file.read()


def watch_parts(page: Page, answer: Callable[[int, Route], None]) -> None:
    """Let ``answer`` decide about every part that is sent; it gets how many were sent before."""
    sent: list[str] = []

    def on_store(route: Route) -> None:
        if route.request.method == "PUT":
            sent.append(route.request.url)
            answer(len(sent) - 1, route)
        else:
            route.continue_()

    page.route("**/store/**", on_store)


def test_a_small_file_arrives_in_one_piece(opened: Page, tmp_path: Path) -> None:
    small = tmp_path / "talk.mp4"
    small.write_bytes(b"a video")
    upload(opened, small)
    assert kept_bytes() == b"a video"


def test_a_large_file_arrives_in_parts(opened: Page, large: Path) -> None:
    upload(opened, large)
    assert kept_bytes() == large.read_bytes()


@on_a_folder
def test_a_part_that_is_lost_is_sent_again(opened: Page, large: Path) -> None:
    watch_parts(opened, lambda before, route: route.abort() if before < 3 else route.continue_())
    upload(opened, large)
    assert kept_bytes() == large.read_bytes()


@on_a_folder
def test_after_a_reload_only_what_is_missing_is_sent(opened: Page, large: Path) -> None:
    watch_parts(opened, lambda before, route: route.continue_() if before < 2 else None)
    with opened.expect_response(lambda answer: answer.request.method == "PUT"):
        opened.locator("#files").set_input_files(large)
    expect(opened.locator(".upload-state")).to_contain_text("Uploading")
    opened.wait_for_timeout(500)
    opened.unroute_all(behavior="ignoreErrors")
    opened.reload()
    again: list[int] = []
    watch_parts(opened, lambda before, route: (again.append(before), route.continue_()))
    upload(opened, large)
    assert kept_bytes() == large.read_bytes()
    assert len(again) < _PARTS
