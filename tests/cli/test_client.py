"""What the command line sends, over a folder and over a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg import config
from ecg.cli.client import Account, Api
from ecg.config import settings
from ecg.db import transaction
from ecg.models import Video
from ecg.storage import store
from tests.storage.s3_server import a_bucket, an_s3_server
from tests.web.serving import web

_PART_BYTES = 5 << 20  # the least that S3 takes


@pytest.fixture(params=["local", "s3"])
def api(
    request: pytest.FixtureRequest, database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Api]:
    for name in ("PARTS_ABOVE_BYTES", "PART_BYTES"):
        monkeypatch.setenv(f"ECG_{name}", str(_PART_BYTES))
    with an_s3_server() as link:
        if request.param == "s3":
            monkeypatch.setenv("ECG_S3_BUCKET", a_bucket(link.url, monkeypatch))
            monkeypatch.setenv("ECG_S3_ENDPOINT_URL", link.url)
        config.settings.cache_clear()
        with web(ECG_WEB_PROCESSES="1") as served:
            signed_in = Api(served.url, Account("ann@example.org", "correct horse"))
            signed_in.sign_up()
            yield signed_in


def test_files_arrive_whole_in_one_piece_or_in_parts(api: Api, tmp_path: Path) -> None:
    for size_bytes in (7, 2 * _PART_BYTES + 7):
        source, told = tmp_path / "talk.mp4", []
        source.write_bytes(os.urandom(size_bytes))
        video_id = api.upload(source, told.append)
        with transaction() as session:
            key = session.get_one(Video, video_id).upload_key
        assert store(settings()).open(key).read() == source.read_bytes()
        assert sum(told) >= size_bytes
