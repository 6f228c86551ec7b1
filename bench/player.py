"""How the player bears a long film: 2 hours, 20,000 words, against a minute of the same talk.

``open_ms``: from the scenario to the first captions on screen, fonts already loaded. ``frame_ms``: one
frame of playing on at 60 frames a second, its layout included. ``jump_ms``: a seek to anywhere.
``render_ms``: what only a render asks for, the box around everything ever drawn. The targets are a
second to open and a frame's time, 16.7 ms, for 99 of 100 frames.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, Route, ViewportSize, sync_playwright

from ecg.browser.chromium import find_chromium
from ecg.captions import PLAYER_DIR, compose, load_style
from ecg.config import settings
from ecg.transcript import Features, Segment, Transcript, Word

LONG_S, SHORT_S = 7200, 60
WORDS_PER_S = 20_000 / LONG_S
SIZE: ViewportSize = {"width": 1280, "height": 720}
OPEN_TARGET_MS, FRAME_TARGET_MS = 1000, 1000 / 60
SITE = "http://player.bench"
TEXT = ("and so it happened that nobody had seen the old lighthouse keeper since Tuesday evening when he "
        "rowed out alone to look after the lamp, which had gone dark.")  # fmt: skip
HTML = "<!doctype html><div id=root style='position: absolute'>"

MEASURE = """async ({ scenario, size, span_s }) => {
  const { createPlayer } = await import('/player/player.js');
  const root = document.getElementById('root');
  const timed = (work) => { const start = performance.now(); work(); return performance.now() - start; };
  const start = performance.now();
  const player = await createPlayer(root, scenario, size);
  const show = (t) => timed(() => { player.seek(t); root.firstChild.getBoundingClientRect(); });
  show(scenario.cues[0].start_s);
  const open = performance.now() - start;
  const frames = Array.from({ length: 1800 }, (_, frame) => show(span_s / 2 + frame / 60));
  const jumps = Array.from({ length: 60 }, (_, jump) => show((jump * 0.618 % 1) * span_s));
  const render = timed(() => player.captureBox);
  player.destroy();
  return { open, frames, jumps, render };
}"""


def make_scenario(duration_s: float) -> dict[str, Any]:
    """Two people in turn, each for half a minute."""
    words, text = [], TEXT.split()
    for number in range(int(duration_s * WORDS_PER_S)):
        start_s = number / WORDS_PER_S
        features = Features(volume_db=-20.0 + (12 if number % 11 == 0 else number % 3))
        words.append(Word(text[number % len(text)], start_s, start_s + 0.9 / WORDS_PER_S, None, features))
    turn = int(30 * WORDS_PER_S)
    segments = tuple(
        Segment(part[0].start_s, part[-1].end_s, tuple(part), f"SPEAKER_0{index % 2}")
        for index, part in enumerate(words[first : first + turn] for first in range(0, len(words), turn))
    )
    return compose(Transcript(segments, (), "en", duration_s), load_style(), **SIZE).to_json()


def serve(route: Route) -> None:
    path = route.request.url.removeprefix(f"{SITE}/")
    if path.startswith("player/fonts/"):
        route.fulfill(path=settings().fonts_dir / "node_modules" / path.removeprefix("player/fonts/"))
    elif path:
        route.fulfill(path=PLAYER_DIR / path.removeprefix("player/"))
    else:
        route.fulfill(content_type="text/html", body=HTML)


def measure(page: Page, duration_s: float) -> dict[str, float]:
    """Milliseconds."""
    options = {"scenario": make_scenario(duration_s), "size": SIZE, "span_s": duration_s}
    raw = page.evaluate(MEASURE, options)
    return {
        "open_ms": raw["open"], "frame_ms": share(raw["frames"], 0.5),
        "frame_p99_ms": share(raw["frames"], 0.99), "frame_worst_ms": max(raw["frames"]),
        "jump_ms": share(raw["jumps"], 0.5), "jump_worst_ms": max(raw["jumps"]), "render_ms": raw["render"],
    }  # fmt: skip


def share(values: list[float], part: float) -> float:
    """The value that ``part`` 0..1 of ``values`` do not exceed."""
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


@contextmanager
def player_page(size: ViewportSize) -> Iterator[Page]:
    """A page that can import the player, with an empty ``#root``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(settings().chromium), chromium_sandbox=settings().chromium_sandbox
        )
        page = browser.new_page(viewport=size)
        page.route(f"{SITE}/**", serve)
        page.goto(f"{SITE}/")
        yield page
        browser.close()


def main() -> None:
    with player_page(SIZE) as page:
        measure(page, SHORT_S)  # loads the fonts
        short, long = measure(page, SHORT_S), measure(page, LONG_S)
    print(json.dumps({
        "name": "player", "ratio": round(long["open_ms"] / short["open_ms"], 2),
        "ok": long["open_ms"] <= OPEN_TARGET_MS and long["frame_p99_ms"] <= FRAME_TARGET_MS,
        "long": {key: round(value, 2) for key, value in long.items()},
        "short": {key: round(value, 2) for key, value in short.items()},
        "open_target_ms": OPEN_TARGET_MS, "frame_target_ms": round(FRAME_TARGET_MS, 1),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
