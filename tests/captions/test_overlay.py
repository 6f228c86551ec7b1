"""Captions over a <video> in a page: the preview."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.captions.builders import make_scenario, make_segment, make_words, two_speakers
from tests.captions.conftest import PlayerPage
from tests.captions.test_player import LIT
from tests.conftest import require

_ATTACH = """async ({scenario, options}) => {
  document.body.innerHTML = '<div id="frame" style="position: relative; width: 800px; padding: 10px">' +
    '<video muted style="display: block; width: 400px; height: 400px"></video></div>';
  const video = document.querySelector('video');
  video.src = URL.createObjectURL(await (await fetch('/clip.webm')).blob());
  await new Promise((resolve) => video.addEventListener('loadeddata', resolve, { once: true }));
  const { attachCaptions } = await import('/player/overlay.js');
  window.captions = attachCaptions(video, scenario, options);
  await window.captions.ready;
}"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("ffmpeg"), "ffmpeg is not installed")
    path = tmp_path_factory.mktemp("clip") / "clip.webm"
    argv = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=gray:s=320x180:r=25:d=8", "-c:v", "libvpx",
            "-g", "25", str(path)]  # fmt: skip
    subprocess.run(argv, check=True)
    return path


@pytest.fixture
def preview(player: PlayerPage, clip: Path) -> PlayerPage:
    player.page.route("**/clip.webm", lambda route: route.fulfill(path=clip, content_type="video/webm"))
    options = {"scenario": make_scenario(*two_speakers(), width=640, height=360).to_json(), "options": {}}
    player.page.evaluate(_ATTACH, options)
    return player


def stage(player: PlayerPage) -> dict[str, float]:
    return player.page.locator(".ecg-captions").bounding_box()


def test_captions_lie_on_the_displayed_picture_without_its_bars(preview: PlayerPage) -> None:
    assert stage(preview) == {"x": 10, "y": 10 + 87.5, "width": 400, "height": 225}


def test_captions_follow_the_size_of_the_video(preview: PlayerPage) -> None:
    preview.page.evaluate("document.querySelector('video').style.width = '200px'")
    preview.page.wait_for_function(
        "document.querySelector('.ecg-captions').getBoundingClientRect().width === 200"
    )
    assert stage(preview) == {"x": 10, "y": 10 + 143.75, "width": 200, "height": 112.5}


def test_captions_show_the_time_the_video_was_moved_to(preview: PlayerPage) -> None:
    preview.page.evaluate("document.querySelector('video').currentTime = 2.9")
    preview.page.wait_for_function("document.querySelector('.ecg-cue')?.textContent.startsWith('asknot')")
    assert preview.words["not"]["color"] == LIT
    assert preview.words["what"]["color"] == "rgba(255, 255, 255, 0.9)"


def test_captions_run_with_the_video(preview: PlayerPage) -> None:
    preview.page.evaluate("document.querySelector('video').play()")
    preview.page.wait_for_function("document.querySelectorAll('.ecg-word[style*=\"scale\"]').length > 0")
    assert "And" in preview.words


def test_another_scenario_takes_the_place_of_the_first(preview: PlayerPage) -> None:
    other = make_scenario(make_segment(make_words("Something else")), width=640, height=360).to_json()
    preview.page.evaluate("document.querySelector('video').currentTime = 0.6")
    preview.page.evaluate("s => { captions.setScenario(s); return captions.setScenario(s); }", other)
    preview.page.wait_for_function("document.querySelector('.ecg-word')?.textContent === 'Something'")
    assert preview.page.locator(".ecg-captions").count() == 1


def test_readers_who_prefer_reduced_motion_see_no_pops(preview: PlayerPage) -> None:
    preview.page.emulate_media(reduced_motion="reduce")
    preview.page.wait_for_timeout(300)
    preview.page.evaluate("document.querySelector('video').currentTime = 0.6")
    preview.page.wait_for_function(f"document.querySelector('.ecg-word')?.style.color === '{LIT}'")
    assert "scale(1.1" not in preview.page.locator(".ecg-captions").inner_html()


def test_captions_taken_off_leave_nothing(preview: PlayerPage) -> None:
    preview.page.evaluate("captions.destroy()")
    assert preview.page.locator("#frame > *").count() == 1


def test_captions_that_cannot_be_shown_say_so(preview: PlayerPage) -> None:
    broken = {**make_scenario(width=640, height=360).to_json(), "version": 7}
    message = preview.page.evaluate("s => captions.setScenario(s).catch((error) => error.message)", broken)
    assert "version 1, not 7" in message
    assert preview.page.locator(".ecg-captions").count() == 1


def test_captions_laid_out_while_hidden_and_scaled_are_the_same_as_in_the_open(preview: PlayerPage) -> None:
    video, layer = "document.querySelector('video')", "document.querySelector('video').nextElementSibling"
    cue = "document.querySelector('.ecg-cue')"
    # Far enough from the start that nothing of it was laid out yet.
    preview.page.evaluate(f"{layer}.hidden = true")
    late = make_segment(make_words("And later, some other words", start_s=30)), make_segment(make_words())
    scenario = make_scenario(*late, width=640, height=360).to_json()
    preview.page.evaluate("(s) => captions.setScenario(s)", scenario)
    seek = f"() => {{ {video}.dispatchEvent(new Event('seeked')); }}"
    preview.page.evaluate(f"Object.defineProperty({video}, 'currentTime', {{ value: 31, writable: true }})")
    preview.page.evaluate(seek)
    preview.page.wait_for_function(f"{cue}?.textContent.includes('later')")
    preview.page.evaluate(f"{layer}.hidden = false")
    hidden = preview.page.evaluate(f"{cue}.outerHTML")
    preview.page.goto(preview.page.url)
    preview.load(scenario)
    preview.seek(31)
    assert hidden == preview.page.evaluate(f"{cue}.outerHTML")
