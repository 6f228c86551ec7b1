"""The scenario's shape: what goes in comes out, and what is wrong is named."""

import copy
import json
from typing import Any

import jsonschema
import pytest

from ecg.captions import Scenario, json_schema
from ecg.errors import InvalidScenario
from tests.captions.builders import make_scenario, two_speakers


def make_document() -> dict[str, Any]:
    return copy.deepcopy(make_scenario(*two_speakers()).to_json())


def test_a_scenario_survives_the_way_through_json() -> None:
    scenario = make_scenario(*two_speakers())
    assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario


def test_a_composed_scenario_keeps_to_the_published_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(make_document(), json_schema())


def test_words_written_by_hand_need_only_text_and_times() -> None:
    document = make_document()
    document["cues"] = [{
        "id": "mine", "start_s": 0, "end_s": 2, "speaker": "SPEAKER_00", "lane": 0, "lines": [[0]],
        "words": [{"text": "Hello", "start_s": 0.5, "end_s": 1}],
    }]  # fmt: skip
    jsonschema.validate(document, json_schema())
    word = Scenario.from_json(document).cues[0].words[0]
    assert (word.size, word.weight, word.width, word.glued) == (1.0, 400, 100, False)


def set_at(document: dict[str, Any], path: list[Any], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


WRONG_VALUES = [
    (["version"], 2, "version: must be at most 1"),
    (["width"], 1920.5, "width: must be an integer"),
    (["cues", 1, "words", 0, "end_s"], 0, "cues[1].words[0].end_s: must be after start_s"),
    (["cues", 1, "words", 0, "start_s"], 0, "cues[1].words[0].start_s: is before the cue is on screen"),
    (["cues", 1, "words", 2, "end_s"], 99, "cues[1].words[2].end_s: is after the cue has gone"),
    (["cues", 0, "words", 0, "text"], " ", "cues[0].words[0].text: must be text that is not blank"),
    (["cues", 0, "words", 0, "size"], float("nan"), "cues[0].words[0].size: must be a number"),
    (["cues", 0, "lines"], [[0, 1], [1]], "cues[0].lines: must name every word 0..4 once, in order"),
    (["cues", 0, "speaker"], "NOBODY", "cues[0].speaker: 'NOBODY' is not among speakers"),
    (["cues", 1, "id"], "c1", "cues[1].id: 'c1' is the id of cues[0] already"),
    (["cues", 2, "lane"], 0, "cues[2].start_s: overlaps cues[1] in lane 0"),
    (["cues", 0, "html"], "<b>", "cues[0].html: is not known here"),
    (["cues", 0, "words"], "no", "cues[0].words: must be a list"),
    (["speakers", "SPEAKER_00", "color"], "red", "speakers.SPEAKER_00.color: must be a colour"),
    (["style", "animation", "pop"], -1, "style.animation.pop: must be at least 0"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG_VALUES)
def test_a_wrong_value_is_named_by_its_path(path: list[Any], value: Any, message: str) -> None:
    document = make_document()
    set_at(document, path, value)
    with pytest.raises(InvalidScenario) as caught:
        Scenario.from_json(document)
    assert caught.value.message.startswith(message)


def test_a_missing_field_is_named() -> None:
    document = make_document()
    del document["cues"][0]["words"][1]["start_s"]
    with pytest.raises(InvalidScenario, match=r"^cues\[0\]\.words\[1\]\.start_s: is missing"):
        Scenario.from_json(document)


@pytest.mark.parametrize("document", [None, [], "scenario", 3])
def test_what_is_no_object_at_all_is_refused(document: Any) -> None:
    with pytest.raises(InvalidScenario, match="must be an object"):
        Scenario.from_json(document)
