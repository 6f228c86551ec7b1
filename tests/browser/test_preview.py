"""The preview equals the render: the page's own captions over a video, and what is captured for the film."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from ecg.captions import Scenario, compose, load_style, style_names
from tests.browser.conftest import SITE
from tests.browser.scenarios import FPS, pictures, premultiplied
from tests.captions.builders import SPEECH, make_segment, make_transcript, make_words
from tests.conftest import require

TEXTS = {
    "en": SPEECH,
    "ko": "그리고 우리는 강가를 따라 오래 걸으며 정말 많은 이야기를 나누었습니다",
    "ja": "それから 私たちは 川に沿って ゆっくりと 歩きました 本当に 楽しかった です",
    "zh": "然后 我们 沿着 河边 慢慢地 走了 很久 真的 很 开心",
    "ar": "ثم مشينا على طول النهر وتحدثنا كثيرا عن كل شيء",
    "de": "Über die Donaudampfschifffahrtsgesellschaft sagte er: \"Niemals!\" 100% 한국어 mixed",
}
SIZES = ((640, 360), (360, 640), (854, 480))
SCENARIOS, TIMES = 20, 5
_PREVIEW = """async ({ scenario, width, height }) => {
  document.body.innerHTML = `<div style="position: relative"><video muted
    style="display: block; width: ${width}px; height: ${height}px; background: black"></video></div>`;
  const video = document.querySelector("video");
  video.src = URL.createObjectURL(await (await fetch("/black.webm")).blob());
  await new Promise((resolve) => video.addEventListener("loadeddata", resolve, { once: true }));
  const { attachCaptions } = await import("/player/overlay.js");
  await attachCaptions(video, scenario).ready;
}"""
_SEEK = """(t_s) => new Promise((resolve) => {
  const video = document.querySelector("video");
  const painted = () => requestAnimationFrame(() => requestAnimationFrame(resolve));
  video.addEventListener("seeked", painted, { once: true });
  video.currentTime = t_s;
})"""


@pytest.fixture(scope="module")
def black(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("ffmpeg"), "ffmpeg is not installed")
    path = tmp_path_factory.mktemp("black") / "black.webm"
    argv = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"color=black:s=64x36:r={FPS}:d=12",
            "-c:v", "libvpx", "-g", "1", str(path)]  # fmt: skip
    subprocess.run(argv, check=True)
    return path


def scenario_of(number: int) -> Scenario:
    """One of many: all styles, languages and shapes of picture; loud, soft, high and overlapping words."""
    luck = random.Random(number)
    language = list(TEXTS)[number % len(TEXTS)]
    style = load_style(style_names()[number % len(style_names())], luck.choice([1.0, 1.0, 0.4]))
    count = len(TEXTS[language].split())
    heard = {
        "volume_db": [luck.choice([-20, -21, -19, -20, -8, -32]) for _ in range(count)],
        "pitch_hz": [luck.choice([120, 122, 118, 190, 85]) for _ in range(count)],
        "centroid_hz": [luck.choice([1500, 1480, 2600, 900]) for _ in range(count)],
    }
    first = make_segment(make_words(TEXTS[language], **heard))
    reply = make_segment(make_words("I will, believe me!", start_s=2.0), "SPEAKER_01")
    return compose(make_transcript(first, reply, language=language), style, *SIZES[number // 2 % len(SIZES)])


def frames_of_interest(scenario: Scenario, luck: random.Random) -> list[int]:
    """Moments in which words light up, pop, stand and are gone, as numbers of frames."""
    words = [word for cue in scenario.cues for word in cue.words]
    some = luck.sample(words, min(TIMES - 1, len(words)))
    return [round((word.start_s + luck.choice([0.04, 0.1, 0.2, 0.28])) * FPS) for word in some] + [
        round(luck.uniform(0, scenario.duration_s) * FPS)
    ]


def over_black(picture: np.ndarray) -> np.ndarray:
    return premultiplied(picture)[..., :3]


@pytest.mark.parametrize("number", range(SCENARIOS))
def test_the_preview_over_black_is_the_captured_overlay_over_black(
    number: int, by_canvas, page: Page, black: Path
) -> None:
    """No channel of a pixel differs by more than 2 of 255, but for one pixel in a thousand, by 48 at most."""
    scenario = scenario_of(number).to_json()
    width, height = scenario["width"], scenario["height"]
    frames = frames_of_interest(Scenario.from_json(scenario), random.Random(number))
    with by_canvas.open(scenario, width, height) as session:
        box = session.box
        taken = []
        for frame in frames:
            whole = np.zeros((height, width, 3))
            (overlay,) = pictures(session, frame, 1)
            whole[box.y : box.y + box.height, box.x : box.x + box.width] = over_black(overlay)
            taken.append(whole)
    assert sum(whole.any() for whole in taken) >= TIMES - 1, "there is nothing to compare"

    page.set_viewport_size({"width": width, "height": height})
    page.route("**/black.webm", lambda route: route.fulfill(path=black, content_type="video/webm"))
    page.goto(f"{SITE}/")
    page.evaluate(_PREVIEW, {"scenario": scenario, "width": width, "height": height})
    for frame, whole in zip(frames, taken, strict=True):
        page.evaluate(_SEEK, float(frame / FPS))
        shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(float)
        off = np.abs(shot - whole).max(axis=-1)
        assert (off > 2).mean() <= 0.001, f"frame {frame}: {(off > 2).mean():.4f} of the pixels differ"
        assert off.max() <= 48, f"frame {frame}: a pixel differs by {off.max():.0f}"
