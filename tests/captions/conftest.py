"""A real browser with the player in it."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Playwright

from ecg.captions import PLAYER_DIR, Scenario
from ecg.captions.fonts import fonts_ready
from ecg.config import settings
from tests.conftest import require

_PAGE = b"""<!doctype html><meta charset="utf-8"><style>html, body { margin: 0; background: transparent; }
#root { position: absolute; left: 0; top: 0; }</style><div id="root"></div>"""


class _PlayerFiles(http.server.SimpleHTTPRequestHandler):
    """``/`` is a page with an empty root; the player and its fonts are where every server puts them."""

    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(_PAGE)
        else:
            super().do_GET()

    def translate_path(self, path: str) -> str:
        path = path.partition("?")[0]
        if path.startswith("/player/fonts/"):
            return str(settings().fonts_dir / "node_modules" / path.removeprefix("/player/fonts/"))
        return str(PLAYER_DIR / path.removeprefix("/player/"))

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def player_url() -> Iterator[str]:
    """Address of a page that can import ``/player/player.js``."""
    require(not fonts_ready(settings().fonts_dir), "the caption fonts are not installed: run `ecg setup`")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _PlayerFiles)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Any]:
    path = shutil.which("chromium-headless-shell")
    require(path, "chromium-headless-shell is not installed")
    browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
    yield browser
    browser.close()


class PlayerPage:
    """A page with a player in it, driven from Python."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def load(self, scenario: Scenario | dict, **options: Any) -> None:
        """Build the player; raises what `createPlayer` rejects with."""
        data = scenario.to_json() if isinstance(scenario, Scenario) else scenario
        options = {"width": data["width"], "height": data["height"], **options}
        self.page.set_viewport_size({"width": options["width"], "height": options["height"]})
        # As text: Playwright looks at each value of what it hands over, and there are up to half a million.
        self.page.evaluate(_LOAD, {"text": json.dumps(data), "options": options})

    def seek(self, t_s: float) -> dict[str, Any]:
        return self.page.evaluate("t => window.player.seek(t)", t_s)

    def next_change(self, t_s: float) -> float:
        return self.page.evaluate("t => window.player.nextChange(t)", t_s)

    @property
    def capture_box(self) -> dict[str, int]:
        return self.page.evaluate("window.player.captureBox")

    @property
    def dom(self) -> str:
        return self.page.evaluate("document.getElementById('root').innerHTML")

    @property
    def words(self) -> dict[str, dict[str, Any]]:
        """The words on screen, by text, with colour, font and rectangle as displayed."""
        return self.page.evaluate(_WORDS)

    def png(self) -> bytes:
        return self.page.screenshot(omit_background=True)


_LOAD = """async ({text, options}) => {
  window.player?.destroy();
  const { createPlayer } = await import('/player/player.js');
  const root = document.getElementById('root');
  root.style.width = options.width + 'px';
  root.style.height = options.height + 'px';
  window.player = await createPlayer(root, JSON.parse(text), options);
}"""

_WORDS = """() => Object.fromEntries([...document.querySelectorAll('.ecg-word')].map((word) => {
  const style = getComputedStyle(word);
  const { left, top, right, bottom, width, height } = word.getBoundingClientRect();
  return [word.textContent, { color: style.color, size: parseFloat(style.fontSize), weight: +style.fontWeight,
    left, top, right, bottom, width, height }];
}))"""


@pytest.fixture
def player(chromium: Any, player_url: str) -> Iterator[PlayerPage]:
    page = chromium.new_page()
    page.goto(player_url)
    yield PlayerPage(page)
    page.close()
