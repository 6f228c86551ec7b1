"""Frames of captions: a scenario goes in, RGBA pictures of the caption area come out, one per output frame.

Chromium draws captions on transparency and nothing else. Only what changed between two frames is
drawn and moved; see ``page/capture.js`` for the other end.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from ecg.browser.canvas import CanvasPage, canvas_fault
from ecg.browser.chromium import Chromium, find_chromium
from ecg.browser.screenshot import ScreenshotPage
from ecg.browser.server import PlayerServer
from ecg.browser.wire import Box, Change
from ecg.captions import Scenario
from ecg.errors import BadRequest, ProcessingError, ServiceUnavailable

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

_CAPTURES = ("auto", "canvas", "screenshot")
# A page that has shown so many is not used again: of what Chromium frees, it keeps a little more each time.
_CUES_PER_PAGE = 64


@dataclass
class CaptureMetrics:
    """What a session has done so far."""

    path: str
    """How pixels left Chromium: ``canvas`` or ``screenshot``."""
    due: int = 0
    """Frames asked for."""
    frames: int = 0
    """Frames handed out."""
    drawn: int = 0
    """Frames that differed from the one before, and so were drawn."""
    bytes_moved: int = 0
    """Pixels taken out of Chromium, in bytes of RGBA."""
    restarts: int = 0
    """How often a Chromium that died or hung in the middle was replaced."""

    @property
    def reused(self) -> int:
        """Frames that were the one before again."""
        return self.frames - self.drawn

    @property
    def dropped(self) -> int:
        """Frames asked for that nobody got."""
        return self.due - self.frames

    def to_json(self) -> dict[str, Any]:
        figures = {"frames": self.frames, "drawn": self.drawn, "reused": self.reused, "dropped": self.dropped}
        return {"path": self.path, **figures, "bytes_moved": self.bytes_moved, "restarts": self.restarts}


_Page = CanvasPage | ScreenshotPage


@dataclass(frozen=True)
class _Loaded:
    """A page that has a scenario, the box it draws in, and what gives it back."""

    page: _Page
    box: Box
    held: contextlib.ExitStack


@dataclass(frozen=True)
class _Opened:
    """A page for pictures of one size, what closes it, and how many cues it has been given."""

    page: _Page
    size: tuple[int, int]
    held: contextlib.ExitStack
    cues: int = 0

    def fits(self, size: tuple[int, int]) -> bool:
        return self.size == size and self.cues < _CUES_PER_PAGE and self.page.wire.alive()


class CaptureSession:
    """One scenario on a capture page. A context manager; made by `CaptureBrowser.open`.

    ``size``: width and height of the picture. ``box``: the part of it that `frames` shows; no caption is
    ever outside it. ``changed``: rectangles ``(x, y, width, height)`` of the box, outside of which the frame
    last handed out is the one before it.

    When Chromium dies or hangs in the middle, the session goes on in a fresh one, where it was, at most
    ``restarts`` times and only once at the same frame.
    """

    def __init__(
        self, load: Callable[[], _Loaded], end: Callable[[], None], size: tuple[int, int], restarts: int
    ) -> None:
        self._load, self._end, self._restarts_left = load, end, restarts
        self._stopped_at: int | None = None
        self._take(load())
        self.size = size
        self.box = self._box
        self.path = self._page.path
        self.metrics = CaptureMetrics(self.path)
        self.changed: tuple[tuple[int, int, int, int], ...] = ()

    def _take(self, loaded: _Loaded) -> None:
        self._page, self._box, self._held = loaded.page, loaded.box, loaded.held

    def __enter__(self) -> CaptureSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.__exit__(kind, error, trace)

    def close(self) -> None:
        """Give the page back. A range of frames still going on ends in an error."""
        self._held.close()

    def frames(self, first_frame: int, count: int, fps: Fraction) -> Iterator[memoryview]:
        """The captions at ``n / fps`` seconds for each n from ``first_frame``: ``count`` pictures.

        Each is straight RGBA, ``box.width * box.height * 4`` bytes, and good until the next is asked
        for: the same buffer is written again. The iterator may be left at any point.
        Raises `ProcessingError` when the player fails, `ServiceUnavailable` when Chromium does so again
        and again.
        """
        picture = np.zeros((self.box.height, self.box.width, 4), np.uint8)
        view = picture.data.cast("B").toreadonly()
        done = 0
        self.metrics.due += count
        for change, patches in self._changes(first_frame, count, fps):
            self.changed = ()
            for _ in range(change.repeat):
                self.metrics.frames += 1
                yield view
            done += change.repeat
            if change.boxes:
                self._patch(picture, change.boxes, patches)
                self.metrics.frames += 1
                self.metrics.drawn += 1
                yield view
                done += 1
        if done != count:
            raise ProcessingError(f"The capture page sent {done} frames where {count} were due.")

    def inventory(self, from_s: float, to_s: float) -> dict[str, Any]:
        """What must be seen from ``from_s`` until before ``to_s``: the player's word, not a look at pixels.

        ``cues`` as `mustShow` of the player returns them, each word also with ``blank`` (its glyphs leave
        no trace); ``font_fault``: why they could not be drawn in their own fonts at this moment, or None.
        A range of frames still going on ends.
        """
        asked = {"from_s": from_s, "to_s": to_s}
        return self._persistently(lambda: self._page.wire.ask(inventory=asked), at=-1)

    def _changes(
        self, first_frame: int, count: int, fps: Fraction
    ) -> Iterator[tuple[Change, list[np.ndarray]]]:
        """The changes of a range with their pixels, if need be out of several Chromiums."""
        done = 0
        while True:
            changes = self._page.wire.changes(first_frame + done, count - done, fps, self._page.ahead)
            try:
                for change in changes:
                    yield change, list(self._page.patches(change))
                    done += change.repeat + bool(change.boxes)
                return
            except ServiceUnavailable as error:
                self._begin_again(error, first_frame + done)

    def _persistently(self, ask: Callable[[], _Answer], at: int) -> _Answer:
        while True:
            try:
                return ask()
            except ServiceUnavailable as error:
                self._begin_again(error, at)

    def _begin_again(self, error: ServiceUnavailable, at: int) -> None:
        """Go on in a fresh Chromium after this error; raises it when that has been tried in vain.

        A page sends the whole picture first, whatever it showed before.
        """
        if not self._restarts_left or at == self._stopped_at:
            raise error
        _log.warning("capture goes on at frame %s in a fresh Chromium: %s", at, error.message)
        self._restarts_left -= 1
        self._stopped_at = at
        self.metrics.restarts += 1
        self._end()
        self._held.__exit__(type(error), error, error.__traceback__)
        self._take(self._load())
        if self._box != self.box:
            raise ProcessingError("The captions have another place after a restart of Chromium.",
                                  box=str(self.box), after=str(self._box))  # fmt: skip

    def _patch(self, picture: np.ndarray, boxes: tuple[Box, ...], patches: list[np.ndarray]) -> None:
        self.changed = tuple(
            (box.x - self.box.x, box.y - self.box.y, box.width, box.height) for box in boxes
        )
        for (left, top, width, height), patch in zip(self.changed, patches, strict=True):
            picture[top : top + height, left : left + width] = patch
            self.metrics.bytes_moved += patch.nbytes


class CaptureBrowser:
    """A warm Chromium that captures one scenario after another. A context manager.

    ``chromium``: path of the headless shell, empty for the one the system has. ``sandbox``: turn it
    off only where Chromium must run as root. ``player_dir``, ``fonts_dir``: the player's modules, and
    the folder whose ``node_modules`` has its fonts. ``capture``: ``canvas``, ``screenshot``, or ``auto``
    for the canvas where a probe shows that it works. ``stall_s``: seconds that a page or
    Chromium may be silent. ``restarts``: how often one session may begin again in a fresh Chromium.
    ``sessions_per_browser``, ``most_memory_bytes``: Chromium is started afresh, between two sessions, after
    so many and when its processes hold more, lest it grow.

    One session at a time; its page is kept for the next one, if that is of the same size. Everything it
    starts ends with this process, however that ends. A Chromium that died is replaced at the next `open`.
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
        restarts: int = 3,
        sessions_per_browser: int = 100,
        most_memory_bytes: int = 1_500_000_000,
    ) -> None:
        if capture not in _CAPTURES:
            raise BadRequest(f"{capture!r} is no way to capture: choose one of {', '.join(_CAPTURES)}.")
        self._chromium_path = find_chromium(chromium)
        self._sandbox = sandbox
        self._player_dir, self._fonts_dir = player_dir, fonts_dir
        self._capture = capture
        self._stall_s = stall_s
        self._restarts = restarts
        self._sessions_per_browser = sessions_per_browser
        self._most_memory_bytes = most_memory_bytes
        self._sessions = 0
        self._server: PlayerServer | None = None
        self._chromium: Chromium | None = None
        self._spare: _Opened | None = None
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

    def open(
        self, scenario_json: dict[str, Any], width: int, height: int,
        between_s: tuple[float, float] | None = None,
    ) -> CaptureSession:  # fmt: skip
        """Load a scenario for a picture of ``width`` × ``height`` px; its fonts are there when this returns.

        ``between_s``: from when until before when frames will be asked for. The captions of other times
        take no memory then, and the session's box need not hold them.
        Raises `InvalidScenario`, `ProcessingError` with the player's own words, `ServiceUnavailable`.
        """
        whole = Scenario.from_json(scenario_json)
        part = whole.between(*between_s) if between_s else whole
        # The fonts of the whole, lest a character looks otherwise beside others.
        given = {"scenario": part.to_json(), "characters": " ".join(sorted(whole.characters))}

        def load() -> _Loaded:
            return self._load(given, width, height)

        return CaptureSession(load, self._kill, (width, height), self._restarts)

    def _load(self, given: dict[str, Any], width: int, height: int) -> _Loaded:
        asked = {**given, "width": width, "height": height}
        chromium, server = self._ready()
        self._sessions += 1
        with contextlib.ExitStack() as stack:
            cues = len(given["scenario"]["cues"])
            page = stack.enter_context(self._page(chromium, server, (width, height), cues))
            return _Loaded(page, Box(*page.wire.ask(open=asked)["box"]), stack.pop_all())

    @contextlib.contextmanager
    def _page(
        self, chromium: Chromium, server: PlayerServer, size: tuple[int, int], cues: int
    ) -> Iterator[_Page]:
        """The page that is left from the session before, or a new one; afterwards it is left for the next.

        Unless something went wrong with it, or beside it.
        """
        opened, self._spare = self._spare, None
        if opened is not None and not opened.fits(size):
            opened.held.close()
            opened = None
        if opened is None:
            opened = self._new_page(chromium, server, size)
        with contextlib.ExitStack() as held:
            held.push(opened.held)
            yield opened.page
            held.pop_all()
        self._spare = replace(opened, cues=opened.cues + cues)

    def _new_page(self, chromium: Chromium, server: PlayerServer, size: tuple[int, int]) -> _Opened:
        place = (chromium, server, *size, self._stall_s)
        with contextlib.ExitStack() as stack:
            page: _Page
            if self.path == CanvasPage.path:
                page = stack.enter_context(CanvasPage.opened(*place))
            else:
                page = stack.enter_context(ScreenshotPage.opened(*place))
            return _Opened(page, size, stack.pop_all())

    def _ready(self) -> tuple[Chromium, PlayerServer]:
        """Chromium as it runs, or anew if it has gone or has served long enough."""
        if self._server is None:
            raise RuntimeError("CaptureBrowser is a context manager: open scenarios inside its `with` block.")
        if self._chromium is None or self._worn(self._chromium) or not self._chromium.alive():
            self._stop()
            self._start()
        assert self._chromium is not None
        return self._chromium, self._server

    def _worn(self, chromium: Chromium) -> bool:
        many = self._sessions >= self._sessions_per_browser
        return many or chromium.memory_bytes() > self._most_memory_bytes

    def _kill(self) -> None:
        """End a Chromium that may hang: it is not asked first."""
        if self._chromium is not None:
            self._chromium.kill()

    def _start(self) -> None:
        assert self._server is not None
        reach = self._server.authority
        self._chromium = Chromium(self._chromium_path, self._sandbox, reach, call_s=self._stall_s)
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
        if self._spare is not None:
            self._spare.held.close()
            self._spare = None
        if self._chromium is not None:
            self._chromium.close()
            self._chromium = None
