"""Own styles, caption files in and out, and how readable captions are, as a reader meets them in the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from tests.client import Client
from tests.conftest import LiveStack
from tests.spoken import SENTENCE
from tests.web_page.conftest import PASSWORD
from tests.web_page.test_page_flow import ANALYSIS_MS, channels, color_of, video_time

#: The second caption has some 90 characters in a second: far too many to read.
CAPTIONS = """1
00:00:00,300 --> 00:00:02,300
The quick brown fox

2
00:00:02,600 --> 00:00:03,600
immediately afterwards unquestionably overtakes the extraordinarily unenthusiastic bulldogs
"""


@dataclass(frozen=True)
class Captioned:
    """A video with captions, and whose it is."""

    owner: Client
    video_id: str


@pytest.fixture(scope="module")
def captioned(stack: LiveStack, clip: Path) -> Captioned:
    return captioned_video(stack, clip)


def captioned_video(stack: LiveStack, clip: Path) -> Captioned:
    """Its words come from a file, so that they are known."""
    owner = Client(stack.url)
    video_id = owner.upload(clip)
    owner.done(owner.analyze(video_id, captions=CAPTIONS, language="en"))
    return Captioned(owner, video_id)


@pytest.fixture
def opened(visit: Callable[..., Page], stack: LiveStack, captioned: Captioned) -> Page:
    for style in own_styles(captioned.owner):
        captioned.owner.http.delete(f"{stack.url}/api/styles/{style['name']}", timeout=30).raise_for_status()
    return opened_by_owner(visit(), stack, captioned)


def opened_by_owner(page: Page, stack: LiveStack, captioned: Captioned) -> Page:
    """The page with the view of a video, its owner signed in."""
    page.locator(".form-other .link").click()
    page.locator("input[name=email]").fill(captioned.owner.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form button[type=submit]").click()
    expect(page.locator(".drop")).to_be_visible()
    page.goto(f"{stack.url}/#/videos/{captioned.video_id}")
    expect(page.locator(".transcript-text .word").first).to_be_visible()
    return page


def test_styles_are_chosen_with_the_keyboard(opened: Page) -> None:
    opened.get_by_role("radio", name="Intention").focus()

    with opened.expect_request(re.compile(r"/scenario\?style=broadcast")):
        opened.keyboard.press("ArrowDown")

    expect(opened.get_by_role("radio", name="Broadcast")).to_be_checked()
    expect(opened.get_by_role("radio", name="Broadcast")).to_be_focused()
    assert opened.get_by_role("radio").count() >= 6


def test_a_style_of_one_s_own_is_kept_used_and_deleted(opened: Page, captioned: Captioned) -> None:
    page, title = opened, "Plain & <b>quiet</b>"
    page.locator(".transcript-text .word").nth(2).click()
    word = page.locator(".ecg-word").nth(0)
    expect(word).to_be_visible()
    assert is_coloured(word)
    page.get_by_label("Strength").fill("0")
    keep(page, title)

    expect(own_style(page, title)).to_be_checked()
    expect(page.get_by_role("status").filter(has_text="is saved and chosen")).to_contain_text(title)
    expect(page.get_by_label("Strength")).to_have_value("1")
    asked = render_asked(page)
    assert (asked["style"], asked["strength"]) == ("plain-b-quiet-b", 1)

    page.reload()
    page.locator(".transcript-text .word").nth(2).click()
    expect(word).to_be_visible()
    assert is_coloured(word), "the default is chosen after a reload"
    page.locator(".style-choice", has_text=title).click()
    coloured = color_of(word)
    expect(word).not_to_have_css("color", coloured)
    assert not is_coloured(word)

    page.get_by_role("button", name=f"Delete the style {title}").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(own_style(page, title)).to_have_count(0)
    expect(page.get_by_role("radio", name="Intention")).to_be_checked()
    expect(page.get_by_role("radio", name="Intention")).to_be_focused()
    expect(word).to_have_css("color", coloured)
    assert not own_styles(captioned.owner)


def test_a_korean_name_becomes_a_name_that_styles_may_have_and_the_same_one_replaces_it(
    opened: Page, captioned: Captioned
) -> None:
    keep(opened, "나의 자막")
    expect(own_style(opened, "나의 자막")).to_be_checked()
    opened.get_by_label("Strength").fill("0.5")
    keep(opened, "나의 자막", hint="This replaces your style of that name")
    expect(opened.get_by_role("status").filter(has_text="is saved")).to_be_visible()
    keep(opened, "Pop")
    expect(own_style(opened, "Pop").last).to_be_checked()

    own = {style["name"]: style["title"] for style in own_styles(captioned.owner)}

    assert own == {"my-style-1": "나의 자막", "pop-2": "Pop"}
    kept, whole = (
        captioned.owner.get(f"/api/styles/{name}").json()["size"] for name in ("my-style-1", "intention")
    )
    assert kept["above"] - kept["rest"] == pytest.approx((whole["above"] - whole["rest"]) / 2)


def test_colours_that_are_hard_to_read_are_told_when_a_style_is_kept(
    opened: Page, stack: LiveStack, captioned: Captioned
) -> None:
    style = captioned.owner.get("/api/styles/minimal").json()
    style["palette"]["main"] = [f"#40404{digit}" for digit in range(6)]
    grey = {**style, "name": "grey", "title": "Grey"}
    captioned.owner.http.put(f"{stack.url}/api/styles/grey", json=grey, timeout=30).raise_for_status()
    opened.reload()
    opened.locator(".style-choice", has_text="Grey").click()

    keep(opened, "Darker")

    warnings = opened.locator(".keep-told .warnings li")
    expect(warnings).to_have_count(5)
    expect(warnings.first).to_contain_text("#404040")
    expect(warnings.last).to_contain_text(re.compile(r"and \d+ more"))
    opened.get_by_label("Strength").fill("0.5")
    expect(warnings).to_have_count(0)


def test_captions_are_downloaded_in_the_style_and_strength_chosen(opened: Page, tmp_path: Path) -> None:
    srt = downloaded(opened, "SRT", tmp_path)
    assert srt.count(" --> ") >= 2
    assert words_of(srt) == shown_words(opened) == words_of(CAPTIONS)

    opened.locator(".style-choice", has_text="Karaoke").click()
    opened.get_by_label("Strength").fill("0.5")
    style = json.loads(downloaded(opened, "JSON", tmp_path))["style"]

    assert style["name"] == "karaoke"
    assert style["text"]["tint"] == 0.5


def test_findings_are_told_in_the_reader_s_language_and_lead_to_their_caption(opened: Page) -> None:
    panel = opened.get_by_role("region", name="Readability")
    finding = panel.get_by_role("button", name="To read this caption takes").first
    expect(finding).to_be_visible()
    expect(panel.get_by_role("status")).to_contain_text(re.compile(r"\d+% of \d+ captions keep"))

    finding.click()

    minutes, seconds = finding.locator(".finding-time").inner_text().split(":")
    assert abs(video_time(opened) - (60 * int(minutes) + float(seconds))) < 0.11
    assert 1.5 < video_time(opened) < 3
    expect(opened.locator(".screen")).to_be_in_viewport()
    expect(panel.locator(".badge-error")).to_have_count(0)
    panel.get_by_label("Limits of").select_option("netflix")
    expect(panel.locator(".badge-error").first).to_be_visible()
    opened.get_by_role("button", name="한국어").click()
    panel = opened.get_by_role("region", name="가독성")
    expect(panel.locator(".finding", has_text="이 자막은 초당").first).to_be_visible()
    assert not re.search("[A-Za-z]{4,}", panel.inner_text())


def test_many_findings_are_cut_short_and_none_are_a_sentence(opened: Page) -> None:
    opened.route("**/quality?*", lambda route: route.fulfill(json=report_of(
        [("gap", "error")] * 2 + [("line_length", "warning")] * 28) if "netflix" in route.request.url
        else report_of([])))  # fmt: skip
    panel = opened.get_by_role("region", name="Readability")
    panel.get_by_label("Limits of").select_option("netflix")

    expect(panel.locator(".finding")).to_have_count(8)
    expect(panel.locator(".finding", has_text="<img src=x>")).to_have_count(8)
    expect(panel).to_contain_text("and 22 more")
    expect(panel.locator("h3")).to_have_text(["Gap between captions 2 broken", "Length of lines 28 to check"])

    panel.get_by_label("Limits of").select_option("bbc")
    expect(panel.get_by_role("status")).to_have_text("All captions (40) keep to every limit")
    expect(panel.locator(".finding")).to_have_count(0)


def test_the_words_of_a_caption_file_replace_those_of_the_analysis(
    visit: Callable[..., Page], stack: LiveStack, clip: Path
) -> None:
    page = opened_by_owner(visit(), stack, captioned_video(stack, clip))
    file = "WEBVTT\n\n00:00.500 --> 00:02.000\n<v Ann>Now & then\n\n00:02.500 --> 00:04.000\n<v Bob>new words"

    choose_captions(page, "other.vtt", file.encode())

    expect(page.locator(".transcript-text .word", has_text="new")).to_be_visible(timeout=ANALYSIS_MS)
    assert shown_words(page) == ["Now", "&", "then", "new", "words"]
    expect(page.locator(".legend-name")).to_have_text(["Ann", "Bob"])
    expect(page.locator(".notes")).to_contain_text("Words from a caption file (VTT)")


def test_where_the_voice_deviates_from_a_script_is_told_under_its_words(
    visit: Callable[..., Page], stack: LiveStack, clip: Path
) -> None:
    owner = Client(stack.url)
    video_id = owner.upload(clip)
    script = SENTENCE.replace("dog", "elephant")
    owner.done(owner.analyze(video_id, script=script, language="en", engine="offline"))
    page = opened_by_owner(visit(), stack, Captioned(owner, video_id))

    expect(page.locator(".word.is-doubted")).to_have_text(["elephant"])
    expect(page.locator(".segment-marks")).to_have_text("Something else is said for: “elephant”")
    page.get_by_role("button", name="한국어").click()
    expect(page.locator(".segment-marks")).to_have_text("다르게 말한 단어: “elephant”")


def test_a_file_that_is_no_caption_file_gets_a_sentence(opened: Page) -> None:
    notes = opened.locator(".notes")

    choose_captions(opened, "broken.srt", b"1\n00:00:01,000 --> 00:0x:02,000\nHello\n")
    expect(notes.get_by_role("alert")).to_contain_text("Line 2")
    expect(notes.get_by_role("alert")).to_contain_text("INVALID_SCENARIO")

    choose_captions(opened, "old.srt", "1\n00:00:01,000 --> 00:00:02,000\n안녕하세요\n".encode("cp949"))
    expect(notes.get_by_role("alert")).to_contain_text("save it with the encoding UTF-8")

    choose_captions(opened, "film.srt", bytes(5_000_001))
    expect(notes.get_by_role("alert")).to_contain_text("the most is 5 MB")
    assert shown_words(opened) == words_of(CAPTIONS)


def test_styles_findings_and_files_fit_a_narrow_phone(
    visit: Callable[..., Page], stack: LiveStack, captioned: Captioned
) -> None:
    page = opened_by_owner(visit(viewport={"width": 360, "height": 740}), stack, captioned)
    title = "Averyveryverylongnamewithoutanyspace" * 2
    keep(page, title)
    expect(own_style(page, title)).to_be_checked()
    expect(page.locator(".finding").first).to_be_visible()

    page.get_by_role("button", name=f"Delete the style {title}").click()

    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(own_style(page, title)).to_have_count(0)


def keep(page: Page, title: str, hint: str = "The style chosen above") -> None:
    """Save the style and strength of now."""
    page.get_by_role("button", name="Save as my style").click()
    expect(page.get_by_label("Name of your style")).to_be_focused()
    page.get_by_label("Name of your style").fill(title)
    expect(page.locator("#keep-hint")).to_contain_text(hint)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name of your style")).to_be_hidden()


def own_styles(owner: Client) -> list[dict[str, str]]:
    return [style for style in owner.get("/api/styles").json() if style["saved"]]


def words_of(srt: str) -> list[str]:
    """Numbers and times begin with a digit, words here do not."""
    return re.sub(r"(?m)^\d.*$", "", srt).split()


def shown_words(page: Page) -> list[str]:
    return page.locator(".transcript-text .word").all_inner_texts()


def own_style(page: Page, title: str) -> Locator:
    return page.get_by_role("group", name="Your own").get_by_role("radio", name=title)


def is_coloured(word: Locator) -> bool:
    red, green, blue = channels(color_of(word))[:3]
    return not red == green == blue


def render_asked(page: Page) -> dict[str, Any]:
    """What the page asks for when a render is started; none is."""
    asked: list[Any] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(status=409, json={"error": {"code": "CONFLICT", "message": "Not now.", "details": {}}})

    page.route("**/api/render/create", refuse)
    page.get_by_role("button", name="Render video").click()
    expect(page.get_by_role("alert")).to_contain_text("Not now.")
    return asked[0]


def downloaded(page: Page, name: str, folder: Path) -> str:
    """The text of the caption file that a button hands over."""
    with page.expect_download() as expected:
        page.locator(".file-format", has_text=name).click()
    assert expected.value.suggested_filename == f"fox.{name.lower()}"
    expected.value.save_as(folder / name)
    return (folder / name).read_text()


def choose_captions(page: Page, name: str, content: bytes) -> None:
    file: FilePayload = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.get_by_label("Use a caption file").set_input_files(file)


def report_of(rules: list[tuple[str, str]]) -> dict[str, object]:
    """A quality report of 40 captions with one finding each of these rules."""
    message = dict.fromkeys(("en", "ko"), "<img src=x>")
    found = [
        {"rule": rule, "severity": severity, "start_s": index, "message": message}
        for index, (rule, severity) in enumerate(rules)
    ]
    return {"summary": {"cues": 40, "clean_share": 1 - len(found) / 40}, "findings": found}
