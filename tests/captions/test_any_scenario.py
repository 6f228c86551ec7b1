"""Whatever there is to play: every valid scenario stays in its picture, and no hostile one does harm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from playwright.sync_api import Error, Page, Request

from ecg.captions import Scenario
from ecg.errors import InvalidScenario
from tests.captions.any_scenario import hostile, scenarios

HOSTILE = hostile()
# Names of fields and keys, in quotes where they are no plain words, and numbers of items.
_PATH = r"(document|([\w-]+|['\"].*?['\"]…?)(\[\d+\]|\.([\w-]+|['\"].*?['\"]…?))*): \S"
_ANY = settings(
    derandomize=True, database=None, deadline=None, print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much,
                           HealthCheck.large_base_example],
)  # fmt: skip

_PLAY = """async (text) => {
  const scenario = JSON.parse(text);
  const { width, height, cues, duration_s } = scenario;
  const { createPlayer } = await import('/player/player.js');
  const { textSize } = await import('/player/layout.js');
  const root = document.getElementById('root');
  [root.style.width, root.style.height] = [width + 'px', height + 'px'];
  const player = await createPlayer(root, scenario, { width, height });
  const faults = [];
  let steps = 0;
  let words = 0;
  let crowded = 0;
  try {
    const all = player.captureBox;
    const inside = ([x, y, w, h]) => [x, y, w, h].every(Number.isInteger) && x >= all.x && y >= all.y
      && x + w <= all.x + all.width && y + h <= all.y + all.height;
    if (!(all.x >= 0 && all.y >= 0 && all.x + all.width <= width && all.y + all.height <= height)) {
      faults.push(`the capture box ${JSON.stringify(all)} is not in the picture`);
    }
    const heights = new Map();
    const overlaps = [];
    let before = new Map();
    const look = (t_s) => {
      const say = (what) => faults.push(`at ${t_s}: ${what}`);
      const { changed, boxes } = player.seek(t_s);
      if (changed !== boxes.length > 0) say('what changed is not what the boxes say');
      for (const box of boxes) if (!inside(box)) say(`the box [${box}] is not in ${JSON.stringify(all)}`);
      const due = cues.filter((cue) => cue.start_s <= t_s && t_s < cue.end_s);
      if (new Set(due.map(({ lane }) => lane)).size !== due.length) say('two cues of a lane');
      const shown = [...root.querySelectorAll('.ecg-cue')];
      if (shown.length !== due.length) say(`${shown.length} cues instead of ${due.length}`);
      const rects = shown.map((cue) => cue.getBoundingClientRect());
      rects.forEach((rect, at) => heights.set(due[at], rect.height));
      rects.forEach((one, i) => rects.slice(0, i).forEach((other, j) => {
        const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const tall = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
        if (wide > 0.5 && tall > 0.5) overlaps.push([t_s, due[i], due[j]]);
      }));
      const now = new Map();
      for (const word of root.querySelectorAll('.ecg-word')) {
        words += 1;
        const { left, top, right: end, bottom } = word.getBoundingClientRect();
        const right = end - Math.max(parseFloat(getComputedStyle(word).letterSpacing) || 0, 0); // a blank
        if (!(left >= -1 && top >= -1 && right <= width + 1 && bottom <= height + 1)) {
          say(`${word.textContent.slice(0, 20)} is at ${[left, top, right, bottom]} in ${width} x ${height}`);
        }
        const parts = [word, ...word.children].map((part) => part.style.cssText).join();
        const seen = { parts, spot: [left, (top + bottom) / 2, right] };
        now.set(word, seen);
        const old = before.get(word);
        if (old?.parts === parts) continue;
        for (const [from, middle, to] of [seen.spot, ...(old ? [old.spot] : [])]) {
          const within = ([x, y, w, h]) => Math.max(from, 0) >= x - 0.01 && middle >= y - 0.5
            && Math.min(to, all.x + all.width) <= x + w + 0.01 && middle <= y + h + 0.5;
          if (to - from > 0.5 && !boxes.some(within)) say(`${parts} changed outside [${boxes}]`);
        }
      }
      before = now;
      steps += 1;
    };
    const most = 120;
    let kept = null;
    for (let t_s = 0; t_s <= duration_s;) {
      look(t_s);
      if (steps === 9) kept = [t_s, root.innerHTML];
      const next = player.nextChange(t_s);
      if (next < t_s || Number.isNaN(next)) throw new Error(`after ${t_s} comes ${next}`);
      const frame_s = Math.max((duration_s - t_s) / Math.max(most - steps, 1), 0.02);
      t_s = next > t_s ? next : t_s + frame_s;
    }
    if (kept) player.seek(kept[0]);
    if (kept && root.innerHTML !== kept[1]) faults.push(`at ${kept[0]} it is not what it was`);
    // A cue stands still: only where others take all the height, one after the other, may it cover one.
    const gap = 2 * scenario.style.area.lane_gap * textSize(scenario.style, width, height) + 1;
    const hasRoom = (cue) => {
      const others = cues.filter((other) => other.lane < cue.lane
        && other.start_s < cue.end_s && cue.start_s < other.end_s);
      const last_s = Math.max(...others.map((other) => other.start_s));
      const atOnce = others.every((other) => other.end_s > last_s);
      const needed = others.reduce((sum, other) => sum + heights.get(other) + gap, heights.get(cue));
      return atOnce || needed < height;
    };
    for (const [t_s, one, other] of overlaps) {
      if (!hasRoom(one.lane > other.lane ? one : other)) crowded += 1;
      else faults.push(`at ${t_s}: ${one.id} and ${other.id} overlap`);
    }
  } finally {
    player.destroy();
  }
  return { faults: faults.slice(0, 5), steps, words, crowded };
}"""


@pytest.fixture(scope="module")
def page(chromium: Any, player_url: str) -> Iterator[Page]:
    page = chromium.new_page()
    page.goto(player_url)
    yield page
    page.close()


def _plays_in_its_picture(page: Page, document: dict[str, Any]) -> None:
    Scenario.from_json(document)
    result = page.evaluate(_PLAY, json.dumps(document))
    assert result["faults"] == []
    assert result["words"] > 0


@settings(_ANY, max_examples=80)
@given(document=scenarios())
def test_any_scenario_plays_from_start_to_end_in_its_picture(page: Page, document: dict[str, Any]) -> None:
    """No exception, no word outside the picture, no cue over another, no change outside the boxes."""
    _plays_in_its_picture(page, document)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(_ANY, max_examples=1000)
@given(document=scenarios())
def test_a_thousand_scenarios_play_from_start_to_end_in_their_pictures(
    page: Page, document: dict[str, Any]
) -> None:
    _plays_in_its_picture(page, document)


# hostile

_WATCH = """async (text) => {
  const scenario = JSON.parse(text);
  const { width, height } = scenario;
  const { createPlayer } = await import('/player/player.js');
  const root = document.getElementById('root');
  const player = await createPlayer(root, scenario, { width, height });
  const wrong = [];
  try {
    const { cues } = scenario;
    const some = cues.length < 100 ? cues : [cues[0], cues.at(-1)];
    if (cues.length < 100) player.captureBox;
    for (const t_s of some.flatMap(({ start_s, end_s, words }) => [start_s, words[0].start_s + 1e-3,
      (start_s + end_s) / 2, words.at(-1).start_s, end_s])) {
      player.seek(t_s);
      player.nextChange(t_s);
      const due = cues.filter((cue) => cue.start_s <= t_s && t_s < cue.end_s);
      const shown = [...root.querySelectorAll('.ecg-word')]
        .map((word) => (word.querySelector('.ecg-lit') ?? word).textContent);
      const meant = due.flatMap((cue) => cue.words.map((word) => word.text.normalize('NFC')));
      if (JSON.stringify(shown) !== JSON.stringify(meant)) wrong.push(`at ${t_s} another text: ${shown}`);
      for (const element of root.querySelectorAll('*')) {
        if (!['DIV', 'SPAN'].includes(element.tagName) || !/^ecg-/.test(element.className)) {
          wrong.push(`${element.tagName} ${element.className}`);
        }
        if (/NaN|Infinity|undefined/.test(element.style.cssText)) wrong.push(element.style.cssText);
        const { left, top, right: end, bottom } = element.getBoundingClientRect();
        const right = end - Math.max(parseFloat(getComputedStyle(element).letterSpacing) || 0, 0); // a blank
        if (!(left >= -1 && top >= -1 && right <= width + 1 && bottom <= height + 1)) {
          wrong.push(`${element.className} at ${[left, top, right, bottom]}`);
        }
      }
    }
  } finally {
    player.destroy();
  }
  if ('hacked' in window || 'polluted' in {} || document.querySelector('script, img, iframe, svg')) {
    wrong.push('something was run');
  }
  return wrong.slice(0, 5).map((what) => what.slice(0, 200));
}"""


def test_there_are_a_hundred_hostile_scenarios() -> None:
    assert len(HOSTILE) >= 100


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_scenario_is_refused_or_shown_letter_by_letter(page: Page, name: str) -> None:
    scenario, message = _read(HOSTILE[name])
    if scenario is not None:
        _is_shown_literally(page, scenario)
    else:
        assert re.match(_PATH, message), message
        assert len(message) < 300
        message.encode()


def _read(text: str) -> tuple[Scenario | None, str]:
    """The scenario, or what is said of it."""
    try:
        return Scenario.from_json(json.loads(text)), ""
    except InvalidScenario as error:
        return None, error.message


def _is_shown_literally(page: Page, scenario: Scenario) -> None:
    """Unless the player says what is wrong."""
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    try:
        assert page.evaluate(_WATCH, json.dumps(scenario.to_json())) == []
    except Error as error:
        message = error.message
        if "No caption font has a glyph for" not in message or len(message) > 500:
            raise
    finally:
        page.remove_listener("request", note)
    own = page.url + "player/"
    assert [url for url in asked if not url.startswith(own)] == []
