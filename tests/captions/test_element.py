"""`<ecg-captions>`: captions over a video of any page, with nothing but markup and one module."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecg.captions import Scenario
from tests.captions.builders import make_scenario, two_speakers
from tests.captions.conftest import PlayerPage
from tests.captions.test_overlay import clip  # noqa: F401 - a fixture
from tests.captions.test_player import LIT

PAGE = """<style>body { margin: 20px; font: italic 900 30px/3 serif; letter-spacing: 4px; word-spacing: 9px; }
  video { display: block; width: 320px; height: 180px; }</style>
<p>Not positioned, and in a font of its own.</p>
<div><video muted></video>MARKUP</div>
<div><video muted id="other"></video></div>"""


@pytest.fixture
def site(player: PlayerPage, clip: Path) -> PlayerPage:  # noqa: F811
    scenario = make_scenario(*two_speakers(), width=640, height=360).to_json()
    scenario["speakers"]["SPEAKER_00"]["name"] = "Kennedy"
    player.page.route("**/clip.webm", lambda route: route.fulfill(path=clip, content_type="video/webm"))
    player.page.route("**/talk.json", lambda route: route.fulfill(json=scenario))
    player.page.route("**/broken.json", lambda route: route.fulfill(json={**scenario, "version": 7}))
    player.page.route("**/missing.json", lambda route: route.fulfill(status=404))
    player.page.set_default_timeout(8000)
    return player


def show(site: PlayerPage, markup: str = '<ecg-captions src="/talk.json"></ecg-captions>') -> None:
    """Write the page, import the module, and wait until captions are ready or have failed."""
    site.page.evaluate(
        """async (html) => {
          document.body.innerHTML = html;
          window.element = document.querySelector('ecg-captions');
          window.told = [];
          window.next = (name) => new Promise((done) => element.addEventListener(name, done, { once: true }));
          const clip = URL.createObjectURL(await (await fetch('/clip.webm')).blob());
          for (const video of document.querySelectorAll('video')) {
            video.src = clip;
            await new Promise((done) => video.addEventListener('loadeddata', done, { once: true }));
          }
          for (const name of ['ready', 'error']) {
            element.addEventListener(name, (event) => told.push([name, event.detail?.message ?? null]));
          }
          const settled = Promise.race([next('ready'), next('error')]);
          await import('/player/element.js');
          await settled;
        }""",
        PAGE.replace("MARKUP", markup),
    )


def change(site: PlayerPage, statement: str) -> None:
    """Run ``statement`` on ``element`` and wait until captions are ready again."""
    site.page.evaluate(f"async () => {{ const ready = next('ready'); {statement}; await ready; }}")


def go_to(site: PlayerPage, t_s: float, text: str, video: str = "video") -> None:
    site.page.evaluate("([v, t]) => { document.querySelector(v).currentTime = t; }", [video, t_s])
    site.page.wait_for_function(
        "(text) => [...document.querySelectorAll('.ecg-word')].some((w) => w.textContent === text)", arg=text
    )


def test_captions_stand_on_the_video_before_the_element(site: PlayerPage) -> None:
    show(site)
    go_to(site, 3.0, "not")
    assert site.page.evaluate("told") == [["ready", None]]
    video = site.page.locator("video").first.bounding_box()
    assert site.page.locator(".ecg-captions").bounding_box() == video
    assert site.words["not"]["color"] == LIT
    cue = site.page.locator(".ecg-cue").bounding_box()
    assert video["y"] < cue["y"]
    assert cue["y"] + cue["height"] < video["y"] + video["height"]


def test_captions_look_as_they_do_elsewhere_whatever_the_page_is_set_in(site: PlayerPage) -> None:
    show(site)
    go_to(site, 3.0, "not")
    measure = "(cue) => [cue.outerHTML, cue.offsetWidth, cue.offsetHeight]"
    on_page = site.page.locator(".ecg-cue").evaluate(measure)
    site.page.goto(site.page.url)
    site.load(make_scenario(*two_speakers(), width=640, height=360))
    site.seek(3.0)
    alone = site.page.locator(".ecg-cue").evaluate(measure)
    assert on_page == alone


def test_for_names_another_video_and_may_be_changed(site: PlayerPage) -> None:
    show(site, '<ecg-captions for="other" src="/talk.json"></ecg-captions>')
    go_to(site, 3.0, "not", "#other")
    other = site.page.locator("#other").bounding_box()
    assert site.page.locator(".ecg-captions").bounding_box() == other
    change(site, "element.for = null")
    assert site.page.locator(".ecg-captions").count() == 1
    assert site.page.locator(".ecg-captions").bounding_box() != other


def test_the_viewers_strength_and_size_change_what_is_shown(site: PlayerPage) -> None:
    show(site)
    go_to(site, 3.0, "not")
    assert site.words["not"]["size"] > 30
    change(site, "element.strength = 0")
    assert {word["size"] for word in site.words.values()} == {18}
    change(site, "element.size = 1.5")
    assert {word["size"] for word in site.words.values()} == {27}
    change(site, "element.setAttribute('size', '99')")
    (largest,) = {word["size"] for word in site.words.values()}
    assert 45 < largest <= 54  # three times, or as much as the picture has room for
    change(site, "element.setAttribute('size', 'huge')")
    assert {word["size"] for word in site.words.values()} == {18}


def test_larger_text_gets_more_lines_and_stays_in_the_picture(site: PlayerPage) -> None:
    show(site, '<ecg-captions src="/talk.json" strength="0" size="2.5"></ecg-captions>')
    go_to(site, 3.0, "not")
    assert {word["size"] for word in site.words.values()} == {45}
    assert site.page.locator(".ecg-line").count() == 2  # of one
    picture, cue = (site.page.locator(name).bounding_box() for name in (".ecg-captions", ".ecg-cue"))
    assert cue["x"] >= picture["x"]
    assert cue["x"] + cue["width"] <= picture["x"] + picture["width"]
    inside = site.page.evaluate(
        """() => [...document.querySelectorAll('.ecg-word')].every((word) => {
          const [w, b] = [word, word.closest('.ecg-cue')].map((e) => e.getBoundingClientRect());
          return w.left >= b.left && w.right <= b.right && w.top >= b.top && w.bottom <= b.bottom;
        })"""
    )
    assert inside


def test_motion_is_reduced_as_the_attribute_or_else_the_system_says(site: PlayerPage) -> None:
    site.page.emulate_media(reduced_motion="reduce")
    show(site)
    seen = []
    for statement in ("", "element.reducedMotion = false", "element.reducedMotion = true"):
        if statement:
            change(site, statement)
        go_to(site, 0.6, "And")
        site.page.wait_for_function("document.querySelector('.ecg-word').style.color !== ''")
        seen.append("scale(" in site.page.locator(".ecg-captions").inner_html())
    assert seen == [False, True, False]


def test_a_screen_reader_finds_the_text_in_one_piece_and_is_not_talked_over(site: PlayerPage) -> None:
    show(site)
    go_to(site, 3.0, "not")
    snapshot = site.page.locator("div:has(> ecg-captions)").aria_snapshot()
    assert 'group "Captions": "Kennedy: ask not what your country can do for you."' in snapshot
    assert snapshot.count("country") == 1
    assert site.page.get_attribute("ecg-captions", "aria-live") == "off"
    change(site, "element.announce = true")
    assert site.page.get_attribute("ecg-captions", "aria-live") == "polite"


def test_captions_take_neither_the_focus_nor_a_click(site: PlayerPage) -> None:
    show(site)
    go_to(site, 3.0, "not")
    assert site.page.evaluate(
        """() => [...document.querySelectorAll('ecg-captions, ecg-captions *, [aria-hidden] *')]
          .every((e) => e.tabIndex === -1)"""
    )
    cue = site.page.locator(".ecg-cue").bounding_box()
    x, y = cue["x"] + cue["width"] / 2, cue["y"] + cue["height"] / 2
    assert site.page.evaluate("([x, y]) => document.elementFromPoint(x, y).tagName", [x, y]) == "VIDEO"


def test_hiding_or_removing_the_element_takes_its_captions_away(site: PlayerPage) -> None:
    show(site)
    go_to(site, 3.0, "not")
    site.page.evaluate("element.hidden = true")
    site.page.wait_for_function("document.querySelector('.ecg-captions') === null")
    assert site.page.evaluate("element.textContent") == ""
    change(site, "element.hidden = false")
    assert site.page.locator(".ecg-cue").count() == 1
    site.page.evaluate("element.remove()")
    assert site.page.locator(".ecg-captions").count() == 0


def test_a_scenario_may_be_given_as_data(site: PlayerPage) -> None:
    show(site)
    scenario = make_scenario(*two_speakers(), width=640, height=360)
    changed = Scenario.from_json(scenario.to_json()).to_json()
    changed["cues"][0]["words"][0]["text"] = "But"
    give = "async (s) => { const ready = next('ready'); element.scenario = s; await ready; }"
    site.page.evaluate(give, changed)
    go_to(site, 0.6, "But")


@pytest.mark.parametrize(("markup", "message"), [
    ('<ecg-captions src="/missing.json"></ecg-captions>', "/missing.json could not be loaded (404)"),
    ('<ecg-captions src="/broken.json"></ecg-captions>', "version 1, not 7"),
    ('<ecg-captions for="nobody" src="/talk.json"></ecg-captions>', "no video"),
])  # fmt: skip
def test_captions_that_cannot_be_shown_are_an_event(site: PlayerPage, markup: str, message: str) -> None:
    show(site, markup)
    [(name, said)] = site.page.evaluate("told")
    assert name == "error"
    assert message in said
    assert site.page.locator(".ecg-captions").count() == 0
