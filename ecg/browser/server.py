"""What the capture page may reach: its own files, the player, the fonts, and a WebSocket for frames.

One server on 127.0.0.1, at a random port and under a path nobody can guess. It is all the network
that Chromium has.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import queue
import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Origin

_PAGE_DIR = Path(__file__).parent / "page"

# Nothing else is handed out, whatever lies in the folders.
_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".woff2": "font/woff2",
}

_log = logging.getLogger(__name__)
# A browser that goes away in the middle of a connection is reported by whoever waits for its frames.
_websockets_log = logging.getLogger(f"{__name__}.websockets")
_websockets_log.setLevel(logging.CRITICAL)


@dataclass
class Sink:
    """A place at the server for one page's WebSocket. ``connection()`` waits for it."""

    name: str
    _arrived: queue.SimpleQueue[ServerConnection] = field(default_factory=queue.SimpleQueue)
    _released: threading.Event = field(default_factory=threading.Event)

    def connection(self, timeout_s: float) -> ServerConnection | None:
        """The page's WebSocket; None if it did not come in time."""
        try:
            return self._arrived.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def hold(self, connection: ServerConnection) -> None:
        """Keep a connection open until `release`."""
        self._arrived.put(connection)
        self._released.wait()

    def release(self) -> None:
        """Let the connection close."""
        self._released.set()


class PlayerServer:
    """Serves the files of the capture page and takes its WebSockets.

    ``player_dir``: the player's modules. ``fonts_dir``: the folder whose ``node_modules`` holds the
    fonts. `close` it.
    """

    def __init__(self, player_dir: Path, fonts_dir: Path) -> None:
        self._token = secrets.token_urlsafe(32)
        # First match wins: the fonts' path lies inside the player's.
        self._roots = (
            ("player/fonts/", (fonts_dir / "node_modules").resolve()),
            ("player/", player_dir.resolve()),
            ("", _PAGE_DIR.resolve()),
        )
        self._sinks: dict[str, Sink] = {}
        listener = socket.create_server(("127.0.0.1", 0))
        self.authority = f"127.0.0.1:{listener.getsockname()[1]}"
        """Host and port."""
        self._server = self._serve(listener)
        # Its threads are daemons as it is: a process that forgets to close still ends.
        threading.Thread(target=self._server.serve_forever, name="player-server", daemon=True).start()

    def _serve(self, listener: socket.socket) -> Server:
        return serve(
            self._take,
            sock=listener,
            process_request=self._answer,
            origins=[Origin(f"http://{self.authority}")],
            compression=None,  # pixels on loopback: packing costs more than copying
            max_size=2**28,  # a frame of the largest picture, RGBA, is 2**25 bytes
            ping_interval=None,  # a page busy with layout is not dead; the reader has its own deadline
            close_timeout=1,
            logger=_websockets_log,
        )

    @property
    def address(self) -> str:
        """Base of the capture page, ending in ``/``."""
        return f"http://{self.authority}/{self._token}/"

    def page(self, sink: Sink, path: str) -> str:
        """Address of the capture page that sends its frames to ``sink``, taken the way ``path`` names."""
        return f"{self.address}capture.html?sink={sink.name}&path={path}"

    @contextlib.contextmanager
    def sink(self) -> Iterator[Sink]:
        """A place for one more WebSocket, which is closed at the end."""
        sink = Sink(secrets.token_urlsafe(16))
        self._sinks[sink.name] = sink
        try:
            yield sink
        finally:
            del self._sinks[sink.name]
            sink.release()

    def close(self) -> None:
        """Close all connections and stop."""
        for sink in list(self._sinks.values()):
            sink.release()
        self._server.shutdown()

    def _take(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        sink = self._sinks.get(connection.request.path.rpartition("/")[2])
        if sink is not None:
            sink.hold(connection)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """A file, or None to go on with the opening of a WebSocket."""
        path = self._inner_path(request)
        if path is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "Not found\n")
        if path.startswith("sink/"):
            known = path.removeprefix("sink/") in self._sinks
            return None if known else connection.respond(HTTPStatus.NOT_FOUND, "Not found\n")
        file = self._file(path)
        if file is None:
            _log.warning("the capture page asked for %s, which is not there", path)
            return connection.respond(HTTPStatus.NOT_FOUND, "Not found\n")
        return self._response(file)

    def _inner_path(self, request: Request) -> str | None:
        """The path below the secret one; None for whoever does not know it or came by another name."""
        token, _, path = urlsplit(request.path).path.removeprefix("/").partition("/")
        known = hmac.compare_digest(token.encode(), self._token.encode())
        return unquote(path) if known and request.headers.get("Host") == self.authority else None

    def _file(self, path: str) -> Path | None:
        prefix, root = next(entry for entry in self._roots if path.startswith(entry[0]))
        file = (root / path.removeprefix(prefix)).resolve()
        allowed = file.is_relative_to(root) and file.suffix in _CONTENT_TYPES
        return file if allowed and file.is_file() else None

    def _response(self, file: Path) -> Response:
        body = file.read_bytes()
        headers = Headers(
            {
                "Content-Type": _CONTENT_TYPES[file.suffix],
                "Content-Length": str(len(body)),
                "Content-Security-Policy": self._policy(),
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Connection": "close",
            }
        )
        return Response(HTTPStatus.OK.value, HTTPStatus.OK.phrase, headers, body)

    def _policy(self) -> str:
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; worker-src 'none'; "
            f"connect-src ws://{self.authority}; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'; require-trusted-types-for 'script'"
        )
