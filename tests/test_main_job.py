"""The main job, through the real system: a spoken video goes in, a captioned video comes out."""

from __future__ import annotations

import json
import os
import shutil
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg.browser.capture import CaptureBrowser
from ecg.captions import PLAYER_DIR
from ecg.media.frames import frames_at
from ecg.media.probe import Limits, probe
from tests.client import Client
from tests.conftest import require, speech
from tests.spoken import ffmpeg, spoken_clip, two_voices, voice

LIMITS = Limits()


def captioned(stack, clip: Path, folder: Path) -> tuple[Client, str, Path]:
    """Upload, analyze, render, download: the person, the video's id, and the result."""
    person = Client(stack.url)
    video = person.upload(clip)
    person.done(person.analyze(video))
    render = person.render(video)
    person.done(render)
    return person, video, person.download(render, folder / "captioned.mp4")


def scenario_of(person: Client, video: str, clip: Path) -> dict[str, Any]:
    info = probe(clip, LIMITS)
    return person.get(f"/api/videos/{video}/scenario", width=info.width, height=info.height).json()


def frame_times(scenario: dict[str, Any], fps: Fraction) -> list[float]:
    """The frame in the middle of each word."""
    words = [word for cue in scenario["cues"] for word in cue["words"]]
    return [float(round((word["start_s"] + word["end_s"]) / 2 * fps) / fps) for word in words]


def drawn(scenario: dict[str, Any], times: list[float], fps: Fraction, size: tuple[int, int]):
    """What the player shows at those times: the box, and its pictures as straight RGBA, 0..1."""
    require(shutil.which("chromium-headless-shell"), "chromium-headless-shell is not installed")
    fonts = Path(os.environ.get("ECG_FONTS_DIR", Path(sys.prefix) / "share" / "ecg-fonts"))
    sandbox = os.environ.get("ECG_CHROMIUM_SANDBOX") != "0"
    with CaptureBrowser("", sandbox, PLAYER_DIR, fonts) as browser, browser.open(scenario, *size) as session:
        box = session.box
        pictures = [
            np.frombuffer(bytes(next(session.frames(round(t * fps), 1, fps))), np.uint8)
            .reshape(box.height, box.width, 4) / 255.0
            for t in times
        ]  # fmt: skip
    return (box.x, box.y, box.width, box.height), pictures


SOURCES = {
    "25 fps 640x360": lambda folder: two_voices(folder / "talk.mp4"),
    "vertical 1080x1920": lambda folder: spoken_clip(
        folder / "tall.mp4", voice(folder / "v.wav", "good morning my dear friend"), "1080x1920", "30"),
    "an old recording, 29.97 fps": lambda folder: spoken_clip(
        folder / "jfk.mp4", speech("jfk.flac"), "1280x720", "30000/1001"),
}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_every_word_is_seen_in_the_video_while_it_is_spoken(stack, source: str, tmp_path: Path):
    clip = SOURCES[source](tmp_path)
    person, video, result = captioned(stack, clip, tmp_path)
    before, after = probe(clip, LIMITS), probe(result, LIMITS)
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps)
    assert abs(after.duration_s - before.duration_s) <= 1 / before.fps
    assert after.acodec == before.acodec == "aac"

    scenario = scenario_of(person, video, clip)
    transcript = person.get(f"/api/videos/{video}/result").json()
    spoken = [word["word"] for segment in transcript["segments"] for word in segment["words"]]
    assert [word["text"] for cue in scenario["cues"] for word in cue["words"]] == spoken

    times = frame_times(scenario, before.fps)
    box, pictures = drawn(scenario, times, before.fps, (before.width, before.height))
    shown = frames_at(result, times, box)
    plain = frames_at(clip, times, box)
    for picture, with_captions, without, t in zip(pictures, shown, plain, times, strict=True):
        alpha = picture[..., 3:]
        wanted = picture[..., :3] * 255 * alpha + without * (1 - alpha)
        inside = alpha[..., 0] > 0.5
        assert inside.any(), f"nothing is drawn at {t} s"
        off = np.abs(with_captions - wanted)[inside].mean()
        bare = np.abs(with_captions - without.astype(float))[inside].mean()
        assert off < 12, f"at {t} s the video differs from the player by {off:.1f} of 255"
        assert bare > 3 * off, f"at {t} s there may be no caption at all"


def test_two_voices_have_two_colours_and_emphasis_follows_loudness(stack, tmp_path: Path):
    clip = two_voices(tmp_path / "talk.mp4")
    person = Client(stack.url)
    video = person.upload(clip)
    person.done(person.analyze(video))
    scenario = scenario_of(person, video, clip)
    colours = {speaker["color"] for speaker in scenario["speakers"].values()}
    assert len(colours) == len(scenario["speakers"]) == 2
    assert {cue["speaker"] for cue in scenario["cues"]} == set(scenario["speakers"])


def test_a_shouted_word_is_larger_than_its_neighbours(stack, tmp_path: Path):
    quiet = voice(tmp_path / "quiet.wav", "we walked along the river and talked about it", volume=0.15)
    loud = voice(tmp_path / "loud.wav", "wonderful", volume=1.0)
    ffmpeg("-i", quiet, "-i", loud, "-i", quiet, "-filter_complex",
           "[0]apad=pad_dur=0.3[a];[1]apad=pad_dur=0.3[b];[a][b][2]concat=n=3:v=0:a=1",
           tmp_path / "all.wav")  # fmt: skip
    clip = spoken_clip(tmp_path / "clip.mp4", tmp_path / "all.wav")
    person = Client(stack.url)
    video = person.upload(clip)
    person.done(person.analyze(video, speakers=1))
    words = [word for cue in scenario_of(person, video, clip)["cues"] for word in cue["words"]]
    heard = [w for s in person.get(f"/api/videos/{video}/result").json()["segments"] for w in s["words"]]
    loudest = max(range(len(heard)), key=lambda n: heard[n]["acoustic_features"]["volume_db"])
    assert words[loudest]["size"] > 1.2
    assert sum(word["size"] > 1.2 for word in words) <= len(words) / 3


CAPTIONS = """\
WEBVTT

00:00.200 --> 00:01.400
<v Ann>We walked <c>along</c>

00:01.400 --> 00:02.600
<v Ben>the Wonderful river!

09:00.000 --> 09:01.000
<v Ann>Thanks for watching
"""


def test_words_of_a_caption_file_are_shown_as_written_and_sized_as_spoken(stack, tmp_path: Path):
    clip = two_voices(tmp_path / "talk.mp4")
    person = Client(stack.url)
    video = person.upload(clip)
    job = person.done(person.analyze(video, captions=CAPTIONS))
    result = person.get(f"/api/videos/{video}/result").json()
    assert [segment["text"] for segment in result["segments"]] == ["We walked along", "the Wonderful river!"]
    assert [segment["speaker"]["speaker_id"] for segment in result["segments"]] == ["Ann", "Ben"]
    assert result["metadata"]["engine"] == "sidecar"
    assert any("after the end" in warning for warning in result["warnings"])
    assert result["warnings"] == job["warnings"]
    words = [word for segment in result["segments"] for word in segment["words"]]
    assert all(word["acoustic_features"]["volume_db"] is not None for word in words)
    scenario = scenario_of(person, video, clip)
    assert len({scenario["speakers"][name]["color"] for name in ("Ann", "Ben")}) == 2


def test_a_render_of_a_project_shows_its_words_as_they_were_edited(stack, tmp_path: Path):
    clip = spoken_clip(tmp_path / "clip.mp4")
    person = Client(stack.url)
    video = person.upload(clip)
    person.done(person.analyze(video))
    made = person.post("/api/projects", video_id=video, colors={"SPEAKER_00": "#00ff00"}).json()
    made["transcript"]["segments"][0]["words"][0]["word"] = "Edited"
    saved = person.http.put(f"{stack.url}/api/projects/{made['id']}", timeout=30, headers={"If-Match": '"1"'},
                            json={"transcript": made["transcript"]})  # fmt: skip
    assert saved.ok, saved.text
    job = person.post("/api/render/create", projectId=made["id"]).json()["jobId"]
    person.done(job)
    written = (stack.data_dir / "store" / "rendered" / job).glob("*/scenario.json")
    scenario = json.loads(next(written).read_text())
    assert scenario["cues"][0]["words"][0]["text"] == "Edited"
    assert {speaker["color"] for speaker in scenario["speakers"].values()} == {"#00ff00"}
    assert scenario == person.get(f"/api/projects/{made['id']}/export", format="json").json()
