"""Frames of captions: a scenario goes in, RGBA pictures of the caption area come out, one per output frame.

Chromium draws captions on transparency and nothing else. Only what changed between two frames is
drawn and moved; see ``page/capture.js`` for the other end.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ecg.browser.canvas import CanvasPage, canvas_fault
from ecg.browser.chromium import Chromium, find_chromium
from ecg.browser.screenshot import ScreenshotPage
from ecg.browser.server import PlayerServer
from ecg.browser.wire import Box
from ecg.captions import Scenario
from ecg.errors import BadRequest, ProcessingError

_log = logging.getLogger(__name__)

_CAPTURES = ("auto", "canvas", "screenshot")


@dataclass
class CaptureMetrics:
    """What a session has done so far."""

    path: str
    """How pixels left Chromium: ``canvas`` or ``screenshot``."""
    frames: int = 0
    """Frames handed out."""
    drawn: int = 0
    """Frames that differed from the one before, and so were drawn."""
    bytes_moved: int = 0
    """Pixels taken out of Chromium, in bytes of RGBA."""

    @property
    def reused(self) -> int:
        """Frames that were the one before again."""
        return self.frames - self.drawn


class CaptureSession:
    """One scenario on a capture page. A context manager; made by `CaptureBrowser.open`.

    ``box``: the part of the picture that `frames` shows; no caption is ever outside it.
    """

    def __init__(self, page: CanvasPage | ScreenshotPage, box: Box, held: contextlib.ExitStack) -> None:
        self.box = box
        self.path = page.path
        self.metrics = CaptureMetrics(page.path)
        self._page = page
        self._held = held

    def __enter__(self) -> CaptureSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the page. A range of frames still going on ends in an error."""
        self._held.close()

    def frames(self, first_frame: int, count: int, fps: Fraction) -> Iterator[memoryview]:
        """The captions at ``n / fps`` seconds for each n from ``first_frame``: ``count`` pictures.

        Each is straight RGBA, ``box.width * box.height * 4`` bytes, and good until the next is asked
        for: the same buffer is written again. The iterator may be left at any point.
        Raises `ProcessingError` when the player fails, `ServiceUnavailable` when Chromium does.
        """
        picture = np.zeros((self.box.height, self.box.width, 4), np.uint8)
        view = picture.data.cast("B").toreadonly()
        done = 0
        for change in self._page.wire.changes(first_frame, count, fps, self._page.ahead):
            for _ in range(change.repeat):
                self.metrics.frames += 1
                yield view
            done += change.repeat
            if change.boxes:
                self._patch(picture, change.boxes, self._page.patches(change))
                self.metrics.frames += 1
                self.metrics.drawn += 1
                yield view
                done += 1
        if done != count:
            raise ProcessingError(f"The capture page sent {done} frames where {count} were due.")

    def _patch(self, picture: np.ndarray, boxes: tuple[Box, ...], patches: Iterator[np.ndarray]) -> None:
        for box, patch in zip(boxes, patches, strict=True):
            left, top = box.x - self.box.x, box.y - self.box.y
            picture[top : top + box.height, left : left + box.width] = patch
            self.metrics.bytes_moved += patch.nbytes


class CaptureBrowser:
    """A warm Chromium that captures one scenario after another. A context manager.

    ``chromium``: path of the headless shell, empty for the one the system has. ``sandbox``: turn it
    off only where Chromium must run as root. ``player_dir``, ``fonts_dir``: the player's modules, and
    the folder whose ``node_modules`` has its fonts. ``capture``: ``canvas``, ``screenshot``, or ``auto``
    for the canvas where a probe shows that it works. ``stall_s``: seconds that a page or
    Chromium may be silent.
    ``sessions_per_browser``: Chromium is started afresh after so many, lest it grow.

    One session at a time. Everything it starts ends with this process, however that ends. A Chromium
    that died is replaced at the next `open`.
    """

    def __init__(
        self,
        chromium: str,
        sandbox: bool,
        player_dir: Path,
        fonts_dir: Path,
        capture: str = "auto",
        *,
        stall_s: float = 30.0,
        sessions_per_browser: int = 100,
    ) -> None:
        if capture not in _CAPTURES:
            raise BadRequest(f"{capture!r} is no way to capture: choose one of {', '.join(_CAPTURES)}.")
        self._chromium_path = find_chromium(chromium)
        self._sandbox = sandbox
        self._player_dir, self._fonts_dir = player_dir, fonts_dir
        self._capture = capture
        self._stall_s = stall_s
        self._sessions_per_browser = sessions_per_browser
        self._sessions = 0
        self._server: PlayerServer | None = None
        self._chromium: Chromium | None = None
        self.path = ""
        """How pixels leave Chromium: ``canvas`` or ``screenshot``. Known once it has started."""

    def __enter__(self) -> CaptureBrowser:
        self._server = PlayerServer(self._player_dir, self._fonts_dir)
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End Chromium and all that serves it."""
        self._stop()
        if self._server is not None:
            self._server.close()
            self._server = None

    def open(self, scenario_json: dict[str, Any], width: int, height: int) -> CaptureSession:
        """Load a scenario for a picture of ``width`` × ``height`` px; its fonts are there when this returns.

        Raises `InvalidScenario`, `ProcessingError` with the player's own words, `ServiceUnavailable`.
        """
        scenario = Scenario.from_json(scenario_json).to_json()
        chromium, server = self._ready()
        self._sessions += 1
        with contextlib.ExitStack() as stack:
            place = (chromium, server, width, height, self._stall_s)
            page: CanvasPage | ScreenshotPage
            if self.path == CanvasPage.path:
                page = stack.enter_context(CanvasPage.opened(*place))
            else:
                page = stack.enter_context(ScreenshotPage.opened(*place))
            answer = page.wire.ask(open={"scenario": scenario, "width": width, "height": height})
            return CaptureSession(page, Box(*answer["box"]), stack.pop_all())

    def _ready(self) -> tuple[Chromium, PlayerServer]:
        """Chromium as it runs, or anew if it has gone or has served long enough."""
        if self._server is None:
            raise RuntimeError("CaptureBrowser is a context manager: open scenarios inside its `with` block.")
        worn = self._sessions >= self._sessions_per_browser
        if self._chromium is None or worn or not self._chromium.alive():
            self._stop()
            self._start()
        assert self._chromium is not None
        return self._chromium, self._server

    def _start(self) -> None:
        assert self._server is not None
        self._chromium = Chromium(self._chromium_path, self._sandbox, call_s=self._stall_s)
        self._sessions = 0
        self.path = self._choose_path(self._chromium, self._server)
        _log.info("%s started, frames by %s", self._chromium.version, self.path)

    def _choose_path(self, chromium: Chromium, server: PlayerServer) -> str:
        if self._capture == "screenshot":
            return ScreenshotPage.path
        fault = canvas_fault(chromium, server)
        if fault is None:
            return CanvasPage.path
        if self._capture == "canvas":
            raise ProcessingError(
                f"{chromium.version} cannot capture by canvas: {fault} Set ECG_CAPTURE to auto or screenshot."
            )
        _log.warning("%s cannot capture by canvas, taking screenshots instead: %s", chromium.version, fault)
        return ScreenshotPage.path

    def _stop(self) -> None:
        if self._chromium is not None:
            self._chromium.close()
            self._chromium = None
