"""What words do on screen: each effect a pure function of time, chosen by the style, never in the way."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import jsonschema
import numpy as np
import pytest
from playwright.sync_api import Error

from ecg.captions import Scenario, compose, json_schema, load_style, style_names
from ecg.captions.style import EFFECTS, Style
from ecg.errors import InvalidScenario
from tests.browser.conftest import make_browser
from tests.browser.scenarios import difference, pictures
from tests.captions.builders import make_scenario, make_segment, make_transcript, make_words, two_speakers
from tests.captions.conftest import PlayerPage
from tests.captions.test_player import LIT, SMALL, pixels

WHITE = "rgba(255, 255, 255, 0.9)"
ALL = [{"name": name, "amount": 0.3, "length_s": 0.4, "at": at} for name in EFFECTS for at in ("word", "cue")]
JAPANESE = "それ から 私たち は 川 に 沿って 歩き ました"


def with_effects(
    *effects: dict[str, Any], scenario: Scenario | None = None, **animation: Any
) -> dict[str, Any]:
    """A scenario in which words do these and nothing else."""
    document = (scenario or make_scenario(*two_speakers(), **SMALL)).to_json()
    document["style"]["animation"] |= {"pop": 0, "effects": list(effects), **animation}
    return document


def effect(name: str, amount: float = 0.3, length_s: float = 0.4, **rest: Any) -> dict[str, Any]:
    return {"name": name, "amount": amount, "length_s": length_s, **rest}


def in_style(name: str) -> dict[str, Any]:
    return compose(make_transcript(*two_speakers()), load_style(name), 640, 360).to_json()


def every_effect() -> dict[str, Any]:
    document = with_effects(*ALL)
    for number, word in enumerate(word for cue in document["cues"] for word in cue["words"]):
        word.update(raised=(0.2, 0, -0.2)[number % 3], spacing=(0, 0.1)[number % 2])
    document["style"]["text"]["outline"] = 0.08
    return document


def times_of(document: dict[str, Any], count: int) -> list[float]:
    """Times at which words are doing something, in no order."""
    rng = random.Random(count)
    words = [word for cue in document["cues"] for word in cue["words"]]
    return [rng.choice(words)["start_s"] + rng.uniform(-0.05, 0.4) for _ in range(count)]


def word_styles(player: PlayerPage) -> list[str]:
    return player.page.evaluate("[...document.querySelectorAll('.ecg-word')].map((w) => w.style.cssText)")


def rects(player: PlayerPage, selector: str = ".ecg-word") -> list[dict[str, float]]:
    return player.page.evaluate(
        "(s) => [...document.querySelectorAll(s)].map((e) => e.getBoundingClientRect().toJSON())", selector
    )


# a pure function of time


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_waits_for_its_time_and_is_over_after_it(player: PlayerPage, name: str) -> None:
    states = player.page.evaluate(
        """async ([name]) => {
          const { stateAt, REST } = await import('/player/effects.js');
          const effects = [{ name, amount: 0.4, start_s: 3, end_s: 3.5 }];
          return [REST, ...[-1e9, 0, 3, 3.2, 3.5, 1e9].map((t) => stateAt(effects, t, 0.4))];
        }""",
        [name],
    )
    rest, long_ago, before, first, middle, end, ever_after = states
    assert long_ago == before == first
    assert middle != first
    assert end == ever_after
    for key, value in rest.items():
        assert end[key] == (1 if key == "lit" and name == "sweep" else pytest.approx(value))


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_too_short_for_its_time_of_day_is_over_at_once(player: PlayerPage, name: str) -> None:
    before, waits, at_once, later, over = player.page.evaluate(
        """async ([name]) => {
          const { stateAt } = await import('/player/effects.js');
          const state = (end_s, t_s) => stateAt([{ name, amount: 0.4, start_s: 3, end_s }], t_s, 0.4);
          return [state(4, 0), state(3, 2.9), state(3, 3), state(3, 3.1), state(4, 9)];
        }""",
        [name],
    )
    assert waits == before
    assert at_once == later == over


@pytest.mark.parametrize("make", [every_effect, *style_names()])
def test_with_effects_too_the_picture_at_a_time_does_not_depend_on_what_was_shown_before(
    player: PlayerPage, make: Any
) -> None:
    document = in_style(make) if isinstance(make, str) else make()
    player.load(document)
    times = times_of(document, 30)
    doms = {}
    for t_s in sorted(times):
        player.seek(t_s)
        doms[t_s] = player.dom
    for t_s in times:
        player.seek(t_s)
        assert player.dom == doms[t_s]


@pytest.mark.parametrize("make", [every_effect, *(name for name in style_names() if name != "intention")])
def test_effects_draw_only_inside_the_boxes_they_report_and_the_capture_box(
    player: PlayerPage, make: Any
) -> None:
    document = in_style(make) if isinstance(make, str) else make()
    player.load(document)
    box = player.capture_box
    before = pixels(player)
    for t_s in times_of(document, 12):
        result = player.seek(t_s)
        after = pixels(player)
        differs = (before != after).any(axis=2)
        outside = after[..., 3].copy()
        outside[box["y"] : box["y"] + box["height"], box["x"] : box["x"] + box["width"]] = 0
        assert not outside.any(), f"ink outside the capture box at {t_s}"
        for x, y, width, height in result["boxes"]:
            differs[y : y + height, x : x + width] = False
        assert not differs.any(), f"a pixel outside the boxes changed at {t_s}"
        before = after


def test_while_a_word_does_something_the_next_change_is_now_and_then_it_is_not(player: PlayerPage) -> None:
    document = with_effects(effect("wave", length_s=0.25), light_s=0)
    player.load(document)
    onset_s = document["cues"][0]["words"][1]["start_s"]
    assert player.next_change(onset_s + 0.2) == onset_s + 0.2
    assert player.next_change(onset_s + 0.26) > onset_s + 0.26
    player.seek(onset_s + 0.26)
    assert not player.seek(onset_s + 0.3)["changed"]


@pytest.mark.parametrize("make", [every_effect, "karaoke", "pop"])
def test_both_ways_of_rendering_draw_effects_and_outlines_alike(make: Any) -> None:
    document = in_style(make) if isinstance(make, str) else make()
    taken = {}
    for way in ("canvas", "screenshot"):
        with make_browser(way) as browser, browser.open(document, 640, 360) as session:
            taken[way] = (session.box, pictures(session, 15, 30))
    (box, drawn), (same_box, photographed) = taken.values()
    assert box == same_box
    for picture, photograph in zip(drawn, photographed, strict=True):
        # Colours under alpha are rounded twice, and layers that fade once more.
        assert difference(picture, photograph).max() <= 4


# what each does


def test_a_sweep_colours_a_word_from_left_to_right_while_it_is_spoken(player: PlayerPage) -> None:
    words = make_words("mmmmmmmm", word_s=1.0)
    document = with_effects(effect("sweep", 1, 0), scenario=make_scenario(make_segment(words), **SMALL))
    player.load(document)
    shares = []
    for since_s in (-0.01, 0.25, 0.5, 0.75, 1.0):
        player.seek(words[0].start_s + since_s)
        picture, word = pixels(player).astype(int), rects(player)[0]
        yellow = (picture[..., 0] > 150) & (picture[..., 2] < 60)
        columns = np.flatnonzero(yellow.any(axis=0))
        shares.append((columns[-1] - word["left"]) / word["width"] if len(columns) else 0.0)
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.06)


def test_a_swept_word_looks_as_any_other_before_and_after(player: PlayerPage) -> None:
    scenario = make_scenario(make_segment(make_words("mace nose")), **SMALL)
    shots = {}
    for effects in ((), (effect("sweep", 1, 0),)):
        player.load(with_effects(*effects, scenario=scenario, light_s=0))
        for t_s in (0.45, 2.0):
            player.seek(min(t_s, scenario.cues[0].end_s - 0.01))
            shots.setdefault(t_s, []).append(pixels(player).astype(int))
    for t_s, (plain, swept) in shots.items():
        off = np.abs(plain - swept).max(axis=2)
        assert not off.any(), f"at {t_s} s {np.count_nonzero(off)} pixels differ, by up to {off.max()}"


def test_typed_letters_appear_one_by_one_and_keep_their_places(player: PlayerPage) -> None:
    words = make_words("mnmnmn", word_s=0.6)
    document = with_effects(effect("type", 1, 0), scenario=make_scenario(make_segment(words), **SMALL))
    player.load(document)
    ends = []
    for step in range(8):
        player.seek(words[0].start_s - 0.05 + step / 10)
        ink = np.flatnonzero((pixels(player)[..., 0] > 128).any(axis=0))
        ends.append(int(ink[-1]) if len(ink) else 0)
    assert ends[:2] == [0, 0]
    assert all(earlier < later for earlier, later in pairwise(ends[1:]))


def test_a_letter_of_several_code_points_is_typed_as_one(player: PlayerPage) -> None:
    words = make_words("e\u0301\u0323e\u0301\u0323", word_s=0.6)
    player.load(with_effects(effect("type", 1, 0), scenario=make_scenario(make_segment(words), **SMALL)))
    looks = set()
    for step in range(20):
        player.seek(words[0].start_s + 0.6 * (step + 0.5) / 20)
        looks.add(word_styles(player)[0].partition("clip-path")[2] + str("hidden" in word_styles(player)[0]))
    assert len(looks) == 2  # nothing, and the first of two; the second completes it


def test_a_rising_word_comes_up_to_its_place_and_a_waving_one_goes_back_to_it(player: PlayerPage) -> None:
    tops = {}
    for name in ("rise", "wave"):
        document = with_effects(effect(name, 0.5))
        player.load(document)
        word = document["cues"][0]["words"][2]
        for since_s in (-0.01, 0.2, 0.5):
            player.seek(word["start_s"] + since_s)
            tops.setdefault(name, []).append(player.words[word["text"]]["top"])
    before, rising, there = tops["rise"]
    assert before - there == pytest.approx(0.5 * 18, abs=0.05)
    assert before > rising > there
    before, up, back = tops["wave"]
    assert before - up == pytest.approx(0.5 * 18, abs=0.05)
    assert back == pytest.approx(before, abs=0.02)


def test_a_fading_cue_becomes_visible_all_at_once(player: PlayerPage) -> None:
    document = with_effects(effect("fade", 1, at="cue"))
    player.load(document)
    start_s = document["cues"][0]["start_s"]
    opacities = []
    for since_s in (0, 0.2, 0.4):
        player.seek(start_s + since_s)
        opacities.append(set(player.page.evaluate(
            "[...document.querySelectorAll('.ecg-word')].map((w) => getComputedStyle(w).opacity)")))
    assert opacities == [{"0"}, {"0.5"}, {"1"}]


def test_only_the_shouted_word_shakes_when_the_style_says_so(player: PlayerPage) -> None:
    document = with_effects(effect("shake", 0.1, min_size=1.4))
    shouted = [word for cue in document["cues"] for word in cue["words"] if word["size"] >= 1.4]
    assert len(shouted) == 1
    player.load(document)
    shaking = set()
    for step in range(0, 300):
        player.seek(step / 50)
        shaking |= {text for text, style in zip(player.words, word_styles(player), strict=True)
                    if "translate" in style}  # fmt: skip
    assert shaking == {shouted[0]["text"]}


# who decides


@pytest.mark.parametrize("name", [name for name in EFFECTS if name != "sweep"])
def test_reduced_motion_stills_everything_but_colour(player: PlayerPage, name: str) -> None:
    document = with_effects(effect(name), effect(name, at="cue"))
    player.load(document, reducedMotion=True)
    word = document["cues"][0]["words"][1]
    for since_s, color in ((-0.05, WHITE), (0, LIT), (0.1, LIT)):
        player.seek(word["start_s"] + since_s)
        assert player.words[word["text"]]["color"] == color
        assert not any(key in style for style in word_styles(player)
                       for key in ("transform", "opacity", "clip-path", "shadow", "visibility"))  # fmt: skip


def test_with_reduced_motion_a_swept_word_takes_its_colour_at_once(player: PlayerPage) -> None:
    document = with_effects(effect("sweep", 1, 0))
    player.load(document, reducedMotion=True)
    onset_s = document["cues"][0]["words"][1]["start_s"]
    player.seek(onset_s)
    assert player.words["so,"]["color"] == LIT
    assert not player.seek(onset_s + 0.1)["changed"]


@pytest.mark.parametrize("name", style_names())
def test_every_style_at_strength_zero_is_plain_captions(player: PlayerPage, name: str) -> None:
    by_viewer = in_style(name)
    by_style = compose(make_transcript(*two_speakers()), load_style(name, 0), 640, 360).to_json()
    plain = load_style(name, 0)
    for document, options in ((by_viewer, {"strength": 0}), (by_style, {})):
        player.load(document, **options)
        for t_s in (0.6, 3.0, 5.3):
            player.seek(t_s)
            assert {word["weight"] for word in player.words.values()} == {plain.weight.rest}
            assert len({word["size"] for word in player.words.values()}) == 1
            assert len({word["color"] for word in player.words.values()}) == 1
            assert not any(key in style for style in word_styles(player)
                           for key in ("transform", "opacity", "visibility", "clip-path"))  # fmt: skip


def test_half_the_strength_is_half_the_effect_for_the_same_words(player: PlayerPage) -> None:
    document = with_effects(effect("rise", 0.4, min_size=1.4))
    words = [word["text"] for cue in document["cues"] for word in cue["words"] if word["size"] >= 1.4]
    player.load(document, strength=0.5)
    player.seek(document["cues"][1]["start_s"] + 0.01)
    moved = {text: style for text, style in zip(player.words, word_styles(player), strict=True)
             if "translate" in style}  # fmt: skip
    assert list(moved) == words
    assert "translate(0em, 0.2em)" in moved[words[0]]
    style = Style.from_json(document["style"]).with_strength(0.5)
    assert style.animation.effects[0].amount == 0.2
    assert style.animation.effects[0].min_size == pytest.approx(1.2)  # a size of 1.4 at half the strength


def test_styles_and_scenarios_written_before_there_were_effects_stay_valid(player: PlayerPage) -> None:
    document = make_scenario(*two_speakers(), **SMALL).to_json()
    for key in ("effects", "light_at"):
        del document["style"]["animation"][key]
    for key in ("raised", "spacing"):
        del document["style"][key]
        for word in (word for cue in document["cues"] for word in cue["words"]):
            del word[key]
    del document["style"]["text"]["outline"]
    jsonschema.validate(document, json_schema())
    assert Scenario.from_json(document) == make_scenario(*two_speakers(), **SMALL)
    player.load(document)
    player.seek(1.0)
    old = player.dom
    player.load(make_scenario(*two_speakers(), **SMALL))
    player.seek(1.0)
    assert player.dom == old


WRONG = [
    ({"name": "explode"}, "name: must be one of sweep, pop, rise, shake, type, fade, glow, wave, not 'exp"),
    ({"amount": 3}, "amount: must be at most 1, not 3"),
    ({"length_s": -1}, "length_s: must be at least 0"),
    ({"at": "dawn"}, 'at: must be "word" or "cue"'),
    ({"min_size": 0}, "min_size: must be at least 0.2"),
    ({"color": "#ffffff"}, "color: is not known here"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_a_wrong_value_of_an_effect_is_named_by_its_path(change: dict[str, Any], message: str) -> None:
    document = with_effects(effect("pop"), {**effect("wave"), **change})
    with pytest.raises(InvalidScenario) as caught:
        Scenario.from_json(document)
    assert caught.value.message.startswith(f"style.animation.effects[1].{message}")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())


def test_an_effect_the_player_does_not_know_is_an_error(player: PlayerPage) -> None:
    with pytest.raises(Error, match="no effect called toString"):
        player.load(with_effects(effect("toString")))


# never in the way


def test_no_word_flashes_more_than_three_times_a_second(player: PlayerPage) -> None:
    hasty = make_words("go go go go go go go go", word_s=0.04, gap_s=0.01)
    effects = [effect(name, 1, 0) for name in EFFECTS] + [effect(name, 1, 0.01) for name in EFFECTS]
    player.load(with_effects(*effects, scenario=make_scenario(make_segment(hasty), **SMALL)))
    lights = player.page.evaluate(
        """() => {
          const light = (word) => {
            const { opacity, visibility, textShadow } = word.style;
            const shine = textShadow ? Number(/, ([0-9.]+)\\)/.exec(textShadow)?.[1] ?? 1) : 0;
            return visibility === 'hidden' ? 0 : Number(opacity || 1) + shine;
          };
          const seen = [];
          for (let frame = 0; frame < 90; frame += 1) {
            player.seek(0.4 + frame / 90);
            seen.push([...document.querySelectorAll('.ecg-word')].map(light));
          }
          return seen;
        }"""
    )
    for course in zip(*lights, strict=True):
        signs = [np.sign(later - earlier) for earlier, later in pairwise(course) if later != earlier]
        turns = sum(one != other for one, other in pairwise(signs))
        assert turns <= 1, "one pulse of light, up and down, is all a word has"
        assert signs, "nothing was seen of it"


@pytest.mark.parametrize(("text", "language"), [("Now all of us shout together", "en"), (JAPANESE, "ja")])
def test_neighbours_never_overlap_however_words_swell_and_shake(
    player: PlayerPage, text: str, language: str
) -> None:
    count = len(text.split())
    words = make_words(text, word_s=0.15, gap_s=0, volume_db=[-20 if i % 3 else -4 for i in range(count)])
    scenario = make_scenario(make_segment(words), language=language, **SMALL)
    assert max(word.size for cue in scenario.cues for word in cue.words) > 1.5
    assert any(word.glued for cue in scenario.cues for word in cue.words) == (language == "ja")
    player.load(with_effects(effect("pop", 0.5), effect("shake", 0.2), scenario=scenario))
    for step in range(60):
        player.seek(0.4 + step / 40)
        for row in player.page.evaluate(_ROWS):
            for (_, right, one), (left, _, other) in pairwise(row):
                # Letters have that much blank at their sides, inside of their word's rectangle.
                assert right <= left + 0.04 * (one + other) + 0.1


@pytest.mark.parametrize("name", ["shake", "pop", "wave", "rise"])
def test_words_stay_in_the_picture_whatever_they_do_where_there_are_no_margins(
    player: PlayerPage, name: str
) -> None:
    text = "Wonderful-and-much-too-long-for-this-picture and another"
    scenario = make_scenario(make_segment(make_words(text, word_s=1.0)), **SMALL)
    document = with_effects(effect(name, 1, 1.0), scenario=scenario, pop_reach=10)
    document["style"]["text"]["size"] = 0.25
    document["style"]["area"] |= {"side": 0, "bottom": 0.9}
    document["style"]["box"] |= {"padding_x": 0, "padding_y": 0}
    player.load(document)
    for step in range(40):
        player.seek(0.5 + step / 20)
        for rect in rects(player):
            assert rect["left"] >= -1
            assert rect["right"] <= SMALL["width"] + 1
            assert rect["top"] >= -1
            assert rect["bottom"] <= SMALL["height"] + 1


_ROWS = """() => [...document.querySelectorAll('.ecg-line')].map((line) =>
  [...line.querySelectorAll('.ecg-word')].map((word) => {
    const { left, right } = word.getBoundingClientRect();
    return [left, right, parseFloat(getComputedStyle(word).fontSize)];
  }))"""


@pytest.mark.parametrize("size", [0.5, 1, 2])
@pytest.mark.parametrize("name", [name for name in EFFECTS if name != "pop"])
def test_words_stay_in_their_box_whatever_they_do_at_every_size(
    player: PlayerPage, name: str, size: float
) -> None:
    scenario = make_scenario(*two_speakers(), **SMALL)
    player.load(with_effects(effect(name, 0.5), scenario=scenario), size=size)
    for t_s in times_of(scenario.to_json(), 10):
        player.seek(t_s)
        inside = player.page.evaluate(
            """() => [...document.querySelectorAll('.ecg-word')].every((word) => {
              const [w, b] = [word, word.closest('.ecg-cue')].map((e) => e.getBoundingClientRect());
              return w.left >= b.left && w.right <= b.right && w.top >= b.top - 1 && w.bottom <= b.bottom + 1;
            })"""
        )
        assert inside, f"a word left its box at {t_s}"
