"""The scenario's shape: what goes in comes out, and what is wrong is named."""

import copy
import json
from itertools import pairwise
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg.captions import Scenario, json_schema, load_style, style_names
from ecg.captions.scenario import Cue, CueSpeaker, CueWord
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


def kept_between(from_s: float, to_s: float, *cues: tuple[float, float]) -> list[int]:
    """Which of these cues, each in a lane of its own, are kept."""
    document = make_document()
    document["cues"] = [{
        "id": str(number), "start_s": start_s, "end_s": end_s, "speaker": "SPEAKER_00", "lane": number,
        "lines": [[0]], "words": [{"text": "so", "start_s": start_s, "end_s": end_s}],
    } for number, (start_s, end_s) in enumerate(cues)]  # fmt: skip
    return [int(cue.id) for cue in Scenario.from_json(document).between(from_s, to_s).cues]


def test_a_part_of_the_time_keeps_the_cues_on_screen_then_in_their_order() -> None:
    assert kept_between(2, 4, (3, 5), (0, 2), (2, 3), (5, 6)) == [0, 2]
    assert kept_between(2, 4) == []


def test_a_part_of_the_time_keeps_what_its_cues_stand_on() -> None:
    assert kept_between(2, 3, (1, 2.5), (0.5, 1.5), (0, 1), (5, 6)) == [0, 1, 2]
    assert kept_between(2, 3, (1, 2.5), (0.5, 1.5), (0, 0.5)) == [0, 1]


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
    (["cues", 0, "words"], {}, "cues[0].words: must be a list, not an object"),
    (["cues", 0, "words", 1], [[[]]], "cues[0].words[1]: must be an object, not a list"),
    (["cues", 0, "words", 0, "text"], "a\ud800", "cues[0].words[0].text: must be whole characters"),
    (["cues", 0, "words", 0, "text"], "a\x00", "cues[0].words[0].text: must be text without control"),
    (["cues", 0, "words", 0, "text"], "a" * 1001, "cues[0].words[0].text: must have at most 1000 char"),
    (["cues", 0, "words", 0, "text"], "z" + "\u0301" * 9, "cues[0].words[0].text: must have at most 8 acc"),
    (["cues", 0, "words", 0, "text"], "z" + "\u0301\u200d" * 9, "cues[0].words[0].text: must have at most 8"),
    (["cues", 0, "words"], [{}] * 1001, "cues[0].words: must have at most 1000 items, not 1001"),
    (["duration_s"], 1e8, "duration_s: must be at most 10000000, not 100000000.0"),
    (["speakers", "<b>"], {}, "speakers.'<b>'.color: is missing"),
    (["cues", 0, "words", 0, "size"], True, "cues[0].words[0].size: must be a number, not True"),
    (["cues", 0, "start_s"], 10**5000, "cues[0].start_s: must be a number, not an integer of 16610 bits"),
    (["cues", 0, "start_s"], float("inf"), "cues[0].start_s: must be a number, not inf"),
    (["cues", 0, "lane"], 16, "cues[0].lane: must be at most 15, not 16"),
    (["cues", 0, "lines"], [[0, 1, 2, 3, 4], []], "cues[0].lines[1]: must have at least 1 item(s)"),
    (["cues", 0, "end_s"], 0.1, "cues[0].end_s: must be after start_s (0.35), not 0.1"),
    (["speakers", "\udc00"], {"color": "#ffffff"}, "speakers.'\\udc00': must be whole characters"),
    (["speakers", "SPEAKER_00", "color"], "red", "speakers.SPEAKER_00.color: must be a colour"),
    (["style", "animation", "pop"], -1, "style.animation.pop: must be at least 0"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG_VALUES, ids=[row[2] for row in WRONG_VALUES])
def test_a_wrong_value_is_named_by_its_path(path: list[Any], value: Any, message: str) -> None:
    document = make_document()
    set_at(document, path, value)
    with pytest.raises(InvalidScenario) as caught:
        Scenario.from_json(document)
    assert caught.value.message.startswith(message)


def test_a_message_about_a_long_value_is_short() -> None:
    document = make_document()
    document["speakers"]["SPEAKER_00"]["color"] = "z" * 10**6
    document["cues"][0]["x" * 10**6] = 1
    for _ in range(2):
        with pytest.raises(InvalidScenario) as caught:
            Scenario.from_json(document)
        assert len(caught.value.message) < 300
        document["cues"][0].pop("x" * 10**6, None)


def test_a_scenario_written_by_hand_is_read_and_its_first_mistake_is_pointed_at() -> None:
    document = json.loads(BY_HAND) | {"style": load_style().to_json()}
    jsonschema.validate(document, json_schema())
    scenario = Scenario.from_json(document)
    assert [word.text for word in scenario.cues[1].words] == ["Whisper", "it."]
    assert scenario.speakers["anna"].name == "Anna"
    document["cues"][1]["words"][1]["end_s"] = 2.5
    with pytest.raises(InvalidScenario) as caught:
        Scenario.from_json(document)
    assert caught.value.message == "cues[1].words[1].end_s: must be after start_s (3.0), not 2.5"
    assert caught.value.details == {"path": "cues[1].words[1].end_s"}


BY_HAND = """{
  "version": 1, "width": 1280, "height": 720, "duration_s": 5, "language": "en",
  "speakers": {"anna": {"color": "#ffd400", "name": "Anna"}, "ben": {"color": "#4da3ff"}},
  "cues": [
    {"id": "hello", "start_s": 0.5, "end_s": 2, "speaker": "anna", "lane": 0, "lines": [[0], [1]],
     "words": [{"text": "SHOUT", "start_s": 0.5, "end_s": 1, "size": 2.4},
               {"text": "it!", "start_s": 1, "end_s": 2}]},
    {"id": "hush", "start_s": 2, "end_s": 4, "speaker": "ben", "lane": 1, "lines": [[0, 1]],
     "words": [{"text": "Whisper", "start_s": 2, "end_s": 3.0, "size": 0.6, "weight": 200},
               {"text": "it.", "start_s": 3.0, "end_s": 3.5}]}
  ]
}"""


REPEATABLE: dict[str, Any] = {"deadline": None, "derandomize": True, "database": None}
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=12).filter(
    lambda text: text.strip()
)
NAMES = st.dictionaries(TEXTS, st.one_of(st.none(), TEXTS), min_size=1, max_size=4)


@st.composite
def cue_lists(draw: st.DrawFn, names: list[str]) -> tuple[Cue, ...]:
    """Cues of up to three lanes, each lane's one after the other, in any order."""
    cues = []
    for lane in range(draw(st.integers(1, 3))):
        clock = draw(st.floats(0, 100))
        for number in range(draw(st.integers(0, 4))):
            words, clock = draw(word_lists(clock))
            lines = draw(line_lists(len(words)))
            name = draw(st.sampled_from(names))
            cues.append(Cue(f"{lane}/{number}", words[0].start_s, clock, name, lane, lines, words))
    return tuple(draw(st.permutations(cues)))


@st.composite
def word_lists(draw: st.DrawFn, start_s: float) -> tuple[tuple[CueWord, ...], float]:
    """Words one after the other, and the end of the last."""
    words = []
    for _ in range(draw(st.integers(1, 5))):
        end_s = start_s + draw(st.floats(0.001, 9))
        size, weight, width = draw(st.floats(0.2, 5)), draw(st.floats(1, 1000)), draw(st.integers(25, 200))
        words.append(CueWord(draw(TEXTS), start_s, end_s, size, weight, width, draw(st.booleans())))
        start_s = end_s
    return tuple(words), start_s


@st.composite
def line_lists(draw: st.DrawFn, count: int) -> tuple[tuple[int, ...], ...]:
    cuts = sorted(draw(st.sets(st.integers(1, count - 1), max_size=3))) if count > 1 else []
    edges = [0, *cuts, count]
    return tuple(tuple(range(first, last)) for first, last in pairwise(edges))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    names = draw(NAMES)
    color = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)
    style = load_style(draw(st.sampled_from(style_names()[:1])), draw(st.floats(0, 1)))
    return Scenario(
        1, draw(st.integers(16, 16384)), draw(st.integers(16, 16384)), draw(st.floats(0, 1e6)), draw(TEXTS),
        style, {key: CueSpeaker(draw(color), name) for key, name in names.items()},
        draw(cue_lists(list(names))),
    )  # fmt: skip


@settings(max_examples=150, **REPEATABLE)
@given(scenarios())
def test_every_valid_scenario_survives_the_way_through_json(scenario: Scenario) -> None:
    document = json.loads(json.dumps(scenario.to_json(), ensure_ascii=False).encode())
    assert Scenario.from_json(document) == scenario
    VALIDATOR.validate(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


@settings(max_examples=300, **REPEATABLE)
@given(st.data())
def test_whatever_is_put_anywhere_is_read_or_refused_with_its_path(data: st.DataObject) -> None:
    document = make_document()
    path: list[Any] = []
    inner: Any = document
    while isinstance(inner, dict | list) and inner and (not path or data.draw(st.booleans())):
        keys = sorted(inner) if isinstance(inner, dict) else range(len(inner))
        path.append(data.draw(st.sampled_from(keys)))
        inner = inner[path[-1]]
    set_at(document, path, data.draw(JSON))
    try:
        assert Scenario.from_json(document).to_json()
    except InvalidScenario as error:
        assert error.message.startswith(error.details["path"])  # noqa: PT017 - both outcomes are right


def test_a_missing_field_is_named() -> None:
    document = make_document()
    del document["cues"][0]["words"][1]["start_s"]
    with pytest.raises(InvalidScenario, match=r"^cues\[0\]\.words\[1\]\.start_s: is missing"):
        Scenario.from_json(document)


@pytest.mark.parametrize("document", [None, [], "scenario", 3])
def test_what_is_no_object_at_all_is_refused(document: Any) -> None:
    with pytest.raises(InvalidScenario, match="must be an object"):
        Scenario.from_json(document)
