"""What the documentation of the API tells people to type."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ecg.config import Settings
from ecg.media.probe import Limits, probe
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
        with a_live_stack(ECG_S3_BUCKET=bucket, ECG_S3_ENDPOINT_URL=link.url, ECG_PARTS_ABOVE_BYTES="1000",
                          **CREDENTIALS) as live:  # fmt: skip
            yield live


def test_the_scripts_of_the_page_turn_a_file_into_captions(place: LiveStack, tmp_path: Path) -> None:
    clip = spoken_clip(tmp_path / "talk.mp4")
    account = {"email": f"{uuid.uuid4()}@example.org", "password": "correct horse"}
    with_curl = {"ECG": place.url, "EMAIL": account["email"], "PASSWORD": account["password"]}
    told = run("sh", "captions.sh", ["bash"], clip, with_curl).splitlines()
    ended = told.index("completed")
    assert told[ended + 1] == "1", "the one job of this account"
    assert told[ended + 2] == "1"
    assert re.fullmatch(r"00:00:\d\d,\d{3} --> 00:00:\d\d,\d{3}", told[ended + 3])
    assert any(line.endswith(" %") for line in told[:ended])

    token = requests.post(f"{place.url}/api/auth/login", json=account, timeout=30).json()["access_token"]
    made = requests.post(f"{place.url}/api/keys", json={"name": "captions.py"}, timeout=30,
                         headers={"Authorization": f"Bearer {token}"})  # fmt: skip
    with_python = {"ECG": place.url, "KEY": made.json()["key"]}
    assert "render: " in run("python", "captions.py", [sys.executable], clip, with_python)
    captioned = probe(tmp_path / "captioned.mp4", Limits())
    assert captioned.has_audio
    assert (captioned.width, captioned.height) == (640, 360)


def run(language: str, name: str, program: list[str], clip: Path, env: dict[str, str]) -> str:
    """What a script of the page says, which is run as it stands there, in the folder of the clip."""
    scripts = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    script = clip.with_name(name)
    script.write_text(next(each for each in scripts if "/analyze" in each or "/request-process" in each))
    ran = subprocess.run([*program, script, clip], env=os.environ | env, cwd=clip.parent, capture_output=True,
                         text=True, timeout=240, check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return ran.stdout


def test_the_page_names_limits_as_they_are() -> None:
    page, known = PAGE.read_text(), Settings()
    for written in (
        f"{known.renders_per_minute} a minute", f"{known.analyses_per_minute} a minute",
        f"{known.sign_ins_per_minute} a minute", f"{6 * known.sign_ins_per_minute} a minute",
        f"{known.renders_per_day} a day, {known.renders_per_month} a month, {known.renders_at_once} at once",
        f"{known.access_token_s // 60} minutes",
    ):  # fmt: skip
        assert written in page
