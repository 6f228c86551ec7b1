"""The fast way to take frames: the page draws its captions into a canvas, reads them back and sends them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from ecg.browser.chromium import Chromium
from ecg.browser.server import PlayerServer
from ecg.browser.wire import Change, Wire, connect
from ecg.errors import ProcessingError, ServiceUnavailable

_PROBE_SIZE = (64, 16)
_PROBE_COLORS = ((200, 30, 60, 255), (0, 0, 0, 0), (0, 90, 250, 128), (255, 255, 255, 255))
_PROBE_TOLERANCE = 2  # of 255: half-transparent colours are rounded on their way


class CanvasPage:
    """A capture page whose frames come over its WebSocket. Made by `opened`."""

    path = "canvas"
    ahead = 16  # messages, each at most one frame

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    @classmethod
    @contextlib.contextmanager
    def opened(
        cls, chromium: Chromium, server: PlayerServer, width: int, height: int, stall_s: float
    ) -> Iterator[CanvasPage]:
        """A page for a picture of ``width`` × ``height`` px."""
        with (
            server.sink() as sink,
            chromium.untracked_page(server.page(sink, cls.path), width, height),
        ):
            yield cls(connect(sink, stall_s))

    def patches(self, change: Change) -> Iterator[np.ndarray]:
        """Straight RGBA, uint8 of shape (height, width, 4), of each box of the change."""
        offset = 0
        for box in change.boxes:
            size = box.width * box.height * 4
            pixels = np.frombuffer(change.pixels, np.uint8, size, offset)
            yield pixels.reshape(box.height, box.width, 4)
            offset += size


def canvas_fault(chromium: Chromium, server: PlayerServer) -> str | None:
    """Why frames cannot be taken from a canvas here; None when known colours came through it."""
    width, height = _PROBE_SIZE
    colors = [f"rgba({red}, {green}, {blue}, {alpha / 255})" for red, green, blue, alpha in _PROBE_COLORS]
    try:
        with CanvasPage.opened(chromium, server, width, height, stall_s=10) as page:
            pixels = page.wire.probe(width=width, height=height, colors=colors)
    except (ProcessingError, ServiceUnavailable) as error:
        return error.message
    expected = np.repeat(np.array(_PROBE_COLORS, np.int16), width // len(_PROBE_COLORS), axis=0)
    got = np.frombuffer(pixels, np.uint8).reshape(height, width, 4)
    worst = int(np.abs(got - expected).max())
    return None if worst <= _PROBE_TOLERANCE else f"Colours came back changed by {worst} of 255."
