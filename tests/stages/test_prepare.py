"""The first step of a render: what is drawn is settled, once for all its chunks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecg.captions import Draft, load_style
from ecg.media.probe import Limits, probe
from ecg.stages.render import prepare
from tests.captions.builders import make_transcript
from tests.spoken import spoken_clip

ASKED: dict[str, Any] = {"style": "minimal", "strength": 1.0, "options": {"quality": 80}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken_clip(tmp_path_factory.mktemp("clip") / "spoken.mp4", size="320x180")


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"aspect": "source"}, (320, 180)), ({"aspect": "16:9"}, (320, 180)), ({"aspect": "1:1"}, (180, 180)),
        ({"aspect": "9:16"}, (180, 320)), ({"width": 641, "height": 480}, (640, 480)),
    ],
)  # fmt: skip
def test_an_aspect_keeps_the_shorter_side(clip: Path, tmp_path: Path, options: dict, size: tuple[int, int]):
    transcript = tmp_path / "analysis.json"
    transcript.write_text(json.dumps(make_transcript().to_json()))
    params = {**ASKED, "options": {"quality": 80, **options}}
    plan = prepare(probe(clip, Limits()), transcript, None, params, (1280, 720), tmp_path / "scenario.json")
    assert (plan.width, plan.height) == size


def drawn(clip: Path, folder: Path, **params: Any) -> dict[str, Any]:
    """The scenario of a render with these params."""
    transcript, out = folder / "analysis.json", folder / "scenario.json"
    transcript.write_text(json.dumps(make_transcript().to_json()))
    prepare(probe(clip, Limits()), transcript, None, {**ASKED, **params}, (1280, 720), out)
    return json.loads(out.read_text())


def test_captions_are_composed_in_the_style_asked_for_and_for_the_video_s_size(clip: Path, tmp_path: Path):
    scenario = drawn(clip, tmp_path)
    assert (scenario["width"], scenario["height"]) == (320, 180)
    assert scenario["style"] == load_style("minimal").to_json()


def test_a_render_of_a_project_draws_its_draft(clip: Path, tmp_path: Path):
    written, out = tmp_path / "project.json", tmp_path / "scenario.json"
    draft = replace(Draft.of(make_transcript()), colors={"SPEAKER_00": "#123456"})
    written.write_text(json.dumps(draft.to_json()))
    prepare(probe(clip, Limits()), written, None, {**ASKED, "project_key": "x"}, (1280, 720), out)
    scenario = json.loads(out.read_text())
    assert (scenario["width"], scenario["height"]) == (320, 180)
    assert scenario["speakers"]["SPEAKER_00"]["color"] == "#123456"


def test_a_user_s_own_style_is_the_one_that_came_with_the_job(clip: Path, tmp_path: Path):
    own = {**load_style().to_json(), "name": "mine", "title": "Mine"}
    own["animation"]["pop"] = 0.4
    scenario = drawn(clip, tmp_path, style="mine", own_style=own, strength=0.5)
    assert scenario["style"]["name"] == "mine"
    assert scenario["style"]["animation"]["pop"] == pytest.approx(0.2)
