"""A TCP link between clients and a server that can be made to lie."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from enum import StrEnum


class Link(StrEnum):
    PASS = "pass"
    DROP = "drop"  # bytes vanish, connections stay open: half-open, as after a lost route
    STALL = "stall"  # bytes wait
    REFUSE = "refuse"  # new connections are closed at once, old ones too


class Proxy:
    """Listens on a free port of the loopback address; `link` may be changed at any time."""

    def __init__(self, target_port: int) -> None:
        self.target_port, self.link = target_port, Link.PASS
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait(10)

    def cut(self) -> None:
        """Close all connections there are."""
        self._loop.call_soon_threadsafe(self._close_all)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        self._close_all()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _close_all(self) -> None:
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.link is Link.REFUSE:
            writer.close()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.close()
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._writers -= both

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(1 << 16):
                while self.link is Link.STALL:
                    await asyncio.sleep(0.02)
                if self.link is Link.DROP:
                    continue
                writer.write(data)
                await writer.drain()
        writer.close()
