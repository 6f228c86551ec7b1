"""Colours are read on their box by everybody, and nobody takes one speaker's for another's."""

from __future__ import annotations

import colorsys
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from daltonlens import simulate as daltonlens

from ecg.captions import Style, load_style, style_names
from ecg.captions.palette import (
    ALL_APART,
    LEADING,
    LEADING_APART,
    MAIN_APART,
    VISIONS,
    Alike,
    Faint,
    assign_colors,
    check_palette,
    ciede2000,
    contrast,
    difference,
    laid_over,
    least_contrast,
    lit_color,
    most_alike,
    simulate,
)

every_style = pytest.mark.parametrize("name", style_names())
every_group = pytest.mark.parametrize("group", ["main", "supporting", "minor"])

# The hues of the guideline, in degrees of the colour wheel, in the order in which speakers get them.
HUES = {
    "yellow": (45, 60), "blue": (203, 230), "red": (-8, 12), "green": (100, 158), "orange": (20, 40),
    "purple": (255, 295),
}  # fmt: skip

# From the 34 pairs published with the formula (Sharma, Wu and Dalal 2005, table 1): two colours in CIELAB
# and their difference. They were chosen to catch what implementations get wrong.
PUBLISHED = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]
_KINDS = {
    "protanopia": daltonlens.Deficiency.PROTAN,
    "deuteranopia": daltonlens.Deficiency.DEUTAN,
    "tritanopia": daltonlens.Deficiency.TRITAN,
}
MACHADO, BRETTEL = daltonlens.Simulator_Machado2009(), daltonlens.Simulator_Brettel1997()


def seen_by(simulator: daltonlens.Simulator, color: str, vision: str) -> str:
    """``color`` as DaltonLens says ``vision`` sees it."""
    pixel = np.array([[[int(color[at : at + 2], 16) for at in (1, 3, 5)]]], dtype=np.uint8)
    red, green, blue = simulator.simulate_cvd(pixel, _KINDS[vision], severity=1.0)[0, 0]
    return f"#{red:02x}{green:02x}{blue:02x}"


def hue_degrees(color: str) -> float:
    hue, _, _ = colorsys.rgb_to_hsv(*(int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)))
    return hue * 360 if hue < 0.9 else hue * 360 - 360


def with_main(style: Style, *colors: str) -> Style:
    return replace(style, palette=replace(style.palette, main=colors))


@every_style
def test_a_style_keeps_what_is_promised_of_its_colours(name: str) -> None:
    assert [str(case) for case in check_palette(load_style(name))] == []


@every_style
def test_every_colour_and_the_resting_text_read_on_the_box_over_any_picture(name: str) -> None:
    style = load_style(name)
    texts = [(color, 1.0) for color in style.palette.colors] + [(style.text.color, style.text.opacity)]
    pictures = [f"#{level:02x}{level:02x}{level:02x}" for level in range(0, 256, 15)]
    pictures += ["#ffff00", "#0000ff", "#ff0000", "#00ff00"]
    for color, opacity in texts:
        least = least_contrast(color, opacity, style.box)
        for picture in pictures:
            box = laid_over(style.box.color, style.box.opacity, picture)
            assert contrast(laid_over(color, opacity, box), box) >= least.value >= 4.5


@every_style
@pytest.mark.parametrize("simulator", [MACHADO, BRETTEL], ids=["machado", "brettel"])
@pytest.mark.parametrize("vision", _KINDS)
def test_no_two_main_colours_are_taken_for_each_other_by_a_colour_blind_viewer(
    name: str, simulator: daltonlens.Simulator, vision: str
) -> None:
    main = [seen_by(simulator, color, vision) for color in load_style(name).palette.main]
    for pair in combinations(main[:LEADING], 2):
        assert difference(*pair) >= LEADING_APART, pair
    for pair in combinations(main, 2):
        assert difference(*pair) >= MAIN_APART, pair


@every_style
def test_no_two_of_all_eighteen_colours_are_the_same_to_a_viewer_with_normal_vision(name: str) -> None:
    colors = load_style(name).palette.colors
    assert len(colors) == 18
    assert min(difference(*pair) for pair in combinations(colors, 2)) >= ALL_APART


@every_style
def test_each_of_the_first_speakers_gets_the_colour_furthest_from_those_before(name: str) -> None:
    main = load_style(name).palette.main
    for taken in range(1, LEADING):
        nearest = {
            color: min(most_alike(color, other, 0).value for other in main[:taken])
            for color in main[taken:]
        }  # fmt: skip
        assert max(nearest, key=nearest.__getitem__) == main[taken]


@every_style
@every_group
def test_the_hues_of_the_guideline_are_recognisable(name: str, group: str) -> None:
    colors = getattr(load_style(name).palette, group)
    assert len(colors) == len(HUES)
    for color, (hue, (least, most)) in zip(colors, HUES.items(), strict=True):
        slack = 0 if group == "main" else 12  # paler colours are named by what they are paler than
        assert least - slack <= hue_degrees(color) <= most + slack, f"{color} is no {hue}"


@pytest.mark.parametrize("vision", _KINDS)
def test_what_a_colour_blind_viewer_sees_agrees_with_an_independent_simulation(vision: str) -> None:
    levels = ("00", "33", "80", "cc", "ff")
    for color in (f"#{r}{g}{b}" for r in levels for g in levels for b in levels):
        ours, theirs = simulate(color, vision), seen_by(MACHADO, color, vision)
        for at in (1, 3, 5):
            assert abs(int(ours[at : at + 2], 16) - int(theirs[at : at + 2], 16)) <= 1, color


def test_normal_vision_sees_a_colour_as_it_is() -> None:
    assert simulate("#12ab9f", VISIONS[0]) == "#12ab9f"


@pytest.mark.parametrize(("first", "second", "published"), PUBLISHED)
def test_the_difference_of_two_colours_is_the_published_one(
    first: tuple[float, ...], second: tuple[float, ...], published: float
) -> None:
    assert ciede2000(first, second) == pytest.approx(published, abs=0.0001)
    assert ciede2000(second, first) == pytest.approx(published, abs=0.0001)


def test_black_and_white_are_a_hundred_apart_and_a_colour_is_not_apart_from_itself() -> None:
    assert difference("#000000", "#ffffff") == pytest.approx(100, abs=0.1)
    assert difference("#4da3ff", "#4da3ff") == 0


def test_orange_and_green_that_are_equally_bright_are_found_with_who_takes_them_for_each_other() -> None:
    style = with_main(load_style(), "#d98c4a", "#a8a84a")
    alike = [case for case in check_palette(style) if isinstance(case, Alike) and case.limit == LEADING_APART]
    assert [(case.colors, case.vision) for case in alike] == [(("#d98c4a", "#a8a84a"), "deuteranopia")]
    assert "#d98c4a and #a8a84a" in str(alike[0])


def test_a_colour_too_dark_for_its_box_is_found_with_the_picture_behind() -> None:
    style = with_main(load_style(), *load_style().palette.main, "#7a1010")
    faint = [case for case in check_palette(style) if isinstance(case, Faint)]
    assert [(case.color, case.picture) for case in faint] == [("#7a1010", "#ffffff")]
    assert faint[0].value < 4.5
    assert "#7a1010" in str(faint[0])


@pytest.mark.parametrize(("color", "opacity"), [("#ffffff", 0.3), ("#555555", 1)])
def test_resting_text_that_is_too_transparent_or_too_dark_is_found(color: str, opacity: float) -> None:
    style = load_style()
    style = replace(style, text=replace(style.text, color=color, opacity=opacity))
    assert color in [case.color for case in check_palette(style) if isinstance(case, Faint)]


def test_a_main_colour_that_looks_like_the_resting_text_is_found() -> None:
    style = with_main(load_style(), "#e4e4dc")
    assert ("#e4e4dc", "#e6e6e6") in [case.colors for case in check_palette(style) if isinstance(case, Alike)]


def test_a_box_that_hardly_covers_the_picture_is_found() -> None:
    style = load_style()
    style = replace(style, box=replace(style.box, opacity=0.2))
    assert {case.picture for case in check_palette(style) if isinstance(case, Faint)} == {"#ffffff"}


def test_a_lit_word_is_between_the_resting_text_and_its_speakers_colour() -> None:
    assert lit_color("#ff0000", load_style()) == ("#ff0000", 1.0)
    assert lit_color("#ff0000", load_style(strength=0)) == ("#ffffff", 0.9)
    assert lit_color("#ff0000", load_style(strength=0.5)) == ("#ff8080", pytest.approx(0.95))


def test_colours_are_given_again_when_there_are_more_speakers_than_colours() -> None:
    palette = load_style().palette
    colors = assign_colors([f"S{number}" for number in range(20)], palette)
    assert [colors["S0"], colors["S6"], colors["S18"]] == [
        palette.main[0], palette.supporting[0], palette.main[0],
    ]  # fmt: skip
