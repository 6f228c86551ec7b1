"""Styles are data, and their strength can be turned down to plain captions."""

import dataclasses
from pathlib import Path

import pytest

from ecg.captions import Style, compose, load_style, style_names
from ecg.captions.palette import contrast, laid_over
from ecg.captions.style import EFFECTS, SOURCES, Animation, Effect, Lettering
from ecg.errors import BadRequest
from tests.captions.builders import make_segment, make_transcript, make_words, two_speakers


def test_the_default_style_comes_first() -> None:
    assert style_names() == ["intention", "broadcast", "karaoke", "minimal", "pop", "prosody"]
    assert load_style().name == "intention"


@pytest.mark.parametrize("name", style_names())
def test_a_style_survives_the_way_through_json(name: str) -> None:
    style = load_style(name)
    assert style.name == name
    assert Style.from_json(style.to_json()) == style


def test_every_style_effect_and_field_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "styles.md").read_text()
    names = [*style_names(), *EFFECTS, *SOURCES]
    parts = [kind.metadata["kind"] for kind in dataclasses.fields(Style)]
    for cls in {Style, Effect, *(part.cls for part in parts if hasattr(part, "cls"))}:
        names += [field.name for field in dataclasses.fields(cls)]
    assert {Lettering, Animation} <= {part.cls for part in parts if hasattr(part, "cls")}
    assert [name for name in names if f"`{name}`" not in page] == []


def test_broadcast_captions_keep_to_its_standard_and_do_not_move() -> None:
    style = load_style("broadcast")
    scenario = compose(make_transcript(*two_speakers()), style, 1920, 1080)
    for cue in scenario.cues:
        lines = [sum(len(cue.words[index].text) + 1 for index in line) - 1 for line in cue.lines]
        assert len(lines) <= 2
        assert max(lines) <= 42
    assert {(word.size, word.weight) for cue in scenario.cues for word in cue.words} == {(1, 450)}
    assert (style.animation.pop, style.animation.effects, style.animation.light_at) == (0, (), "cue")


def test_prosody_shows_loudness_as_weight_pitch_as_height_and_length_as_spacing() -> None:
    count = 30
    words = make_words(
        "word " * count,
        volume_db=[-20 + (15 if i == 5 else i % 3) for i in range(count)],
        pitch_hz=[120 + (90 if i == 11 else i % 4) for i in range(count)],
    )
    slow = dataclasses.replace(words[17], end_s=words[18].start_s + 1)
    words = (*words[:17], slow, *words[18:])
    scenario = compose(make_transcript(make_segment(words)), load_style("prosody"), 1920, 1080)
    shown = [word for cue in scenario.cues for word in cue.words]
    assert [i for i, word in enumerate(shown) if word.weight > 400] == [5]
    assert [i for i, word in enumerate(shown) if word.raised > 0] == [11]
    assert [i for i, word in enumerate(shown) if word.spacing > 0] == [17]
    assert {(word.size, word.width) for word in shown} == {(1, 100)}


def test_an_unknown_style_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadRequest, match="intention, broadcast"):
        load_style("../intention")


@pytest.mark.parametrize("strength", [-0.1, 1.1])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(BadRequest, match="between 0 and 1"):
        load_style(strength=strength)


def test_at_strength_zero_every_word_looks_the_same() -> None:
    style = load_style(strength=0)
    scenario = compose(make_transcript(*two_speakers()), style, 1920, 1080)
    words = [word for cue in scenario.cues for word in cue.words]
    assert {(word.size, word.weight, word.width) for word in words} == {(1, 400, 100)}
    assert (style.animation.pop, style.text.tint) == (0, 0)


def test_half_the_strength_is_half_the_effect() -> None:
    assert load_style(strength=0.5).size.above == pytest.approx(1.7)
    assert load_style(strength=0.5).animation.pop == pytest.approx(0.075)


@pytest.mark.parametrize("name", style_names())
@pytest.mark.parametrize("behind", ["#ffffff", "#000000"])
def test_every_colour_reads_on_the_box_over_the_brightest_and_the_darkest_picture(
    name: str, behind: str
) -> None:
    style = load_style(name)
    box = laid_over(style.box.color, style.box.opacity, behind)
    unlit = laid_over(style.text.color, style.text.opacity, box)
    for color in (*style.palette.colors, unlit):
        assert contrast(color, box) >= 4.5, f"{color} on {box}"


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_text_is_five_percent_of_the_height_and_narrower_in_tall_pictures() -> None:
    style = load_style()
    assert style.text_size_px(1920, 1080) == pytest.approx(54)
    assert style.text_size_px(640, 360) == pytest.approx(18)
    assert 54 < style.text_size_px(1080, 1920) < 96
