"""Captions that want to be more than text are text: shown as they are, nothing run, nobody asked."""

from __future__ import annotations

import json
import logging
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from ecg.browser.capture import CaptureBrowser
from ecg.captions import Scenario
from ecg.errors import InvalidScenario, ProcessingError
from tests.browser import hostile
from tests.browser.conftest import SITE
from tests.browser.scenarios import FPS, make_scenario
from tests.media.test_malformed import opened
from tests.test_egress import Canary, listening

#: All of them, drawn one after the other; a single one takes a few hundredths of a second.
MOST_S = 120.0
_SHOW = """async (json) => {
  const scenario = JSON.parse(json); // as it comes over the network, with keys that objects have of their own
  const { createPlayer } = await import("/player/player.js");
  const stage = document.body.appendChild(document.createElement("div"));
  const before = Object.getOwnPropertyNames(Object.prototype).length;
  const player = await createPlayer(stage, scenario, { width: 640, height: 360 });
  const shown = [];
  for (const cue of scenario.cues) {
    player.seek((cue.start_s + cue.end_s) / 2);
    shown.push([stage.textContent, [...stage.querySelectorAll("*")].map(({ localName }) => localName)]);
  }
  const polluted = Object.getOwnPropertyNames(Object.prototype).length - before;
  return { shown, polluted, ran: window.ecg_was_here ?? null, scripts: document.scripts.length };
}"""


def drawable(texts: list[str]) -> list[str]:
    """Those that no check refuses beforehand."""
    kept = []
    for text in texts:
        try:
            Scenario.from_json(hostile.scenario([text]))
        except InvalidScenario:
            continue
        kept.append(text)
    return kept


@pytest.fixture
def inside() -> Any:
    with listening("127.0.0.1") as canary:
        yield canary


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "secret"


def test_there_are_a_hundred_of_them_and_nearly_all_are_drawn(bait: Path) -> None:
    texts = hostile.texts("http://127.0.0.1:9", f"file://{bait}")
    assert len(set(texts)) == len(texts) > 150
    assert len(drawable(texts)) > 150


def test_a_caption_is_shown_as_it_is_written(page: Page, inside: Canary, bait: Path) -> None:
    texts = drawable(hostile.texts(f"http://127.0.0.1:{inside.port}", f"file://{bait}"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{SITE}/")
    with opened(bait) as seen:
        found = page.evaluate(_SHOW, json.dumps(hostile.scenario(texts)))
    for text, (shown, elements) in zip(texts, found["shown"], strict=True):
        assert shown == unicodedata.normalize("NFC", text)
        assert set(elements) <= {"div", "span"}, text
    assert (found["polluted"], found["ran"], found["scripts"]) == (0, None, 0)
    assert all(url.startswith((f"{SITE}/", "data:font/")) for url in asked)
    assert not inside.visits
    assert not seen


@pytest.mark.parametrize("path", ["by_canvas", "by_screenshot"])
def test_all_of_them_are_captured_in_time_and_nobody_is_asked(
    path: str, request: pytest.FixtureRequest, inside: Canary, bait: Path, caplog: pytest.LogCaptureFixture
) -> None:
    browser: CaptureBrowser = request.getfixturevalue(path)
    texts = drawable(hostile.texts(f"http://127.0.0.1:{inside.port}", f"file://{bait}"))
    made = hostile.scenario(texts[:: 3 if path == "by_screenshot" else 1])
    started_s = time.monotonic()
    with opened(bait) as seen, caplog.at_level(logging.WARNING), browser.open(made, 640, 360) as session:
        drawn = sum(1 for _ in session.frames(0, int(made["duration_s"] * 5), FPS / 5))
    assert drawn == int(made["duration_s"] * 5)
    assert time.monotonic() - started_s < MOST_S
    assert not caplog.records
    assert not inside.visits
    assert not seen


@pytest.mark.parametrize("text", hostile.WITHOUT_GLYPHS, ids=lambda text: ascii(text[0]))
def test_what_no_font_can_write_is_refused_with_its_name(by_canvas: CaptureBrowser, text: str) -> None:
    with (
        pytest.raises(ProcessingError, match=r"No caption font has a glyph for .*U\+"),
        by_canvas.open(hostile.scenario([text]), 640, 360),
    ):
        pass


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301" * 9,
        "a" + "\u0301" * 100_000,
        "a" + "\u200d\u0301" * 20,
        "\ud800",
        "a" * 1001,
        "\x1b[31m",
        "\x00",
        " ",
        "\ufffe",
    ],
)
def test_what_nobody_writes_is_refused_at_once(text: str) -> None:
    started_s = time.monotonic()
    with pytest.raises(InvalidScenario):
        Scenario.from_json(hostile.scenario([text]))
    assert time.monotonic() - started_s < 5


def test_a_caption_that_would_take_long_to_lay_out_is_refused() -> None:
    with pytest.raises(InvalidScenario, match=r"cues\[0\]\.words: must have at most"):
        Scenario.from_json(make_scenario(["W" * 1000] * 11, cues=1))


@pytest.mark.parametrize(
    "text",
    ["👩‍" * 300 + "👩", "\u202e\u2067" * 400 + "x", ("a" + "\u0301" * 8) * 100],
    ids=["joined", "turned", "piled"],
)
def test_the_worst_that_is_let_in_is_drawn_in_time(by_canvas: CaptureBrowser, text: str) -> None:
    worst = make_scenario([text] * (10_000 // len(text)), cues=1)
    started_s = time.monotonic()
    with by_canvas.open(worst, 1280, 720) as session:
        assert sum(1 for _ in session.frames(0, 10, FPS)) == 10
    assert time.monotonic() - started_s < MOST_S


def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    *parents, last = path.split(".")

    def change(scenario: dict[str, Any]) -> None:
        for name in parents:
            scenario = scenario[int(name)] if isinstance(scenario, list) else scenario[name]
        scenario[last] = value

    return change


INJECTIONS = [
    ("style.text.color", "red"),
    ("style.text.color", "#ffd400;background:url(http://127.0.0.1/)"),
    ("style.text.color", "url(http://127.0.0.1/)"),
    ("style.text.color", "#FFF"),
    ("style.box.color", "var(--x)"),
    ("style.box.radius", "1px;x:url(//h)"),
    ("style.text.size", "1em"),
    ("style.text.size", float("nan")),
    ("style.text.size", float("inf")),
    ("style.text.size", True),
    ("style.text.size", 1e308),
    ("style.text.__proto__", {"size": 1}),
    ("style.__proto__", {"x": 1}),
    ("style.constructor", {"prototype": {"x": 1}}),
    ("__proto__", {"polluted": 1}),
    ("style.text.family", "x;} body {"),
    ("style.animation.effects", [{"name": "../../evil", "amount": 1}]),
    ("style.animation.effects", [{"name": "__proto__", "amount": 1}]),
    ("speakers.A.color", "#ffd400}"),
    ("speakers.A.__proto__", {"color": "x"}),
    ("speakers.A.url", "http://127.0.0.1"),
    ("cues.0.words.0.html", "<b>"),
    ("cues.0.words.0.__proto__", {}),
    ("cues.0.words.0.size", "1em"),
    ("cues.0.words.0.weight", 1e9),
    ("cues.0.lane", 10**9),
    ("cues.0.lines", [[10**9]]),
    ("cues.0.words", [{"text": "x", "start_s": 0.2, "end_s": 0.3}] * 1001),
    ("width", 10**9),
    ("width", "100%"),
    ("language", "\x00"),
]


@pytest.mark.parametrize(("path", "value"), INJECTIONS, ids=lambda given: str(given)[:40])
def test_a_field_that_is_not_what_it_must_be_is_refused_with_its_path(path: str, value: Any) -> None:
    scenario = json.loads(json.dumps(make_scenario()))
    put(path, value)(scenario)
    with pytest.raises(InvalidScenario) as refused:
        Scenario.from_json(scenario)
    assert refused.value.message.startswith(path.split(".")[0])
