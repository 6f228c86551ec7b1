"""The slow way to take frames, for a Chromium without HTML-in-canvas: screenshots of what changed."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import CDPSession

from ecg.browser.chromium import Chromium
from ecg.browser.server import PlayerServer
from ecg.browser.wire import Box, Change, Wire, connect


class ScreenshotPage:
    """A capture page that is photographed at each change. Made by `opened`."""

    path = "screenshot"
    ahead = 1  # the page must stand still until its picture is taken

    def __init__(self, wire: Wire, chromium: Chromium, session: CDPSession) -> None:
        self.wire = wire
        self._chromium = chromium
        self._session = session

    @classmethod
    @contextlib.contextmanager
    def opened(
        cls, chromium: Chromium, server: PlayerServer, width: int, height: int, stall_s: float
    ) -> Iterator[ScreenshotPage]:
        """A page for a picture of ``width`` × ``height`` px."""
        with (
            server.sink() as sink,
            chromium.tracked_page(server.page(sink, cls.path), width, height) as session,
        ):
            page = cls(connect(sink, stall_s), chromium, session)
            page._send("Emulation.setDefaultBackgroundColorOverride", color={"r": 0, "g": 0, "b": 0, "a": 0})
            yield page

    def patches(self, change: Change) -> Iterator[np.ndarray]:
        """Straight RGBA, uint8 of shape (height, width, 4), of each box of the change."""
        for box in change.boxes:
            yield self._photograph(box)

    def _photograph(self, box: Box) -> np.ndarray:
        clip = {"x": box.x, "y": box.y, "width": box.width, "height": box.height, "scale": 1}
        shot = self._send("Page.captureScreenshot", format="png", clip=clip, optimizeForSpeed=True)
        with Image.open(io.BytesIO(base64.b64decode(shot["data"]))) as image:
            return np.asarray(image.convert("RGBA"))

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        return self._chromium.call(method, lambda: self._session.send(method, params))
