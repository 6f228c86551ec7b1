"""What a reader does with the page, from signing up to a captioned video on disk."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import create_engine, text

from tests.conftest import LiveStack
from tests.web_page.conftest import PASSWORD, sign_up, upload

ANALYSIS_MS = 120_000
RENDER_MS = 180_000
#: How far a channel of a pixel may be from the colour looked for: the picture is scaled and smoothed.
CLOSE = 40


def test_a_clip_becomes_captions_over_the_video_and_a_file_to_download(
    visit: Callable[..., Page], clip: Path, tmp_path: Path
) -> None:
    page = visit()
    sign_up(page)
    upload(page, clip)

    seen = progress_until(page, page.locator(".transcript-text .word").first, ANALYSIS_MS)
    assert seen == sorted(seen)
    assert len(set(seen)) >= 2, seen

    word = page.locator(".transcript-text .word").nth(1)
    word.click()
    assert abs(video_time(page) - float(word.get_attribute("data-start"))) < 0.05
    expect(word).to_have_class(re.compile("is-now"))
    expect(page.locator(".badge-draft, .engine").first).to_be_visible()
    page.locator(".transcript-text .word").nth(3).click()
    assert_captions_are_seen(page)
    assert_voice_is_plotted(page)

    page.get_by_role("button", name="Render video").click()
    drawn = progress_until(page, page.locator(".render-screen video"), RENDER_MS)
    assert drawn == sorted(drawn)
    file = download(page, tmp_path / "captioned.mp4")
    assert_is_video_with_sound(file, width=640, height=360)


def test_captions_move_on_while_the_video_plays(visit: Callable[..., Page], clip: Path) -> None:
    page = visit()
    sign_up(page)
    upload(page, clip)
    expect(page.locator(".transcript-text .word").first).to_be_visible(timeout=ANALYSIS_MS)

    page.get_by_role("button", name="Play", exact=True).click()

    spoken, lit = set(), set()
    deadline = time.monotonic() + 20
    while len(spoken) < 3 and time.monotonic() < deadline:
        spoken.update(page.locator(".word.is-now").all_inner_texts())
        lit.update(page.locator(".ecg-word[style*='rgb']").all_inner_texts())
    assert len(spoken) >= 3
    assert spoken & lit


def test_strength_zero_makes_the_captions_of_the_preview_plain(
    visit: Callable[..., Page], clip: Path
) -> None:
    page = visit()
    sign_up(page)
    upload(page, clip)
    words = page.locator(".transcript-text .word")
    expect(words.first).to_be_visible(timeout=ANALYSIS_MS)
    words.nth(3).click()
    first = page.locator(".ecg-word").first
    expect(first).to_be_visible()
    coloured = color_of(first)

    page.get_by_label("Strength").fill("0")

    expect(first).not_to_have_css("color", coloured)
    red, green, blue = channels(color_of(first))[:3]
    assert red == green == blue


def test_a_file_that_is_no_media_gets_a_sentence_that_helps(
    visit: Callable[..., Page], tmp_path: Path
) -> None:
    broken = tmp_path / "holiday.mp4"
    broken.write_bytes(bytes(range(256)) * 200)
    page = visit()
    sign_up(page)
    upload(page, broken)

    panel = page.get_by_role("alert")
    expect(panel).to_be_visible(timeout=ANALYSIS_MS)
    expect(panel).to_contain_text("INVALID_MEDIA")
    expect(panel).to_contain_text("Upload a video or sound file in which someone speaks")
    assert len(panel.locator(".error-sentence").inner_text()) > 20
    panel.get_by_role("link", name="Upload another file").click()
    expect(page.locator(".badge-failed")).to_be_visible()


def test_a_link_that_leads_inside_is_refused_with_its_reason(visit: Callable[..., Page]) -> None:
    page = visit()
    sign_up(page)
    page.get_by_label("Or a link: a file, or a video’s page").fill("http://localhost/secret.mp4")
    page.get_by_role("button", name="Fetch").click()

    panel = page.get_by_role("alert")
    expect(panel).to_be_visible(timeout=ANALYSIS_MS)
    expect(panel).to_contain_text("only public web addresses are fetched")
    expect(page.get_by_role("button", name="Make captions")).to_have_count(0)
    panel.get_by_role("link", name="Upload another file").click()
    expect(page.locator(".badge-failed")).to_be_visible()


def test_the_page_speaks_the_reader_s_language_and_changes_it_at_once(visit: Callable[..., Page]) -> None:
    page = visit(locale="ko-KR")
    sign_up(page, "계정 만들기")
    expect(page.locator("h1")).to_have_text("내 영상")

    page.get_by_role("button", name="English").click()

    expect(page.locator("h1")).to_have_text("Your videos")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert not re.search("[가-힣]", page.locator("main").inner_text())


def test_a_render_whose_answer_is_lost_is_started_once(visit: Callable[..., Page], clip: Path) -> None:
    (page, _), keys = analysed(visit, clip), []

    def lossy(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/api/render/create", lossy)
    page.get_by_role("button", name="Render video").click()
    expect(page.locator(".render-row")).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert len(keys) == 2
    assert len(set(keys)) == 1

    page.reload()
    expect(page.locator(".render-row")).to_have_count(1)
    page.get_by_role("button", name="Render video").click()
    expect(page.locator(".render-row")).to_have_count(2)
    assert len(set(keys)) == 2, "another render has another key"


def test_a_used_up_allowance_is_told_in_both_languages(
    visit: Callable[..., Page], clip: Path, stack: LiveStack
) -> None:
    page, email = analysed(visit, clip)
    use_up_today(stack, email)
    page.get_by_role("button", name="Render video").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("You have started 10 renders today, which is the most. The next one")
    expect(alert).to_contain_text("QUOTA_EXCEEDED")

    page.get_by_role("button", name="한국어").click()

    expect(alert).to_contain_text("오늘 렌더링 한도 10개를 모두 썼습니다.")


def test_a_reload_keeps_the_reader_signed_in_with_one_use_of_the_refresh_token(
    visit: Callable[..., Page],
) -> None:
    page = visit()
    sign_up(page)
    refreshes: list[str] = []
    page.on("request", lambda request: "/auth/refresh" in request.url and refreshes.append(request.url))

    page.reload()

    expect(page.locator(".drop")).to_be_visible()
    expect(page.locator(".empty")).to_be_visible()
    assert len(refreshes) == 1


def test_a_wrong_password_is_told_beside_the_form(visit: Callable[..., Page]) -> None:
    page = visit()
    email = sign_up(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD + "!")
    page.locator("form").get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("UNAUTHORIZED")
    expect(page.get_by_label("Email")).to_have_value(email)


def test_nothing_sticks_out_of_a_narrow_phone(visit: Callable[..., Page], clip: Path) -> None:
    page = visit(viewport={"width": 360, "height": 740})
    assert overhang(page) <= 0
    sign_up(page)
    assert overhang(page) <= 0
    upload(page, clip)
    expect(page.locator(".transcript-text .word").first).to_be_visible(timeout=ANALYSIS_MS)
    assert overhang(page) <= 0


def analysed(visit: Callable[..., Page], clip: Path) -> tuple[Page, str]:
    """A page that shows a clip's captions, and whose it is."""
    page = visit()
    email = sign_up(page)
    upload(page, clip)
    expect(page.locator(".transcript-text .word").first).to_be_visible(timeout=ANALYSIS_MS)
    return page, email


def use_up_today(stack: LiveStack, email: str) -> None:
    """As ten renders do."""
    engine = create_engine(stack.database_url)
    with engine.begin() as connection:
        connection.execute(text("""
            INSERT INTO quotas (user_id, resource, period, used)
            SELECT id, 'renders', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 10
            FROM users WHERE email = :email
        """), {"email": email})  # fmt: skip
    engine.dispose()


def progress_until(page: Page, goal: Locator, timeout_ms: float) -> list[int]:
    """What the progress bar said, time after time, until ``goal`` was there."""
    seen: list[int] = []
    bar = page.locator(".job-progress [role=progressbar]")
    deadline = time.monotonic() + timeout_ms / 1000
    while not goal.is_visible():
        assert time.monotonic() < deadline, f"stood at {seen[-1:]}: {page.locator('main').inner_text()}"
        seen += [int(now) for now in bar.evaluate_all("bars => bars.map((bar) => bar.ariaValueNow)")]
        page.wait_for_timeout(50)
    return seen


def assert_captions_are_seen(page: Page) -> None:
    """Spoken words lie in their box over the video, in the speaker's colour, and one sees both."""
    page.locator(".stage").scroll_into_view_if_needed()
    video, cue = (page.locator(place).bounding_box() for place in (".screen video", ".ecg-cue"))
    assert within(cue, video, slack=1)
    lit = page.locator(".ecg-word[style*='rgb']")
    expect(lit.first).to_be_visible()
    words = [word.bounding_box() for word in page.locator(".ecg-word").all()]
    assert all(within(word, cue, slack=6) for word in words)
    line = max(word["x"] + word["width"] for word in words) - min(word["x"] for word in words)
    assert cue["width"] - line < 2 * max(word["height"] for word in words), "the box does not fit its words"
    color = page.locator(".swatch").first.evaluate("swatch => getComputedStyle(swatch).backgroundColor")
    captions = pixels(page, cue)
    page.get_by_role("button", name="Captions", exact=True).click()
    bare = pixels(page, cue)
    page.get_by_role("button", name="Captions", exact=True).click()
    assert near(captions, channels(color)[:3]) * len(captions) > 100
    assert near(captions, [0, 0, 0]) > near(bare, [0, 0, 0]) + 0.3


def assert_voice_is_plotted(page: Page) -> None:
    """The plot has ink of more than one colour, says in words what it shows, and leads to a time."""
    canvas = page.locator(".plot-canvas")
    kinds = canvas.evaluate("""canvas => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }""")
    assert kinds > 10
    page.get_by_text("As text").click()
    expect(page.locator(".plot-words")).to_contain_text("Hz")
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] / 2, "y": 40})
    length_s = page.locator(".screen video").evaluate("video => video.duration")
    assert abs(video_time(page) - length_s / 2) < 0.3


def download(page: Page, to: Path) -> Path:
    with page.expect_download() as expected:
        page.get_by_role("button", name="Download", exact=True).click()
    assert expected.value.suggested_filename.endswith(".mp4")
    expected.value.save_as(to)
    return to


def assert_is_video_with_sound(path: Path, width: int, height: int) -> None:
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-of", "json", path], check=True, capture_output=True
    )
    streams = {stream["codec_type"]: stream for stream in json.loads(probe.stdout)["streams"]}
    assert (streams["video"]["codec_name"], streams["video"]["width"], streams["video"]["height"]) == (
        "h264", width, height)  # fmt: skip
    assert "audio" in streams


def pixels(page: Page, clip: dict[str, Any]) -> np.ndarray:
    """What is seen in a rectangle of the page: (pixels, 3), 0..255."""
    png = page.screenshot(clip=clip)
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "png_pipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        input=png, check=True, capture_output=True,
    ).stdout  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(-1, 3).astype(int)


def near(picture: np.ndarray, color: list[float]) -> float:
    """The share of pixels that are close to a colour."""
    return float((np.abs(picture - color).max(axis=1) < CLOSE).mean())


def within(inner: dict[str, Any], outer: dict[str, Any], slack: float) -> bool:
    return (
        inner["x"] >= outer["x"] - slack
        and inner["y"] >= outer["y"] - slack
        and inner["x"] + inner["width"] <= outer["x"] + outer["width"] + slack
        and inner["y"] + inner["height"] <= outer["y"] + outer["height"] + slack
    )


def video_time(page: Page) -> float:
    return page.locator(".screen video").evaluate("video => video.currentTime")


def color_of(element: Locator) -> str:
    return element.evaluate("element => getComputedStyle(element).color")


def channels(color: str) -> list[float]:
    """``rgb(255, 212, 0)`` as numbers."""
    return [float(number) for number in re.findall(r"[\d.]+", color)]


def overhang(page: Page) -> int:
    """CSS pixels by which the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
