"""The player in a real browser: what a viewer sees at a time, and what the capture relies on."""

import json
import random
import shutil
import subprocess
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import Error

from ecg.captions import Scenario, load_style
from tests.captions.builders import SPEECH, make_scenario, make_segment, make_words, two_speakers
from tests.captions.conftest import PlayerPage
from tests.conftest import require

SMALL = {"width": 640, "height": 360}
# The colour of the first speaker, as a browser writes it.
LIT = "rgb({}, {}, {})".format(*bytes.fromhex(load_style().palette.main[0][1:]))


def pixels(player: PlayerPage) -> np.ndarray:
    """What is displayed, as height × width × RGBA."""
    require(shutil.which("ffmpeg"), "ffmpeg is not installed")
    size = player.page.viewport_size
    argv = ["ffmpeg", "-v", "error", "-i", "-", "-pix_fmt", "rgba", "-f", "rawvideo", "-"]
    raw = subprocess.run(argv, input=player.png(), capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(size["height"], size["width"], 4)


def area(rect: dict[str, float]) -> tuple[slice, slice]:
    return slice(int(rect["top"]), int(rect["bottom"]) + 1), slice(int(rect["left"]), int(rect["right"]) + 1)


def rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))


def shouted() -> Scenario:
    """Tall accents shouted on both lines, and a word that is wider than the picture."""
    text = "ẤẾỘ gjpqy ÅÉÑ said nothing whatsoever but ẤẾỘ gjpqy Ễ at all. " + "Donaudampfschifffahrt" * 5
    count = len(text.split())
    volume_db = [-20.0 if index % 2 else -20.0 + index % 3 * 12 for index in range(count)]
    return make_scenario(make_segment(make_words(text, volume_db=volume_db)), **SMALL)


def tall() -> Scenario:
    return make_scenario(*two_speakers(), width=360, height=640)


def scripts() -> Scenario:
    """The deepest and the tallest letters of scripts with fonts of their own, some of them shouted."""
    text = "جيخ مُحَمَّدٌ إِلٰىٓ ݣݭ لּקֶּךָ שִׁ ฐุปู้ ญู่ กึ๊ र्कि ट्ठूं द्ध्र्य 🙂 👩‍🚀"
    volume_db = [-20.0 if index % 2 else -8.0 for index in range(len(text.split()))]
    return make_scenario(make_segment(make_words(text, volume_db=volume_db)), language="ar", **SMALL)


def talk() -> Scenario:
    return make_scenario(*two_speakers(), **SMALL)


# what is on screen when


def test_the_picture_at_a_time_does_not_depend_on_what_was_shown_before(player: PlayerPage) -> None:
    player.load(talk())
    times = [index / 7 for index in range(68)]
    doms, pictures = {}, {}
    for t_s in times:
        player.seek(t_s)
        doms[t_s] = player.dom
        if int(t_s * 7) % 8 == 0:
            pictures[t_s] = player.png()
    random.Random(4).shuffle(times)
    for t_s in times:
        player.seek(t_s)
        assert player.dom == doms[t_s]
        if t_s in pictures:
            assert player.png() == pictures[t_s]


@pytest.mark.parametrize("make", [talk, tall, shouted, scripts])
def test_outside_the_boxes_nothing_changes_and_without_a_change_nothing_at_all(
    player: PlayerPage, make: object
) -> None:
    scenario = make()
    player.load(scenario)
    order = [index / 9 for index in range(int(scenario.duration_s * 9))]
    order = order[::4] + random.Random(5).sample(order, 10)
    before = pixels(player)
    for t_s in order:
        result = player.seek(t_s)
        after = pixels(player)
        differs = (before != after).any(axis=2)
        assert result["changed"] == bool(result["boxes"])
        for x, y, width, height in result["boxes"]:
            assert all(isinstance(value, int) for value in (x, y, width, height))
            differs[y : y + height, x : x + width] = False
        assert not differs.any(), f"a pixel outside the boxes changed at {t_s}"
        before = after


@pytest.mark.parametrize("make", [talk, tall, shouted, scripts])
def test_the_capture_box_holds_every_pixel_at_every_time(player: PlayerPage, make: object) -> None:
    scenario = make()
    player.load(scenario)
    box = player.capture_box
    assert all(value % 2 == 0 for value in box.values())
    assert box["x"] + box["width"] <= scenario.width
    assert box["y"] + box["height"] <= scenario.height
    # The largest a word gets is at the peak of its pop.
    peaks = [word.start_s + 0.12 for cue in scenario.cues for word in cue.words]
    for t_s in peaks[::2] + peaks[-1:]:
        player.seek(t_s)
        alpha = pixels(player)[..., 3].copy()
        assert alpha.any()
        alpha[box["y"] : box["y"] + box["height"], box["x"] : box["x"] + box["width"]] = 0
        assert not alpha.any(), f"ink outside the capture box at {t_s}"


def test_a_word_wider_than_the_picture_is_shrunk_and_pops_inside_it(player: PlayerPage) -> None:
    scenario = shouted()
    player.load(scenario)
    player.seek(scenario.cues[-1].words[-1].start_s + 0.12)
    ink = pixels(player)[..., 3].any(axis=0)
    assert ink.any()
    assert not ink[:16].any()
    assert not ink[-16:].any()


def test_between_two_changes_nothing_changes(player: PlayerPage) -> None:
    scenario = talk()
    player.load(scenario)
    t_s, still = 0.0, 0
    while t_s < scenario.duration_s:
        player.seek(t_s)
        later = player.next_change(t_s)
        if later == t_s:
            t_s += 0.05
            continue
        still += 1
        end = min(later, scenario.duration_s + 1)
        assert not player.seek((t_s + end) / 2)["changed"]
        assert not player.seek(end - 1e-6)["changed"]
        t_s = end
    assert still > 10
    assert player.next_change(scenario.duration_s + 5) == float("inf")


def test_every_word_is_in_its_speakers_colour_while_it_is_spoken(player: PlayerPage) -> None:
    scenario = talk()
    player.load(scenario)
    for cue in scenario.cues:
        color = rgb(scenario.speakers[cue.speaker].color)
        for word in cue.words:
            player.seek(word.end_s - 0.01)
            shown = player.words[word.text]
            assert shown["color"] == "rgb({}, {}, {})".format(*color)
            # Thin strokes of a small picture are all antialiasing: near the colour is all there may be.
            distance = np.abs(pixels(player)[area(shown)][..., :3].astype(int) - color).max(axis=2)
            assert distance.min() < 80, word.text


def test_the_line_can_be_read_ahead_in_white(player: PlayerPage) -> None:
    scenario = talk()
    player.load(scenario)
    player.seek(scenario.cues[0].words[0].start_s - 0.01)
    assert {word["color"] for word in player.words.values()} == {"rgba(255, 255, 255, 0.9)"}
    assert list(player.words) == [word.text for word in scenario.cues[0].words]


def test_a_word_pops_by_fifteen_percent_and_comes_back_without_moving_the_others(player: PlayerPage) -> None:
    scenario = talk()
    player.load(scenario)
    word = scenario.cues[0].words[2]
    shown, others = [], set()
    for since_s in (-0.02, 0.12, 0.29, 0.31):
        player.seek(word.start_s + since_s)
        shown.append(player.words[word.text])
        others.add((player.words["fellow"]["left"], player.words["Americans,"]["left"]))
    rest, peak, _, back = shown
    assert peak["width"] / rest["width"] == pytest.approx(1.15, abs=0.002)
    assert (back["left"], back["top"], back["width"]) == (rest["left"], rest["top"], rest["width"])
    # It stands on its baseline, which is well below the middle: it grows mostly upwards.
    assert 0 < peak["bottom"] - rest["bottom"] < 0.4 * (rest["top"] - peak["top"])
    assert len(others) == 1


def test_nothing_is_on_screen_between_the_cues(player: PlayerPage) -> None:
    first, second = make_segment(make_words("Wait.")), make_segment(make_words("Go!", start_s=9))
    player.load(make_scenario(first, second, **SMALL))
    player.seek(5)
    assert not pixels(player).any()
    assert player.dom.count("ecg-cue") == 0


# how it looks


def ink_height(player: PlayerPage, text: str) -> int:
    """Rows of the word's rectangle in which there are letters."""
    ink = pixels(player)[area(player.words[text])][..., :3].max(axis=2) > 128
    return int(ink.any(axis=1).sum())


def test_a_louder_word_is_larger_in_pixels(player: PlayerPage) -> None:
    words = make_words("mace nose sane cone moan", volume_db=[-32, -26, -20, -14, -8])
    player.load(make_scenario(make_segment(words), width=1920, height=1080))
    player.seek(2.6)
    heights = [ink_height(player, word.text) for word in words]
    assert all(before < after for before, after in pairwise(heights)), heights
    assert heights[4] > 1.8 * heights[2]


def test_a_heavier_word_has_more_ink_and_a_wider_one_is_wider(player: PlayerPage) -> None:
    scenario = make_scenario(make_segment(make_words("same same same same same")), width=1920, height=1080)
    document = scenario.to_json()
    looks = [(400, 100), (160, 100), (710, 100), (400, 75), (400, 150)]
    for word, (weight, width) in zip(document["cues"][0]["words"], looks, strict=True):
        word.update(weight=weight, width=width)
    player.load(document)
    player.seek(0.4)
    boxes = [word.bounding_box() for word in player.page.locator(".ecg-word").all()]
    picture = pixels(player)[..., :3].max(axis=2) > 128
    ink = [picture[int(box["y"]) :, int(box["x"]) : int(box["x"] + box["width"])].sum() for box in boxes]
    widths = [box["width"] for box in boxes]
    assert 1.3 * ink[1] < ink[0] < 0.85 * ink[2]
    assert 1.08 * widths[3] < widths[0] < 0.83 * widths[4]


def test_words_of_all_sizes_stand_on_one_baseline(player: PlayerPage) -> None:
    words = make_words("mace nose sane cone moan", volume_db=[-32, -26, -20, -14, -8])
    player.load(make_scenario(make_segment(words), width=1920, height=1080))
    player.seek(2.6)
    picture = pixels(player)[..., :3].max(axis=2) > 128
    bottoms = []
    for word in player.words.values():
        rows = np.flatnonzero(picture[area(word)].any(axis=1))
        bottoms.append(int(word["top"]) + rows[-1])
    assert max(bottoms) - min(bottoms) <= 3


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (640, 360), (641, 361)])
def test_captions_stand_within_the_margins_of_any_picture(player: PlayerPage, size: tuple[int, int]) -> None:
    width, height = size
    endless = make_segment(make_words("x" * 200, start_s=9))
    scenario = make_scenario(*two_speakers(), endless, width=width, height=height)
    player.load(scenario)
    for cue in scenario.cues:
        player.seek(cue.start_s + 0.01)
        box = player.page.locator(".ecg-cue").last.bounding_box()
        assert box["x"] >= 0.05 * width - 2
        assert box["x"] + box["width"] <= 0.95 * width + 2
        assert box["y"] + box["height"] <= 0.96 * height
        assert len(cue.lines) <= 2


def test_two_lines_of_plain_text_stay_in_the_bottom_fifth(player: PlayerPage) -> None:
    text = "when all is said and done we wandered homewards together along"
    player.load(make_scenario(make_segment(make_words(text)), width=1920, height=1080))
    player.seek(1)
    assert player.page.locator(".ecg-line").count() == 2
    assert player.page.locator(".ecg-cue").bounding_box()["y"] >= 0.8 * 1080


def test_the_boxes_of_two_speakers_do_not_overlap(player: PlayerPage) -> None:
    player.load(talk())
    player.seek(6.0)
    boxes = [box.bounding_box() for box in player.page.locator(".ecg-cue").all()]
    upper, lower = sorted(boxes, key=lambda box: box["y"])
    assert upper["y"] + upper["height"] < lower["y"]


def test_korean_is_set_in_its_own_glyphs_and_each_looks_different(player: PlayerPage) -> None:
    words = make_words("가 뷁 꽥 힣 漢 か")
    player.load(make_scenario(make_segment(words), language="ko", width=1920, height=1080))
    player.seek(0.4)
    picture = pixels(player)[..., 0] > 128
    glyphs = {picture[area(player.words[word.text])][:60, :50].tobytes() for word in words}
    assert len(glyphs) == len(words)
    fonts = player.page.evaluate("[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)")
    assert any("Noto Sans KR" in family for family in fonts)


def test_text_with_markup_is_shown_letter_by_letter(player: PlayerPage) -> None:
    text = "<script>window.hacked=1</script> &amp; <img/src=x/onerror=hacked=1>"
    player.load(make_scenario(make_segment(make_words(text)), **SMALL))
    player.seek(1)
    assert list(player.words) == text.split()
    assert player.page.locator("#root script, #root img").count() == 0
    assert player.page.evaluate("window.hacked") is None


@pytest.mark.parametrize("bottom", [0, 0.9])
@pytest.mark.parametrize("text", ["ẤẾỘ gjpqy", "gÇp e" + "\u0301" * 8, "e" + "\u0323" * 8 + " ỄẤ"])
def test_accents_and_tails_stay_in_the_picture_and_the_capture_box(
    player: PlayerPage, text: str, bottom: float
) -> None:
    document = make_scenario(make_segment(make_words(text)), **SMALL).to_json()
    document["style"]["text"] |= {"line_height": 1, "size": 0.2}
    document["style"]["box"] |= {"padding_x": 0, "padding_y": 0}
    document["style"]["area"] |= {"side": 0, "bottom": bottom}
    player.load(document)
    box, margin = player.capture_box, 100
    player.page.set_viewport_size({key: value + 2 * margin for key, value in SMALL.items()})
    player.page.evaluate(
        """(margin) => {
          const root = document.getElementById('root');
          root.style.left = root.style.top = margin + 'px';
          root.firstChild.style.overflow = 'visible';
        }""",
        margin,
    )
    for word in document["cues"][0]["words"]:
        player.seek(word["start_s"] + 0.12)
        alpha = pixels(player)[..., 3].copy()
        assert alpha.any()
        left, top = box["x"] + margin, box["y"] + margin
        alpha[top : top + box["height"], left : left + box["width"]] = 0
        assert not alpha.any()


def four_at_once(size: float) -> dict:
    """Four people at the same time, each in so large a text."""
    people = [make_segment(make_words("on", start_s=1), f"SPEAKER_0{number}") for number in range(4)]
    document = make_scenario(*people, **SMALL).to_json()
    document["style"]["text"] |= {"line_height": 1.7, "size": size}
    document["style"]["box"] |= {"padding_y": 0}
    document["style"]["area"] |= {"bottom": 0.45, "lane_gap": 0.05}
    return document


@pytest.mark.parametrize(("size", "shrunk"), [(0.14, False), (0.3, True)])
def test_captions_shown_together_use_the_margin_and_get_smaller_only_if_that_is_not_enough(
    player: PlayerPage, size: float, shrunk: bool
) -> None:
    player.load(four_at_once(size))
    player.seek(1.1)
    found = [box.bounding_box() for box in player.page.locator(".ecg-cue").all()]
    boxes = sorted(found, key=lambda box: box["y"])
    assert len(boxes) == 4
    assert all(upper["y"] + upper["height"] <= lower["y"] for upper, lower in pairwise(boxes))
    assert boxes[0]["y"] >= 0
    assert boxes[-1]["y"] + boxes[-1]["height"] <= SMALL["height"]
    sizes = player.page.evaluate(
        "[...document.querySelectorAll('.ecg-word')].map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert len(set(sizes)) == 1
    assert (sizes[0] < size * SMALL["height"] - 0.01) == shrunk


def test_what_a_scenario_leaves_out_is_what_is_usual(player: PlayerPage) -> None:
    document = talk().to_json()
    usual = {"size": 1, "weight": 400, "width": 100, "raised": 0, "spacing": 0, "glued": False}
    for word in (word for cue in document["cues"] for word in cue["words"]):
        word.update(usual)
    shown = []
    for _ in range(2):
        player.load(document)
        player.seek(1.0)
        shown.append((player.dom, player.capture_box))
        for word in (word for cue in document["cues"] for word in cue["words"]):
            for key in usual:
                word.pop(key, None)
    assert shown[0] == shown[1]


def test_letters_never_go_back_over_one_another(player: PlayerPage) -> None:
    document = make_scenario(make_segment(make_words("Wonderful")), **SMALL).to_json()
    document["cues"][0]["words"][0]["spacing"] = -1
    player.load(document)
    player.seek(0.4)
    word = player.words["Wonderful"]
    ink = np.flatnonzero((pixels(player)[..., 0] > 128).any(axis=0))
    assert word["left"] - 1 <= ink[0] < ink[-1] <= word["right"] + 1
    assert word["width"] > 3 * word["size"]


# what can be chosen, and what can go wrong


def test_at_strength_zero_captions_are_plain(player: PlayerPage) -> None:
    scenario = talk()
    player.load(scenario, strength=0)
    for t_s in (1.0, 2.9, 5.9):
        player.seek(t_s)
        assert {word["size"] for word in player.words.values()} == {18}
        assert {word["weight"] for word in player.words.values()} == {400}
        assert {word["color"] for word in player.words.values()} == {"rgba(255, 255, 255, 0.9)"}
        assert "scale" not in player.dom


def test_with_reduced_motion_words_take_their_colour_at_once_and_do_not_pop(player: PlayerPage) -> None:
    scenario = talk()
    player.load(scenario, reducedMotion=True)
    word = scenario.cues[0].words[1]
    assert player.seek(word.start_s - 0.001)["changed"]
    assert player.words[word.text]["color"] == "rgba(255, 255, 255, 0.9)"
    assert player.next_change(word.start_s - 0.001) == word.start_s
    player.seek(word.start_s)
    assert player.words[word.text]["color"] == LIT
    assert not player.seek(word.start_s + 0.1)["changed"]


def test_a_character_without_a_glyph_is_an_error_not_a_box(player: PlayerPage) -> None:
    with pytest.raises(Error, match=r"No caption font has a glyph for ᚠ \(U\+16A0\)"):
        player.load(make_scenario(make_segment(make_words("fine ᚠ")), **SMALL))
    player.load(make_scenario(make_segment(make_words("“Ça” — 100 € … ♪ ½ Ω Ж 😀")), **SMALL))


@pytest.mark.parametrize("pattern", ["**/*.woff2", "**/standard.css", "**/player.css"])
def test_a_file_that_cannot_be_loaded_is_an_error(player: PlayerPage, pattern: str) -> None:
    player.page.route(pattern, lambda route: route.abort())
    with pytest.raises(Error, match="could not be loaded"):
        player.load(talk())
    player.page.unroute(pattern)
    if not pattern.endswith("woff2"):  # a font that failed stays failed in its page
        player.load(talk())


def test_a_scenario_of_another_version_is_refused(player: PlayerPage) -> None:
    with pytest.raises(Error, match="version 1, not 2"):
        player.load({**talk().to_json(), "version": 2})


def test_a_destroyed_player_leaves_nothing(player: PlayerPage) -> None:
    player.load(talk())
    player.seek(1)
    player.page.evaluate("window.player.destroy()")
    assert player.dom == ""


def test_a_scenario_without_cues_shows_nothing(player: PlayerPage) -> None:
    player.load({**talk().to_json(), "cues": []})
    assert player.seek(1) == {"changed": False, "boxes": []}
    assert player.capture_box == {"x": 0, "y": 0, "width": 2, "height": 2}
    assert player.next_change(0) == float("inf")


# two hours


def long_talk() -> dict:
    """Two hours, 20,000 words, in which two people talk into each other's words now and then."""
    return json.loads(_long_talk())


@cache
def _long_talk() -> str:
    speech = make_words((SPEECH + " ") * 900, word_s=0.3, gap_s=0.06)
    replies = [make_segment(make_words("I will, believe me!", start_s=at), "SPEAKER_01")
               for at in range(60, 7000, 60)]  # fmt: skip
    return json.dumps(make_scenario(make_segment(speech), *replies, **SMALL).to_json())


def test_two_hours_of_speech_are_open_at_once_because_only_what_comes_next_is_laid_out(
    player: PlayerPage,
) -> None:
    scenario = long_talk()
    assert sum(len(cue["words"]) for cue in scenario["cues"]) > 20_000
    player.load(make_scenario(**SMALL))  # so that the fonts are there
    elapsed_ms, laid = player.page.evaluate(_OPEN, json.dumps(scenario))
    assert elapsed_ms < 2000
    assert 0 < laid < 20


_OPEN = """async (text) => {
  const scenario = JSON.parse(text);
  const { createPlayer } = await import('/player/player.js');
  const start = performance.now();
  window.player = await createPlayer(document.getElementById('root'), scenario, { width: 640, height: 360 });
  window.player.seek(3600);
  return [performance.now() - start, window.player.layout.laid.size];
}"""


def test_playing_on_lays_out_one_cue_in_a_frame_at_most_and_none_too_late(player: PlayerPage) -> None:
    player.load(long_talk())
    player.seek(1000)
    sizes = player.page.evaluate(
        """() => Array.from({ length: 1800 }, (_, frame) => {
          const t_s = 1000 + frame / 60;
          const missing = player.timeline.activeAt(t_s).filter((cue) => !player.layout.has(cue));
          player.seek(t_s);
          return [missing.length, player.layout.laid.size];
        })"""
    )
    assert max(missing for missing, _ in sizes) == 0
    # One, or one with the one it stands on.
    assert max(later - earlier for (_, earlier), (_, later) in pairwise(sizes)) <= 2
    assert sizes[-1][1] < 60


def test_where_captions_stand_does_not_depend_on_when_they_were_laid_out(player: PlayerPage) -> None:
    scenario = long_talk()
    times = random.Random(6).sample([cue["start_s"] + 0.2 for cue in scenario["cues"]], 60)
    times += [60.5, 120.5, 6000.5]
    doms = []
    for first in ("player.seek(7000)", "player.captureBox"):
        player.load(scenario)
        player.page.evaluate(first)
        doms.append([(player.seek(t_s), player.dom)[1] for t_s in times])
    assert doms[0] == doms[1]
    assert any(dom.count("ecg-cue") == 2 for dom in doms[0])


def test_the_capture_box_is_that_of_all_cues_though_few_were_shown(player: PlayerPage) -> None:
    scenario = long_talk()
    loudest = scenario["cues"][-1]["words"][0]
    loudest["size"] = 4
    player.load(scenario)
    player.seek(3.0)
    box = player.capture_box
    player.seek(loudest["start_s"] + 0.1)
    word = player.page.locator(".ecg-word").first.bounding_box()
    assert word["height"] > 80
    assert box["y"] <= word["y"]
    assert player.capture_box == box


# right to left


ARABIC = "ثم مشينا على طول النهر"


def lefts(player: PlayerPage, text: str = ARABIC) -> list[float]:
    return [player.words[word]["left"] for word in text.split()]


def test_words_of_a_script_from_right_to_left_stand_in_its_order(player: PlayerPage) -> None:
    player.load(make_scenario(make_segment(make_words(ARABIC)), language="ar", **SMALL))
    player.seek(1.0)
    assert lefts(player) == sorted(lefts(player), reverse=True)
    boxes = [player.words[word] for word in ARABIC.split()]
    assert all(one["left"] - other["right"] > 1 for one, other in pairwise(boxes)), "words run together"


def test_a_foreign_word_stands_where_it_is_read_in_a_text_from_right_to_left(player: PlayerPage) -> None:
    text = "قال Niemals مرة"
    player.load(make_scenario(make_segment(make_words(text)), language="ar", **SMALL))
    player.seek(1.0)
    assert lefts(player, text) == sorted(lefts(player, text), reverse=True)
    player.load(make_scenario(make_segment(make_words("Er sagte مرة nicht mehr")), **SMALL))
    player.seek(1.0)
    assert lefts(player, "Er sagte مرة nicht") == sorted(lefts(player, "Er sagte مرة nicht"))


@pytest.mark.parametrize("effect", ["sweep", "type"])
def test_what_runs_along_a_word_runs_the_way_it_is_read(player: PlayerPage, effect: str) -> None:
    for text, comes_first in (("wonderful", "left"), ("السلام", "right")):
        data = make_scenario(make_segment(make_words(text, word_s=2.0)), **SMALL).to_json()
        data["style"]["text"] |= {"opacity": 1.0 if effect == "sweep" else 0.9}
        data["style"]["animation"] |= {"pop": 0, "effects": [{"name": effect, "amount": 1, "length_s": 0}]}
        player.load(data)
        player.seek(1.5)
        rect = player.words[text] if effect == "type" else next(iter(player.words.values()))
        red, _, blue, _ = np.moveaxis(pixels(player)[area(rect)].astype(int), -1, 0)
        seen = (red - blue > 100) if effect == "sweep" else (red > 150)
        half = seen.shape[1] // 2
        first, second = (seen[:, :half], seen[:, half:])
        if comes_first == "right":
            first, second = second, first
        assert first.sum() > 3 * second.sum(), text
