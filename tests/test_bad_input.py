"""Bad input ends in a code and a sentence that helps, soon, and the next good job runs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client import Client
from tests.spoken import ffmpeg, spoken_clip

SOON_S = 30


def empty_file(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def text_file(folder: Path) -> Path:
    (folder / "notes.mp4").write_text("Dear diary, today I renamed a text file.\n" * 50)
    return folder / "notes.mp4"


def silent_film(folder: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=duration=2:size=320x180", "-c:v", "libx264", folder / "silent.mp4")
    return folder / "silent.mp4"


def sound_without_speech(folder: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=duration=4:size=320x180",
           "-f", "lavfi", "-i", "sine=220:duration=4",
           "-c:v", "libx264", "-c:a", "aac", folder / "tone.mp4")  # fmt: skip
    return folder / "tone.mp4"


def truncated(folder: Path) -> Path:
    whole = spoken_clip(folder / "whole.mp4").read_bytes()
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    return folder / "truncated.mp4"


def too_short(folder: Path) -> Path:
    return spoken_clip(folder / "short.mp4", seconds=0.2)


def playlist(folder: Path) -> Path:
    (folder / "playlist.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n")
    return folder / "playlist.mp4"


def concat_script(folder: Path) -> Path:
    (folder / "script.mp4").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    return folder / "script.mp4"


def huge_picture(folder: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "color=size=16000x16000:duration=0.04:rate=25", "-c:v", "png", "-f", "mov",
           folder / "huge.mp4")  # fmt: skip
    return folder / "huge.mp4"


BAD = [empty_file, text_file, silent_film, sound_without_speech, truncated, too_short, playlist,
       concat_script, huge_picture]  # fmt: skip


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_bad_input_is_refused_with_a_sentence_that_helps(stack, make: Callable[[Path], Path], tmp_path: Path):
    person, path = Client(stack.url), make(tmp_path)
    started_s = time.monotonic()
    response = person.try_post("/api/uploads", filename=path.name, size_bytes=path.stat().st_size,
                               content_type="video/mp4")  # fmt: skip
    if response.ok:
        job = person.wait(person.analyze(person.upload(path)), SOON_S)
        assert job["status"] == "failed", job
        error = job["error"]
    else:
        assert 400 <= response.status_code < 500
        error = response.json()["error"]
    assert time.monotonic() - started_s < SOON_S
    assert error["code"] in {"INVALID_MEDIA", "BAD_REQUEST"}
    assert len(error["message"].split()) >= 5, "a sentence"


@pytest.mark.parametrize("name", [
    "it's \"quoted\".mp4", "new\nline.mp4", "../../etc/passwd.mp4", "한국어 영상 🎬.mp4", "-rf.mp4",
    "x" * 300 + ".mp4",
])  # fmt: skip
def test_any_file_name_is_only_a_name(stack, name: str, tmp_path: Path):
    person = Client(stack.url)
    clip = spoken_clip(tmp_path / "clip.mp4", seconds=3)
    response = person.try_post("/api/uploads", filename=name, size_bytes=clip.stat().st_size,
                               content_type="video/mp4")  # fmt: skip
    if not response.ok:
        assert response.status_code in {400, 422}
        assert len(response.json()["error"]["message"].split()) >= 5
        return
    video = person.upload(clip, filename=name)
    person.done(person.analyze(video))
    shown = person.get(f"/api/videos/{video}").json()["filename"]
    assert "/" not in shown
    assert "\n" not in shown


def test_after_all_that_a_good_job_still_runs(stack, tmp_path: Path):
    person = Client(stack.url)
    for make in (text_file, playlist):
        person.wait(person.analyze(person.upload(make(tmp_path))), SOON_S)
    person.done(person.analyze(person.upload(spoken_clip(tmp_path / "good.mp4"))))


def test_sound_alone_gets_captions_over_a_plain_picture(stack, tmp_path: Path):
    person = Client(stack.url)
    spoken_clip(tmp_path / "voice.mp4")
    video = person.upload(tmp_path / "voice.wav")
    person.done(person.analyze(video))
    made = person.render(video)
    person.done(made)
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,width,height", "-of", "csv",
         person.download(made, tmp_path / "captioned.mp4")], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "video,1280,720" in probe.stdout
    assert "audio" in probe.stdout
