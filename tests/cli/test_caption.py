"""``ecg caption`` against the running stack, as a person at a terminal uses it."""

from __future__ import annotations

import itertools
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image
from sqlalchemy import create_engine, text

from ecg.captions import style_names
from ecg.cli.account import local_account
from ecg.cli.sheet import MOMENTS
from ecg.media.probe import Limits, probe
from tests.conftest import LiveStack
from tests.spoken import SENTENCE, spoken_clip


def ecg(stack: LiveStack, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ecg.cli", *map(str, arguments)]
    return subprocess.run(command, env=stack.env, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken_clip(tmp_path_factory.mktemp("clip") / "spoken.mp4", size="320x180")


def test_a_spoken_video_becomes_a_captioned_one(stack: LiveStack, clip: Path, tmp_path: Path):
    done = ecg(stack, "caption", clip, "-o", tmp_path / "out.mp4", "--style", "minimal")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "out.mp4"), "scripts read the last line"
    assert abs(probe(tmp_path / "out.mp4", Limits()).duration_s - probe(clip, Limits()).duration_s) < 0.05
    for told in ("Upload", "Analysis", "Render", "Speech engine: ", "Encoder: ", "captured by: "):
        assert told in done.stdout
    assert "None" not in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"], "no half-written file stays behind"


def test_a_sheet_shows_moments_of_the_clip_in_every_style(stack: LiveStack, clip: Path, tmp_path: Path):
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,200 --> 00:00:01,900\nWe walked along the river\n")
    done = ecg(stack, "caption", clip, "--sheet", "--captions", words, "-o", tmp_path / "styles.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "styles.png")
    with Image.open(tmp_path / "styles.png") as sheet:
        picture = np.asarray(sheet)
    rows = np.array_split(picture, len(style_names()))
    assert len({row.shape for row in rows}) == 1
    first = [row[:, : row.shape[1] // MOMENTS] for row in rows]
    assert all((one != other).any() for one, other in itertools.combinations(first, 2))


def test_a_caption_file_that_cannot_be_read_ends_with_its_reason(
    stack: LiveStack, clip: Path, tmp_path: Path
):
    for content, told in ((b"Dear Sir", "cue"), (b"\xff\xfe1\x00", "UTF-8")):
        (tmp_path / "words.srt").write_bytes(content)
        done = ecg(stack, "caption", clip, "--captions", tmp_path / "words.srt", "-o", tmp_path / "out.mp4")
        assert done.returncode != 0
        assert told in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out.mp4").exists()


def test_a_script_and_hotwords_go_with_the_request(stack: LiveStack, clip: Path, tmp_path: Path):
    script = tmp_path / "script.txt"
    script.write_text(f"{SENTENCE.capitalize()} today.\n")
    done = ecg(stack, "caption", clip, "--script", script, "--hotword", "Fox", "--hotword", "forest",
               "--engine", "offline", "-o", tmp_path / "styles.png", "--sheet")  # fmt: skip
    assert done.returncode == 0, done.stderr
    engine = create_engine(stack.database_url)
    with engine.connect() as connection:
        newest = text("SELECT video_id, params FROM jobs ORDER BY created_at DESC LIMIT 1")
        video_id, params = connection.execute(newest).one()
    engine.dispose()
    assert params["hotwords"] == ["Fox", "forest"]
    result = requests.get(f"{stack.url}/api/videos/{video_id}/result", headers=own_headers(stack), timeout=10)
    (segment,) = result.json()["segments"]
    assert segment["text"] == f"{SENTENCE.capitalize()} today."
    assert [(mark["kind"], mark["text"]) for mark in segment["warnings"]] == [("script_omission", "today.")]
    assert result.json()["metadata"]["speakers_by"] == "clustering"


def test_no_quota_holds_for_its_account(stack: LiveStack, clip: Path, tmp_path: Path):
    ecg(stack, "caption", __file__, "-o", tmp_path / "out.mp4")
    engine = create_engine(stack.database_url)
    with engine.connect() as connection:
        unlimited = text("SELECT unlimited FROM users WHERE email = :email")
        assert connection.scalar(unlimited, {"email": local_account(stack.data_dir).email}) is True
    engine.dispose()


def test_its_account_is_kept_private(stack: LiveStack, clip: Path, tmp_path: Path):
    ecg(stack, "caption", tmp_path / "..", "-o", tmp_path / "out.mp4")
    ecg(stack, "caption", __file__, "-o", tmp_path / "out.mp4")
    kept = stack.data_dir / "secrets" / "account.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_file_that_is_no_video_ends_with_its_reason(stack: LiveStack, tmp_path: Path):
    done = ecg(stack, "caption", __file__, "-o", tmp_path / "out.mp4")
    assert done.returncode == 1
    assert "INVALID_MEDIA" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_style_that_does_not_exist_is_refused(stack: LiveStack, clip: Path, tmp_path: Path):
    done = ecg(stack, "caption", clip, "-o", tmp_path / "out.mp4", "--style", "nonsense")
    assert done.returncode == 1
    assert "nonsense" in done.stderr


def test_a_folder_that_is_not_there_is_told_before_any_work(stack: LiveStack, clip: Path, tmp_path: Path):
    begun = time.monotonic()
    done = ecg(stack, "caption", clip, "-o", tmp_path / "nowhere" / "out.mp4")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(("asked", "told"), [(("out.gif",), ".mp4, .mov or .webm"),
                                             (("out.mp4", "--overlay"), ".mov or .webm")])  # fmt: skip
def test_a_file_that_cannot_be_made_is_refused_before_any_work(
    stack: LiveStack, clip: Path, tmp_path: Path, asked: tuple[str, ...], told: str
):
    name, *options = asked
    done = ecg(stack, "caption", clip, "-o", tmp_path / name, *options)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Upload" not in done.stdout


def test_a_wrong_password_is_told(stack: LiveStack, clip: Path, tmp_path: Path):
    done = ecg(stack, "caption", clip, "-o", tmp_path / "out.mp4", "--url", stack.url,
               "--email", "nobody@example.org", "--password", "guessed wrong")  # fmt: skip
    assert done.returncode == 1
    assert "UNAUTHORIZED" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_it_cancels_the_job(
    stack: LiveStack, clip: Path, tmp_path: Path, number: signal.Signals
):
    command = [sys.executable, "-m", "ecg.cli", "caption", str(clip), "-o", str(tmp_path / "out.mp4")]
    running = subprocess.Popen(command, env=stack.env, stdout=subprocess.PIPE, text=True)
    for line in running.stdout:
        if line.startswith("Analysis"):
            break
    os.kill(running.pid, number)
    assert running.wait(30) == 130
    assert newest_job(stack)["status"] == "cancelled"


def newest_job(stack: LiveStack) -> dict:
    """As the account of the command line sees it."""
    jobs = requests.get(f"{stack.url}/api/jobs?limit=1", headers=own_headers(stack), timeout=10).json()
    return next(iter(jobs.values()))[0] if isinstance(jobs, dict) else jobs[0]


def own_headers(stack: LiveStack) -> dict[str, str]:
    """Those of a request by the account of the command line."""
    account = local_account(stack.data_dir)
    login = {"email": account.email, "password": account.password}
    token = requests.post(f"{stack.url}/api/auth/login", json=login, timeout=10).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}
