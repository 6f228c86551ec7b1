"""What a quality report finds in a scenario, and what it leaves alone."""

from __future__ import annotations

import json
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecg.captions import Scenario, load_style
from ecg.captions.quality import (
    MESSAGES,
    PROFILES_DIR,
    Finding,
    Profile,
    load_profile,
    profile_names,
    report,
)
from ecg.captions.scenario import VERSION, Cue, CueSpeaker, CueWord
from ecg.captions.style import Effect, Style
from ecg.errors import BadRequest, InvalidScenario
from tests.captions.builders import make_scenario, make_segment, make_words, two_speakers

every_profile = pytest.mark.parametrize("name", profile_names())


def make_cue(
    *lines: str, start_s: float = 1.0, end_s: float = 4.0, speaker: str = "A", lane: int = 0,
    glued: bool = False,
) -> Cue:  # fmt: skip
    """A cue whose words are spoken evenly while it is on screen."""
    texts = [line.split() for line in lines]
    count, indices, words = sum(map(len, texts)), [], []
    for line in texts:
        indices.append(tuple(range(len(words), len(words) + len(line))))
        for text in line:
            at, step = len(words), (end_s - start_s) / count
            words.append(CueWord(text, start_s + at * step, start_s + (at + 1) * step, glued=glued))
    return Cue(f"{speaker}{start_s:g}", start_s, end_s, speaker, lane, tuple(indices), tuple(words))


def scenario_of(
    *cues: Cue, language: str = "en", colors: Mapping[str, str] | None = None, style: Style | None = None
) -> Scenario:
    style = style or load_style()
    names = sorted({cue.speaker for cue in cues})
    colors = colors or dict(zip(names, style.palette.colors, strict=False))
    speakers = {name: CueSpeaker(color) for name, color in colors.items()}
    return Scenario(VERSION, 1920, 1080, 60, language, style, speakers, cues)


def found(
    scenario: Scenario, profile: str = "ecg", rule: str | None = None, **options: float
) -> list[Finding]:
    """The findings of ``rule``, or all."""
    findings = report(scenario, load_profile(profile), **options).findings
    return [finding for finding in findings if rule in (None, finding.rule)]


CALM = make_cue("And so, my fellow Americans,")


@every_profile
def test_nothing_is_found_in_a_calm_caption(name: str) -> None:
    assert report(scenario_of(CALM), load_profile(name)).findings == ()


BREACHES = [
    ("ecg", "en", make_cue("a" * 40, "b" * 21, end_s=4), "reading_speed", 61 / 3, 20),
    ("netflix", "en", make_cue("a" * 40, "b" * 21, end_s=4), "reading_speed", 61 / 3, 20),
    ("netflix", "fr", make_cue("a" * 26, "b" * 26, end_s=4), "reading_speed", 52 / 3, 17),
    ("netflix", "ko", make_cue("가" * 13, "나" * 13, end_s=3), "reading_speed", 13, 12),
    ("netflix", "ja", make_cue("国" * 9, end_s=3), "reading_speed", 4.5, 4),
    ("netflix", "zh-Hant", make_cue("国" * 10, "国" * 10, end_s=3), "reading_speed", 10, 9),
    ("netflix", "en", make_cue("a" * 43), "line_length", 43, 42),
    ("netflix", "en", make_cue("a" * 43, "b"), "line_length", 43, 42),
    ("netflix", "ko", make_cue("가가가가 나나나나 다다다다 라라라라 a"), "line_length", 18.5, 16),
    ("netflix", "ja", make_cue("国" * 14, end_s=6), "line_length", 14, 13),
    ("bbc", "en", make_cue("a" * 38), "line_length", 38, 37),
    ("ecg", "en", make_cue("国" * 22), "line_length", 44, 42),
    ("bbc", "en", make_cue("a b c", "d e f", "g", end_s=4), "line_count", 3, 2),
    ("bbc", "en", make_cue("a b c d e f g", end_s=3.2), "word_rate", 60 * 7 / 2.2, 180),
    ("bbc", "en", make_cue("a b c d", end_s=2), "word_time", 0.25, 0.3),
    ("netflix", "en", make_cue("No!", end_s=1.8), "min_duration", 0.8, 0.8333),
    ("netflix", "en", make_cue("No!", end_s=8.1), "max_duration", 7.1, 7),
]  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "language", "cue", "rule", "value", "limit"), BREACHES, ids=lambda value: str(value)[:20]
)
def test_a_caption_that_breaks_a_limit_is_found_with_its_value(
    profile: str, language: str, cue: Cue, rule: str, value: float, limit: float
) -> None:
    findings = found(scenario_of(cue, language=language), profile, rule)
    assert [(finding.cue, finding.start_s) for finding in findings] == [(cue.id, 1.0)]
    assert findings[0].value == pytest.approx(value, abs=0.001)
    assert findings[0].limit == pytest.approx(limit, abs=0.001)


KEPT = [
    ("ecg", "en", make_cue("a" * 42, "b" * 18)),
    ("netflix", "ko", make_cue("가가가가 나나나나 다다다다 라라a", end_s=5)),
    ("netflix", "ja", make_cue("国" * 12)),
    ("netflix", "en", make_cue("No!", start_s=1.0, end_s=1.833)),
    ("netflix", "en", make_cue("No!", end_s=8)),
    ("bbc", "en", make_cue("a b c d e f g h i", end_s=4)),
    ("bbc", "ja", make_cue("国 の た め に 何 が で き る か", end_s=2, glued=True)),
]


@pytest.mark.parametrize(("profile", "language", "cue"), KEPT, ids=lambda value: str(value)[:20])
def test_a_caption_exactly_at_its_limits_is_left_alone(profile: str, language: str, cue: Cue) -> None:
    assert found(scenario_of(cue, language=language), profile) == []


def test_words_that_stand_together_have_no_space_to_be_counted() -> None:
    text = "国国国国 国国国国 国国国国国"
    apart, together = (
        report(scenario_of(make_cue(text, glued=glued), language="ja")).summary for glued in (False, True)
    )
    assert (apart.worst["line_length"].value, together.worst["line_length"].value) == (14, 13)


def test_a_syllable_in_parts_counts_as_one_character() -> None:
    cue = make_cue(unicodedata.normalize("NFD", "가" * 16))
    assert report(scenario_of(cue, language="ko")).summary.worst["line_length"].value == 16


def test_touching_captions_are_right_for_us_and_the_bbc_and_wrong_for_netflix() -> None:
    scenario = scenario_of(CALM, make_cue("ask not what", start_s=4, end_s=6))
    assert found(scenario, "ecg") == found(scenario, "bbc") == []
    assert [(gap.rule, gap.cue, gap.value) for gap in found(scenario, "netflix")] == [("gap", "A4", 0)]


def test_a_short_gap_is_a_blink() -> None:
    scenario = scenario_of(CALM, make_cue("ask not what", start_s=4.12, end_s=7))
    assert [(gap.rule, gap.value, gap.limit) for gap in found(scenario)] == [("gap", 0.12, 0.24)]
    assert [(gap.severity, gap.limit) for gap in found(scenario, "bbc")] == [("warning", 1)]


@pytest.mark.parametrize(("fps", "limit"), [(23.976, 0.083), (50, 0.04)])
def test_a_gap_is_counted_in_frames_of_the_video(fps: float, limit: float) -> None:
    enough = scenario_of(CALM, make_cue("ask not what", start_s=4 + limit, end_s=7))
    short = scenario_of(CALM, make_cue("ask not what", start_s=4 + limit - 0.01, end_s=7))
    assert found(enough, "netflix", fps=fps) == []
    assert [gap.limit for gap in found(short, "netflix", fps=fps)] == [limit]


def test_captions_of_two_lanes_have_no_gap_between_them() -> None:
    other = make_cue("I will", start_s=3.9, end_s=6, speaker="B", lane=1)
    assert found(scenario_of(CALM, other), "netflix") == []


def test_a_colour_too_dark_for_the_box_is_found_once_for_all_captions_of_its_speaker() -> None:
    cues = [make_cue("my fellow Americans", start_s=at, end_s=at + 3) for at in (1, 5, 9)]
    cues.append(make_cue("I will, believe me", start_s=13, end_s=16, speaker="B"))
    made = report(scenario_of(*cues, colors={"A": "#8b0000", "B": "#ffea03"}))
    assert [(case.rule, case.cue, case.severity) for case in made.findings] == [("contrast", "A1", "error")]
    assert "#8b0000" in made.findings[0].message["en"]
    assert made.findings[0].value < made.findings[0].limit == 4.5
    assert made.summary.clean_share == 0.25


def test_resting_text_that_cannot_be_read_is_found_though_the_lit_words_can() -> None:
    style = load_style()
    style = replace(style, text=replace(style.text, opacity=0.35))
    contrast = found(scenario_of(CALM, style=style), rule="contrast")
    assert [case.cue for case in contrast] == [CALM.id]
    assert "#ffffff" in contrast[0].message["en"]


def test_colours_that_look_alike_to_a_colour_blind_viewer_are_found_with_both_speakers() -> None:
    other = make_cue("I will, believe me", start_s=5, end_s=8, speaker="B")
    scenario = scenario_of(CALM, other, colors={"A": "#d98c4a", "B": "#a8a84a"})
    scenario = replace(scenario, speakers={**scenario.speakers, "A": CueSpeaker("#d98c4a", "Anna")})
    (alike,) = found(scenario)
    assert (alike.rule, alike.cue, alike.severity) == ("color_difference", "B5", "warning")
    assert "deuteranopia" in alike.message["en"]
    assert "Anna" in alike.message["en"]
    assert "녹색맹" in alike.message["ko"]


def test_six_speakers_with_the_main_colours_are_told_apart_and_nineteen_are_not() -> None:
    def crowd(size: int) -> Scenario:
        times = [(f"S{number:02}", 1 + 4.0 * number) for number in range(size)]
        return scenario_of(
            *(make_cue("my fellow Americans", start_s=at, end_s=at + 3, speaker=name) for name, at in times),
            colors={name: load_style().palette.colors[index % 18] for index, (name, _) in enumerate(times)},
        )

    assert found(crowd(6)) == []
    alike = found(crowd(19), rule="color_difference")
    assert alike[-1].speaker == "S18"
    assert alike[-1].value == 0


def test_plain_captions_are_not_told_off_for_having_one_colour() -> None:
    scenario = make_scenario(*two_speakers())
    plain = replace(scenario, style=load_style(strength=0))
    assert found(plain, rule="color_difference") == []


def blinking(period_s: float, style: Style | None = None, color: str = "#ffea03") -> Scenario:
    """Captions that are there half of the time."""
    starts = [round(1 + number * period_s, 3) for number in range(12)]
    cues = [make_cue("Go!", start_s=at, end_s=round(at + period_s / 2, 3)) for at in starts]
    return scenario_of(*cues, colors={"A": color}, style=style)


def test_captions_that_blink_more_than_three_times_a_second_are_found_once_a_second() -> None:
    flashes = found(blinking(0.25), rule="flashes")
    assert [(case.cue, case.value) for case in flashes] == [("A1", 4), ("A2", 4), ("A3", 4)]
    assert {case.severity for case in flashes} == {"error"}


@pytest.mark.parametrize(("box", "text"), [("#000000", "#808080"), ("#ffffff", "#b0b0b0")])
def test_a_box_that_blinks_is_found_though_its_text_is_hardly_brighter_or_darker(box: str, text: str) -> None:
    style = load_style()
    style = replace(
        style, box=replace(style.box, color=box), text=replace(style.text, color=text, opacity=1)
    )
    assert found(blinking(0.25, style, text), rule="flashes")
    assert not found(blinking(0.5, style, text), rule="flashes")


@pytest.mark.parametrize("period_s", [1, 0.5, 0.333])
def test_captions_that_blink_up_to_three_times_a_second_do_not_flash(period_s: float) -> None:
    assert found(blinking(period_s), rule="flashes") == []


def test_words_that_light_and_pop_quickly_do_not_flash() -> None:
    cue = make_cue("ask not what your country can do", end_s=1.7)
    assert found(scenario_of(cue, colors={"A": "#f95869"}), rule="flashes") == []


@pytest.mark.parametrize(("color", "flash"), [("#3048ff", True), ("#ffea03", False)])
def test_single_words_that_turn_from_white_to_dark_and_back_flash_and_those_that_stay_bright_do_not(
    color: str, flash: bool
) -> None:
    style = load_style()
    style = replace(style, animation=replace(style.animation, light_s=0.1))
    cues = [make_cue("Go!", start_s=1 + 0.2 * at, end_s=1 + 0.2 * (at + 1)) for at in range(10)]
    flashes = found(scenario_of(*cues, colors={"A": color}, style=style), rule="flashes")
    assert bool(flashes) is flash


def lively(*effects: Effect, text: str = "#ffffff", tint: float = 1, **animation: Any) -> Style:
    """Words on a black box that do these and nothing else."""
    style = load_style()
    still = replace(style.animation, **{"light_s": 0, "pop": 0, **animation}, effects=effects)
    return replace(
        style, animation=still, text=replace(style.text, color=text, opacity=1, tint=tint),
        box=replace(style.box, opacity=1),
    )  # fmt: skip


DARK, LIGHT = "#101010", "#ffffff"


@pytest.mark.parametrize(
    ("style", "color", "flash"),
    [
        pytest.param(lively(light_s=0.1), DARK, True, id="each word is white, then dark"),
        pytest.param(lively(light_s=0, light_at="cue"), DARK, False, id="dark from the beginning"),
        pytest.param(lively(light_s=0.1, light_at="cue"), DARK, True, id="dark soon after"),
        pytest.param(lively(light_s=5), DARK, False, id="the colour does not come in time"),
        pytest.param(lively(Effect("sweep", 0.5, 0.1), light_s=5), DARK, True, id="swept in time"),
        pytest.param(lively(Effect("sweep", 1, 5)), DARK, False, id="swept too late"),
        pytest.param(lively(Effect("fade", 1, 0.1)), LIGHT, True, id="faded in from nothing"),
        pytest.param(lively(Effect("fade", 0.1, 0.1)), LIGHT, False, id="hardly faded"),
        pytest.param(lively(Effect("type", 1, 0.1, "cue")), LIGHT, True, id="typed"),
        pytest.param(lively(Effect("type", 1, 0.1, min_size=2)), LIGHT, False, id="typed only if loud"),
        pytest.param(lively(Effect("glow", 0.5, 0.1), text="#909090", tint=0), LIGHT, True, id="glowing"),
        pytest.param(lively(Effect("rise", 1, 0.1), Effect("wave", 1, 0.1)), LIGHT, False, id="only moving"),
    ],
)
def test_what_a_style_does_to_light_counts_as_flashing_and_what_it_moves_does_not(
    style: Style, color: str, flash: bool
) -> None:
    """Single words, five a second, one in the place of the other."""
    cues = [make_cue("Go!", start_s=1 + 0.2 * at, end_s=1 + 0.2 * (at + 1)) for at in range(10)]
    assert bool(found(scenario_of(*cues, colors={"A": color}, style=style), rule="flashes")) is flash


def test_the_worst_values_are_reported_even_where_nothing_is_wrong() -> None:
    worst = report(scenario_of(CALM, make_cue("ask not", start_s=5, end_s=7))).summary.worst
    assert worst["reading_speed"].value == pytest.approx(28 / 3, abs=0.001)
    assert (worst["reading_speed"].cue, worst["min_duration"].cue) == (CALM.id, "A5")
    assert worst["gap"].value == 1
    assert worst["contrast"].value > 7


def test_the_share_of_captions_without_findings_counts_each_caption_once() -> None:
    bad = make_cue("a" * 50, "b" * 50, start_s=5, end_s=6)
    summary = report(scenario_of(CALM, bad)).summary
    assert summary.findings == {"reading_speed": 1, "line_length": 1}
    assert (summary.cues, summary.clean_share) == (2, 0.5)


def test_a_scenario_without_captions_has_nothing_wrong() -> None:
    summary = report(scenario_of()).summary
    assert (summary.cues, summary.clean_share, summary.worst) == (0, 1.0, {})


def test_findings_come_in_order_of_time_and_the_same_each_time() -> None:
    cues = [make_cue("a" * 60, start_s=at, end_s=at + 2) for at in (9, 1, 5)]
    made = report(scenario_of(*cues))
    assert [case.start_s for case in made.findings] == sorted(case.start_s for case in made.findings)
    assert json.dumps(made.to_json()) == json.dumps(report(scenario_of(*cues)).to_json())


def test_a_report_is_plain_json() -> None:
    data = report(scenario_of(make_cue("a" * 43)), load_profile("netflix")).to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["profile"] == "netflix"
    assert data["findings"][0] == {
        "rule": "line_length", "severity": "error", "cue": "A1", "speaker": "A", "start_s": 1.0, "value": 43,
        "limit": 42, "message": {
            "en": "A line of this caption is 43 characters long; 42 are the most.",
            "ko": "이 자막의 한 줄이 43자입니다. 최대 42자입니다.",
        },
    }  # fmt: skip


@pytest.mark.parametrize("rule", MESSAGES)
def test_every_message_says_the_value_and_the_limit_in_both_languages(rule: str) -> None:
    assert set(MESSAGES[rule]) == {"en", "ko"}
    for text in MESSAGES[rule].values():
        assert {"value", "limit"} <= {name for _, name, _, _ in string.Formatter().parse(text)}


def test_what_we_compose_keeps_every_rule_of_ours_that_is_an_error() -> None:
    text = "when all is said and done we went home by the long road that nobody else had ever taken. " * 20
    scenario = make_scenario(make_segment(make_words(text)), *two_speakers())
    assert [finding for finding in found(scenario) if finding.severity == "error"] == []


def test_our_own_profile_comes_first() -> None:
    assert profile_names() == ["ecg", "bbc", "netflix"]


@every_profile
def test_a_profile_says_where_its_limits_come_from(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert any("https://" in source for source in profile.sources)


def test_an_unknown_profile_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadRequest, match="ecg, bbc, netflix"):
        load_profile("../ecg")


@pytest.mark.parametrize("fps", [0, -25, float("nan"), float("inf")])
def test_a_frame_rate_that_is_none_is_refused(fps: float) -> None:
    with pytest.raises(BadRequest, match="fps"):
        report(scenario_of(CALM), fps=fps)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"limits": {"reading_sped": 17}}, "limits.reading_sped"),
        ({"advisory": ["contrast", "colour"]}, r"advisory\[1\]"),
        ({"languages": {"ko": {"wide": 1, "narrow": 0.5, "limits": {}}}}, r"languages\.\*"),
        ({"languages": {"*": {"wide": 1, "narrow": 1, "limits": {"cps": 1}}}}, r"languages\.\*\.limits\.cps"),
        ({"fps": 0}, "fps"),
    ],
)
def test_a_profile_with_a_slip_is_refused_with_the_path_of_what_is_wrong(change: dict, path: str) -> None:
    data = json.loads((PROFILES_DIR / "ecg.json").read_text()) | change
    with pytest.raises(InvalidScenario, match=f"^{path}: "):
        Profile.from_json(data)
