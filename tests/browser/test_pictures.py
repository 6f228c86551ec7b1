"""The frames are the captions: the same by every way, in every order, at every size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from ecg.browser.capture import CaptureBrowser, CaptureSession
from ecg.captions import load_style, style_names
from tests.browser.conftest import SITE
from tests.browser.scenarios import (
    ENGLISH,
    FPS,
    KOREAN,
    difference,
    make_scenario,
    pictures,
    premultiplied,
)  # fmt: skip


def photographs(
    page: Page, scenario: dict, width: int, height: int, times_s: list[float]
) -> list[np.ndarray]:
    """What the player shows at these times, by `page.screenshot` over transparency: whole pictures."""
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{SITE}/")
    page.evaluate(
        """async ({ scenario, width, height }) => {
            const { createPlayer } = await import("/player/player.js");
            const root = document.createElement("div");
            root.style = "position: absolute; inset: 0";
            document.body.append(root);
            window.player = await createPlayer(root, scenario, { width, height });
        }""",
        {"scenario": scenario, "width": width, "height": height},
    )
    shots = []
    for t_s in times_s:
        page.evaluate("(t_s) => player.seek(t_s)", t_s)
        shots.append(np.asarray(Image.open(io.BytesIO(page.screenshot(omit_background=True)))))
    return shots


def assert_same_picture(one: np.ndarray, other: np.ndarray) -> None:
    """Equal within 2 of 255, but for at most one pixel in a thousand, by at most 48.

    An ordinary page is drawn in tiles, and where a tile's edge cuts a round corner it is smoothed otherwise.
    """
    assert (difference(one, other) > 2).mean() <= 0.001
    assert difference(one, other).max() <= 48


def cropped(picture: np.ndarray, session: CaptureSession) -> np.ndarray:
    box = session.box
    return picture[box.y : box.y + box.height, box.x : box.x + box.width]


@pytest.mark.parametrize("way", ["by_canvas", "by_screenshot"])
@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (608, 1080)], ids=str)
def test_a_frame_is_what_a_page_shows_at_that_time(way, size, page, request):
    scenario = make_scenario()
    frames = [3, 6, 8, 9, 27, 40, 68, 150]
    with request.getfixturevalue(way).open(scenario, *size) as session:
        taken = [pictures(session, n, 1)[0] for n in frames]
        shots = photographs(page, scenario, *size, [float(n / FPS) for n in frames])
    for picture, shot in zip(taken, shots, strict=True):
        assert_same_picture(picture, cropped(shot, session))
        outside = shot.copy()
        cropped(outside, session)[:] = 0
        assert not outside.any(), "a caption is outside the box"
    assert any(picture.any() for picture in taken)


def test_canvas_and_screenshots_give_the_same_pictures_all_the_way(by_canvas, by_screenshot):
    scenario = make_scenario(cues=1)
    with by_canvas.open(scenario, 640, 360) as one, by_screenshot.open(scenario, 640, 360) as other:
        assert one.box == other.box
        for picture, photograph in zip(pictures(one, 0, 40), pictures(other, 0, 40), strict=True):
            assert difference(picture, photograph).max() <= 2  # colours under alpha are rounded twice


@pytest.mark.parametrize("way", ["by_canvas", "by_screenshot"])
def test_a_frame_has_the_same_pixels_wherever_its_range_begins(way, request):
    browser: CaptureBrowser = request.getfixturevalue(way)
    scenario = make_scenario(cues=2)
    # Words reach into the box's round corners: those are what a clip would smooth otherwise.
    scenario["style"]["box"] |= {"radius": 0.9, "padding_x": 0.1, "padding_y": 0.05}
    count = 100 if way == "by_canvas" else 30
    with browser.open(scenario, 1280, 720) as session:
        whole = pictures(session, 0, count)
        assert len(whole) == count
    with browser.open(scenario, 1280, 720) as session:
        for first in range(count - 10, -1, -9):
            chunk = pictures(session, first, 10)
            assert all(np.array_equal(a, b) for a, b in zip(chunk, whole[first : first + 10], strict=True))


@pytest.mark.parametrize("style", style_names())
@pytest.mark.parametrize(("size", "step"), [((1280, 720), 3), ((3840, 2160), 15)], ids=str)
def test_a_frame_drawn_in_part_is_the_frame_drawn_whole(by_canvas, style, size, step):
    """Alone each is drawn whole, after another only where it differs: large letters, glow and corners too."""
    texts = ["[{(|$@Qjy", *ENGLISH[1:6], "ẰNG", "Ǻ", *KOREAN]
    scenario = make_scenario(texts, cues=1, word_s=0.2)
    scenario["style"] = load_style(style).to_json()
    scenario["cues"][0]["words"][0] |= {"weight": 1000, "width": 151}
    scenario["cues"][0]["words"][2]["size"] = 2.4
    with by_canvas.open(scenario, *size) as session:
        for number, frame in enumerate(pictures(session, 0, 70)):
            if number % step == 0:
                assert np.array_equal(frame, pictures(session, number, 1)[0]), number


def placed(picture: np.ndarray, session: CaptureSession) -> np.ndarray:
    """A frame where it lies in the whole picture."""
    whole = np.zeros((session.size[1], session.size[0], 4), np.uint8)
    cropped(whole, session)[:] = picture
    return whole


def test_captions_of_a_part_of_the_time_look_as_they_do_in_the_whole(by_canvas):
    """Also one that stands on another that is not seen any more; and a heart, beside emoji and without."""
    scenario = make_scenario(["one", "two", "\u2764\ufe0f", "four"], cues=5)
    low, above, *_, last = scenario["cues"]
    above |= {"lane": 1, "start_s": low["end_s"] - 0.5}
    last["words"][0]["text"] = "😀漢"
    first, count = 60, 20
    with by_canvas.open(scenario, 1280, 720) as session:
        whole = [placed(picture, session) for picture in pictures(session, first, count)]
        box = session.box
    assert low["end_s"] < first / FPS
    between_s = (float(first / FPS), float((first + count) / FPS))
    with by_canvas.open(scenario, 1280, 720, between_s) as session:
        part = [placed(picture, session) for picture in pictures(session, first, count)]
        assert session.box != box
    assert all(np.array_equal(one, other) for one, other in zip(part, whole, strict=True))
    assert whole[0].any()


def test_frames_follow_the_frame_rate(by_canvas):
    scenario = make_scenario(cues=1)
    with by_canvas.open(scenario, 640, 360) as session:
        at_25 = pictures(session, 0, 50, FPS)
        at_50 = pictures(session, 0, 100, FPS * 2)
    assert all(np.array_equal(a, b) for a, b in zip(at_25, at_50[::2], strict=True))


def test_korean_is_drawn_from_the_first_frame_of_its_cue(by_canvas, page):
    scenario = make_scenario(KOREAN, cues=1, language="ko", word_s=0.4)
    with by_canvas.open(scenario, 640, 360) as session:
        first = pictures(session, 5, 1)[0]
    assert_same_picture(first, cropped(photographs(page, scenario, 640, 360, [0.2])[0], session))
    assert (premultiplied(first)[..., 0] > 128).mean() > 0.02, "hardly any white text in the box"


def test_still_frames_cost_nothing(by_canvas):
    scenario = make_scenario(["Wait", "here"], cues=1, word_s=4.0)
    with by_canvas.open(scenario, 640, 360) as session:
        taken = pictures(session, 0, 250)
    metrics = session.metrics
    assert metrics.frames == len(taken) == 250
    assert metrics.reused + metrics.drawn == 250
    # Two words light up and pop for 0.3 s each, 8 frames; the box comes and goes.
    assert metrics.drawn <= 22
    assert metrics.bytes_moved < metrics.drawn * session.box.width * session.box.height * 4
    assert metrics.path == session.path == "canvas"


def test_outside_of_what_changed_a_frame_is_the_one_before(by_canvas):
    with by_canvas.open(make_scenario(cues=1), 640, 360) as session:
        before, moved = np.zeros((session.box.height, session.box.width, 4), np.uint8), 0
        for frame in session.frames(0, 80, FPS):
            taken = np.frombuffer(bytes(frame), np.uint8).reshape(before.shape)
            for x, y, width, height in session.changed:
                before[y : y + height, x : x + width] = taken[y : y + height, x : x + width]
            assert np.array_equal(before, taken)
            moved += bool(session.changed)
        assert moved == session.metrics.drawn


def test_a_scenario_without_cues_gives_empty_frames(by_canvas):
    with by_canvas.open({**make_scenario(), "cues": []}, 640, 360) as session:
        taken = pictures(session, 0, 1000)
    assert len(taken) == 1000
    assert not any(picture.any() for picture in taken)
