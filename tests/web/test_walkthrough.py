"""What the documentation of the API tells people to type."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg.config import Settings
from tests.conftest import LiveStack, a_live_stack
from tests.spoken import spoken_clip
from tests.storage.s3_server import CREDENTIALS, a_bucket, an_s3_server

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture(params=["a folder", "a bucket"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveStack]:
    """A stack that keeps its files there."""
    if request.param == "a folder":
        yield request.getfixturevalue("stack")
        return
    with an_s3_server() as link:
        bucket = a_bucket(link.url, monkeypatch)
        with a_live_stack(ECG_S3_BUCKET=bucket, ECG_S3_ENDPOINT_URL=link.url, **CREDENTIALS) as live:
            yield live


def test_the_script_of_the_page_turns_a_file_into_captions(place: LiveStack, tmp_path: Path) -> None:
    script = tmp_path / "captions.sh"
    script.write_text(re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)[0])
    clip = spoken_clip(tmp_path / "talk.mp4")
    env = os.environ | {
        "ECG": place.url, "EMAIL": f"{uuid.uuid4()}@example.org", "PASSWORD": "correct horse",
    }  # fmt: skip
    ran = subprocess.run(
        ["bash", script, clip], env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    told = ran.stdout.splitlines()
    ended = told.index("completed")
    assert told[ended + 1] == "1", "the one job of this account"
    assert told[ended + 2] == "1"
    assert re.fullmatch(r"00:00:\d\d,\d{3} --> 00:00:\d\d,\d{3}", told[ended + 3])
    assert any(line.endswith(" %") for line in told[:ended])


def test_the_page_names_limits_as_they_are() -> None:
    page, known = PAGE.read_text(), Settings()
    for written in (
        f"{known.renders_per_minute} a minute", f"{known.analyses_per_minute} a minute",
        f"{known.sign_ins_per_minute} a minute", f"{6 * known.sign_ins_per_minute} a minute",
        f"{known.renders_per_day} a day, {known.renders_per_month} a month, {known.renders_at_once} at once",
        f"{known.access_token_s // 60} minutes",
    ):  # fmt: skip
        assert written in page
