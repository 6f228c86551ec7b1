"""One Chromium: found, started by Playwright, given pages, and ended whatever state it is in."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Error,
    Playwright,
    ViewportSize,
    sync_playwright,
)

from ecg.errors import ProcessingError, ServiceUnavailable
from ecg.memory import tree_bytes

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

_NAMES = ("chromium-headless-shell", "chrome-headless-shell")

_ARGS = (
    # HTML-in-canvas, drawn in software in the page's own process, as fast as the page asks for it
    "--enable-blink-features=CanvasDrawElement",
    "--disable-frame-rate-limit",
    "--disable-gpu-vsync",
    # the page says when it has let go of much
    "--js-flags=--expose-gc",
    "--disable-gpu",
    # the same pixels on every machine
    "--force-device-scale-factor=1",
    "--font-render-hinting=none",
    "--disable-lcd-text",
    # a shape cut in two, by a tile or by what of it is drawn anew, is smoothed otherwise than a whole one
    "--default-tile-width=4096",
    "--default-tile-height=4096",
    "--disable-partial-raster",
    "--no-proxy-server",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--disable-domain-reliability",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)  # Playwright itself adds --headless, --no-first-run, --disable-background-networking, --disable-sync …

# All that Chromium sees of our environment: no secret can be among these.
_ENV = ("PATH", "HOME", "LANG", "TMPDIR", "FONTCONFIG_FILE", "FONTCONFIG_PATH")


def find_chromium(setting: str = "") -> str:
    """Path of Chromium's headless shell: the one named, else the one the system has.

    Raises `ProcessingError` when there is none.
    """
    found = [setting] if setting else [path for name in _NAMES if (path := shutil.which(name))]
    if not found or not Path(found[0]).is_file():
        where = f"not at {setting}" if setting else "not installed"
        raise ProcessingError(
            f"Chromium's headless shell is {where}. Run `ecg setup`, or set ECG_CHROMIUM to its path."
        )
    return found[0]


class Chromium:
    """A running Chromium. `close` it.

    ``reach``: the one address, ``host:port``, that it can connect to; it has no other network. ``start_s``
    and ``call_s``: seconds that its start, and one command to it, may take; a browser that takes longer is
    killed. Every failure is a `ServiceUnavailable`.

    Playwright's calls must all come from one thread, which then can have no event loop of its own: they
    get a thread to themselves, so that ours stays free.
    """

    def __init__(
        self, path: str, sandbox: bool, reach: str, *, start_s: float = 30.0, call_s: float = 30.0
    ) -> None:
        self._call_s = call_s
        self._pid: int | None = None
        self._playwright: Playwright | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="playwright")
        try:
            self.call("start", lambda: self._start(path, sandbox, reach, start_s), start_s + call_s)
        except BaseException:
            self.close()
            raise

    def _start(self, path: str, sandbox: bool, reach: str, start_s: float) -> None:
        # First match wins. It holds for names and for addresses, whoever in Chromium asks.
        rules = f"--host-resolver-rules=MAP {reach} {reach}, MAP * ~NOTFOUND"
        self._playwright = sync_playwright().start()
        self._browser: Browser = self._playwright.chromium.launch(
            executable_path=path,
            headless=True,
            chromium_sandbox=sandbox,
            args=[*_ARGS, rules],
            env={name: os.environ[name] for name in _ENV if name in os.environ},
            timeout=start_s * 1000,
            # Signals are the worker's own business.
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
        self._session: CDPSession = self._browser.new_browser_cdp_session()
        self.version: str = self._session.send("Browser.getVersion")["product"]
        processes = self._session.send("SystemInfo.getProcessInfo")["processInfo"]
        self._pid = next(entry["id"] for entry in processes if entry["type"] == "browser")

    def alive(self) -> bool:
        """Whether it still answers."""
        try:
            self.send("Browser.getVersion")
        except ServiceUnavailable:
            return False
        return True

    def memory_bytes(self) -> int:
        """What all its processes hold now; memory that they share is counted once."""
        return tree_bytes(self._pid)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """A DevTools command to the browser itself."""
        return self.call(method, lambda: self._session.send(method, params))

    @contextlib.contextmanager
    def untracked_page(self, url: str, width: int, height: int) -> Iterator[None]:
        """A page of ``width`` × ``height`` px that Playwright does not see, in a context of its own.

        Of a page it does see, Playwright's driver is sent a copy of every WebSocket frame.
        """
        context = self.send("Target.createBrowserContext")
        try:
            self.send("Target.createTarget", url=url, width=width, height=height, **context)
            yield
        finally:
            self._tidy(lambda: self._session.send("Target.disposeBrowserContext", context))

    @contextlib.contextmanager
    def tracked_page(self, url: str, width: int, height: int) -> Iterator[CDPSession]:
        """A page of ``width`` × ``height`` px that can be photographed, as its DevTools session.

        Speak to the session through `call`.
        """
        size: ViewportSize = {"width": width, "height": height}
        context = self.call(
            "new_context", lambda: self._browser.new_context(viewport=size, service_workers="block")
        )
        try:
            yield self.call("new_page", lambda: _load(context, url))
        finally:
            self._tidy(context.close)

    def call(self, what: str, function: Callable[[], _Answer], timeout_s: float | None = None) -> _Answer:
        """``function()``, which speaks to Chromium: in its thread, within the time a command has."""
        answer = self._thread.submit(function)
        try:
            return answer.result(timeout_s or self._call_s)
        except TimeoutError as error:
            self.kill()
            raise ServiceUnavailable(
                f"Chromium did not answer `{what}` and was ended; the step may be tried again."
            ) from error
        except Error as error:
            raise ServiceUnavailable(
                f"Chromium failed at `{what}`; the step may be tried again. {error.message}"
            ) from error

    def kill(self) -> None:
        """End it now; whoever waits for its answer gets an error."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """End it and Playwright's driver, dead or alive."""
        if self._playwright is not None:
            # Without its driver Chromium ends too; closing it first lets it remove its profile.
            if self._pid is not None:
                self._tidy(self._browser.close)
            self._tidy(self._playwright.stop)
            self._playwright = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _tidy(self, function: Callable[[], object]) -> None:
        """Tidy up in a browser that may be gone: then there is nothing to tidy."""
        try:
            self.call("tidy up", function)
        except ServiceUnavailable as error:
            _log.info("nothing left to tidy: %s", error)


def _load(context: BrowserContext, url: str) -> CDPSession:
    page = context.new_page()
    session = context.new_cdp_session(page)
    page.goto(url)
    return session
