"""A render is proven to have its captions in time: what is wrong is caught, and what is right is let pass."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg.browser.capture import CaptureBrowser
from ecg.captions import PLAYER_DIR, compose, load_style, style_names
from ecg.config import settings
from ecg.errors import RenderProofFailed
from ecg.media.overlay import Frame
from ecg.stages.proof import prove
from ecg.stages.witness import contrast
from tests.browser.conftest import make_browser
from tests.captions.builders import make_transcript, two_speakers
from tests.media import clips
from tests.stages.captioned import (
    PICTURES,
    TEXT,
    Captioned,
    caption,
    copied,
    early,
    late,
    make_source,
    spoken,
    without,
)
from tests.stages.rendering import rendered

SHIFT = 5  # frames: 200 ms at 25 a second


@pytest.fixture(scope="module")
def browser() -> Iterator[CaptureBrowser]:
    with make_browser() as browser:
        yield browser


def refused(made: Captioned, **other: Any) -> RenderProofFailed:
    """What the proof says of a render that is not right."""
    with pytest.raises(RenderProofFailed, match="requeue") as found:
        made.prove(**other)
    return found.value


# --- what is right


def styles_over_pictures() -> Iterator[Any]:
    """Every style, and every picture; each with each only in the long run."""
    for style, picture in itertools.product(style_names(), PICTURES):
        short = picture == "noise" or style == style_names()[0]
        yield pytest.param(style, picture, marks=() if short else pytest.mark.long)


@pytest.mark.parametrize(("style", "picture"), list(styles_over_pictures()))
def test_a_right_render_of_low_quality_passes_in_every_style_over_any_picture(
    browser: CaptureBrowser, tmp_path: Path, style: str, picture: str
):
    source = make_source(tmp_path / "a.mp4", picture)
    proof = caption(source, browser, spoken(style=style), quality=30).prove()
    assert proof["moments"] >= 2
    assert proof["shown"] == proof["moments"]
    assert proof["ordered"] >= 1 or style == "pop"


@pytest.mark.parametrize("quality", [10, 95])
def test_a_right_render_passes_at_any_quality(browser: CaptureBrowser, tmp_path: Path, quality: int):
    source = make_source(tmp_path / "a.mp4", "noise")
    assert caption(source, browser, spoken(), quality=quality).prove()["moments"] >= 2


@pytest.mark.parametrize("fps", ["30000/1001", "60"])
def test_a_right_render_passes_at_other_sizes_and_frame_rates(
    browser: CaptureBrowser, tmp_path: Path, fps: str
):
    source = make_source(tmp_path / "a.mp4", size="1920x1080", fps=fps, seconds=2.0)
    made = caption(source, browser, spoken(size=(1920, 1080)), quality=30)
    assert made.prove()["shown"] >= 2


def test_two_speakers_one_above_the_other_pass(browser: CaptureBrowser, tmp_path: Path):
    scenario = compose(make_transcript(*two_speakers()), load_style(), 320, 180).to_json()
    assert {cue["lane"] for cue in scenario["cues"]} == {0, 1}
    source = make_source(tmp_path / "a.mp4", seconds=9.0)
    assert caption(source, browser, scenario, quality=30).prove()["shown"] >= 2


def test_a_render_without_a_cue_passes(browser: CaptureBrowser, tmp_path: Path):
    made = caption(make_source(tmp_path / "a.mp4"), browser, {**spoken(), "cues": []})
    assert made.prove()["moments"] == 0


@pytest.mark.parametrize(("text", "language"), [
    ("그리고 우리는 강가를 따라 천천히 걸었습니다", "ko"),
    ("it was so good 😀 ❤️ 👍🏽 and — … ok", "en"),
    ("היא הלכה לאורך החוף שעה", "he"),
])  # fmt: skip
def test_other_scripts_and_emoji_pass(browser: CaptureBrowser, tmp_path: Path, text: str, language: str):
    made = caption(make_source(tmp_path / "a.mp4"), browser, spoken(text, language=language), quality=30)
    assert made.prove()["shown"] >= 2


@pytest.mark.parametrize("picture", ["white", "black", "noise"])
@pytest.mark.parametrize(("box", "letters"), [(0.0, 0.9), (0.3, 0.9), (0.4, 0.5), (0.7, 1.0)])
def test_boxes_and_letters_that_one_sees_through_raise_no_alarm(
    browser: CaptureBrowser, tmp_path: Path, picture: str, box: float, letters: float
):
    scenario = spoken()
    scenario["style"]["box"]["opacity"] = box
    scenario["style"]["text"]["opacity"] = letters
    caption(make_source(tmp_path / "a.mp4", picture), browser, scenario, quality=30).prove()


def test_words_in_the_colour_of_their_box_raise_no_alarm(browser: CaptureBrowser, tmp_path: Path):
    scenario = spoken()
    scenario["style"]["text"] |= {"color": "#000000", "tint": 0}
    caption(make_source(tmp_path / "a.mp4"), browser, scenario).prove()


@pytest.mark.parametrize("effect", ["fade", "type", "rise", "shake", "glow", "wave", "sweep"])
def test_whatever_words_do_raises_no_alarm(browser: CaptureBrowser, tmp_path: Path, effect: str):
    scenario = spoken()
    scenario["style"]["animation"]["effects"] = [{"name": effect, "amount": 1, "length_s": 0}]
    caption(make_source(tmp_path / "a.mp4"), browser, scenario, quality=30).prove()


def test_a_video_that_has_the_same_captions_already_raises_no_alarm(browser: CaptureBrowser, tmp_path: Path):
    scenario = spoken()
    first = caption(make_source(tmp_path / "a.mp4"), browser, scenario)
    again = tmp_path / "again" / "a.mp4"
    again.parent.mkdir()
    shutil.copy(first.video, again)
    earlier = spoken(start_s=0.3)
    caption(again, browser, earlier).prove()


def test_what_is_kept_for_the_proof_is_small(browser: CaptureBrowser, tmp_path: Path):
    source = make_source(tmp_path / "a.mp4", size="1920x1080", seconds=6.0)
    made = caption(source, browser, spoken(size=(1920, 1080)), quality=30)
    assert made.witness.stat().st_size < 300_000


@pytest.mark.parametrize(("container", "overlay"), [
    ("mp4", False), ("mov", False), ("webm", False), ("mov", True), ("webm", True),
])  # fmt: skip
def test_every_format_is_proven_and_a_shift_in_it_is_caught(
    browser: CaptureBrowser, tmp_path: Path, container: str, overlay: bool
):
    source = clips.video(tmp_path / "a.mp4", size="640x360", fps="30", seconds=3.0)
    made = {}
    for start_s in (0.5, 0.7):
        folder = tmp_path / str(start_s)
        folder.mkdir()
        scenario = spoken(size=(640, 360), start_s=start_s)
        made[start_s] = rendered(source, scenario, folder, browser, format=container, overlay=overlay)
    (video, plan), witness = made[0.5], "chunk-0.npz"
    about = {"size": (640, 360), "fps": Fraction(30), "frames": plan.frames, "duration_s": plan.duration_s}
    assert prove(video, [tmp_path / "0.5" / witness], **about)["shown"] >= 2
    with pytest.raises(RenderProofFailed):
        prove(video, [tmp_path / "0.7" / witness], **about)


# --- captions out of time


@pytest.mark.parametrize("shifted", [late, early])
@pytest.mark.parametrize("style", style_names())
def test_captions_200_ms_off_are_caught_in_every_style(
    browser: CaptureBrowser, tmp_path: Path, style: str, shifted: Callable
):
    source = make_source(tmp_path / "a.mp4", "noise")
    made = caption(source, browser, spoken(style=style), quality=30,
                   spoiled=lambda frames: shifted(frames, SHIFT))  # fmt: skip
    details = refused(made).details
    assert {"frame", "t_s", "cue"} <= details.keys()
    assert details["t_s"] == pytest.approx(details["frame"] / 25)


@pytest.mark.parametrize("shifted", [late, early])
@pytest.mark.parametrize("by", [SHIFT + 1, 12, 25])
def test_captions_farther_off_are_caught_too(
    browser: CaptureBrowser, tmp_path: Path, by: int, shifted: Callable
):
    refused(caption(make_source(tmp_path / "a.mp4"), browser, spoken(),
                    spoiled=lambda frames: shifted(frames, by)))  # fmt: skip


# --- captions that are not there


def test_a_video_without_its_captions_is_caught(browser: CaptureBrowser, tmp_path: Path):
    made = caption(make_source(tmp_path / "a.mp4", "noise"), browser, spoken(), quality=30,
                   spoiled=without)  # fmt: skip
    assert "has no caption" in refused(made).message


def player_that(folder: Path, instead: str, of: str) -> Path:
    """The player with a fault in it."""
    shutil.copytree(PLAYER_DIR, folder)
    code = (folder / "player.js").read_text()
    assert of in code
    (folder / "player.js").write_text(code.replace(of, instead))
    return folder


def fails_to_draw(folder: Path, scenario: dict[str, Any], **options: Any) -> RenderProofFailed:
    with make_browser(**options) as browser, pytest.raises(RenderProofFailed, match="requeue") as found:
        caption(make_source(folder / "a.mp4"), browser, scenario)
    return found.value


def test_a_cue_that_is_not_drawn_is_caught_while_it_is_captured(tmp_path: Path):
    scenario = spoken()
    last = scenario["cues"][1]["id"]
    player = player_that(
        tmp_path / "player", f'if (cue.id === "{last}") element.style.opacity = "0"; this.element = element;',
        of="this.element = element;",
    )  # fmt: skip
    error = fails_to_draw(tmp_path, scenario, player_dir=player)
    assert error.details["cue"] == last


def test_a_word_that_is_not_drawn_is_caught_while_it_is_captured(tmp_path: Path):
    player = player_that(
        tmp_path / "player", 'words[2].element.style.filter = "opacity(0)"; this.element = element;',
        of="this.element = element;",
    )  # fmt: skip
    error = fails_to_draw(tmp_path, spoken(), player_dir=player)
    assert TEXT.split()[2] in error.message


def test_a_cue_that_the_player_has_lost_is_caught(browser: CaptureBrowser, tmp_path: Path):
    scenario = spoken()
    drawn = copied(scenario)
    lost = drawn["cues"].pop()
    with pytest.raises(RenderProofFailed) as found:
        caption(make_source(tmp_path / "a.mp4", seconds=8.0), browser, drawn, claimed=scenario)
    assert found.value.details["cue"] == lost["id"]


# --- captions in another font


def test_fonts_lost_in_the_middle_of_a_capture_are_caught(tmp_path: Path):
    prepare = "this.#prepare(wanted, t_s);"
    lose = 'document.querySelectorAll("link[href*=fontsource]").forEach((link) => link.remove());'
    player = player_that(tmp_path / "player", f"if (t_s > 1) {lose} {prepare}", of=prepare)
    error = fails_to_draw(tmp_path, spoken(), player_dir=player)
    assert "Roboto Flex" in error.message


def fonts_where(folder: Path, file: str, is_another: str) -> Path:
    """The caption fonts, one file of them replaced."""
    fonts = folder / "fonts"
    shutil.copytree(settings().fonts_dir / "node_modules", fonts / "node_modules", symlinks=True)
    base = fonts / "node_modules" / "@fontsource-variable"
    (base / file).unlink()
    shutil.copy(base / is_another, base / file)
    return fonts


def test_another_font_by_the_name_of_ours_is_caught(tmp_path: Path):
    fonts = fonts_where(
        tmp_path, "roboto-flex/files/roboto-flex-latin-standard-normal.woff2",
        is_another="noto-sans-hebrew/files/noto-sans-hebrew-latin-wght-normal.woff2",
    )  # fmt: skip
    assert "another font" in fails_to_draw(tmp_path, spoken(), fonts_dir=fonts).message


# --- a video that is not whole


@pytest.fixture(scope="module")
def whole(browser: CaptureBrowser, tmp_path_factory: pytest.TempPathFactory) -> Captioned:
    return caption(make_source(tmp_path_factory.mktemp("whole") / "a.mp4"), browser, spoken())


def test_a_video_cut_off_is_caught_wherever_its_index_is(whole: Captioned, tmp_path: Path):
    first = tmp_path / "index-first.mp4"
    clips.ffmpeg("-i", whole.video, "-c", "copy", "-movflags", "faststart", first)
    assert whole.prove(video=first)["moments"] >= 2
    for path in (whole.video, first):
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.9)])
        refused(whole, video=cut)


def test_a_video_that_ends_too_early_is_caught(whole: Captioned, tmp_path: Path):
    shorter = tmp_path / "shorter.mp4"
    clips.ffmpeg("-i", whole.video, "-c", "copy", "-frames:v", whole.frames - 1, shorter)
    assert refused(whole, video=shorter).details["made"] == whole.frames - 1


def test_a_wrong_length_or_size_is_caught(whole: Captioned):
    assert "length" in refused(whole, duration_s=whole.duration_s + 0.2).message
    assert "size" in refused(whole, size=(640, 360)).message


def test_an_empty_file_is_caught(whole: Captioned, tmp_path: Path):
    (tmp_path / "empty.mp4").touch()
    refused(whole, video=tmp_path / "empty.mp4")


# --- what may be told apart


def test_letters_that_stand_out_are_told_from_those_that_do_not():
    style = load_style().to_json()
    assert contrast(style, "#ffea03") > 150
    style["text"] |= {"color": "#000000"}
    assert contrast(style, "#ffea03") < 30


def test_a_frame_of_the_same_chunk_is_the_same_to_the_witness(browser: CaptureBrowser, tmp_path: Path):
    """Watching changes nothing of what is captured."""
    scenario, seen = spoken(), []

    def kept(frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            seen.append(np.frombuffer(bytes(frame.rgba), np.uint8))
            yield frame

    made = caption(make_source(tmp_path / "a.mp4"), browser, scenario, spoiled=kept)
    with browser.open(scenario, *made.size) as session:
        alone = [np.frombuffer(bytes(frame), np.uint8) for frame in session.frames(0, made.frames, made.fps)]
    assert all(np.array_equal(one, other) for one, other in zip(seen, alone, strict=True))
