"""The Python end of the capture page's WebSocket: commands go out, changes of the picture come in."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.connection import Connection

from ecg.browser.server import Sink
from ecg.errors import ProcessingError, ServiceUnavailable

_WORD = np.dtype("<u4")


@dataclass(frozen=True)
class Box:
    """A rectangle in whole pixels of the picture."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Change:
    """The last frame stays for ``repeat`` frames; then, if there are boxes, comes one that differs in them.

    ``pixels``: straight RGBA of the boxes, one after the other; empty where they are taken otherwise.
    """

    repeat: int
    boxes: tuple[Box, ...]
    pixels: memoryview


class Wire:
    """One page's WebSocket. ``stall_s``: seconds without a word after which the page is given up.

    Raises `ProcessingError` with the page's own words when it reports an error, and
    `ServiceUnavailable` when it has gone or hangs.
    """

    def __init__(self, connection: Connection, stall_s: float) -> None:
        self._connection = connection
        self._stall_s = stall_s
        self._ranges = itertools.count(1)

    def alive(self) -> bool:
        """Whether the page is still there and answers."""
        try:
            self.ask(ping={})
        except ServiceUnavailable:
            return False
        return True

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what is left of a range of frames is skipped."""
        self._send(command)
        while not isinstance(answer := self._receive(), str):
            pass
        return json.loads(answer)

    def probe(self, **command: Any) -> memoryview:
        """Have known colours drawn; returns what came of them, straight RGBA."""
        self._send({"probe": command})
        return _change(self._receive())[1].pixels

    def changes(self, first_frame: int, count: int, fps: Fraction, ahead: int) -> Iterator[Change]:
        """The changes that make up a range of frames; the page runs at most ``ahead`` messages before us.

        Whoever asks for the next change has used the last: only then may the page go on. A range
        left in the middle ends when the next one begins.
        """
        number = next(self._ranges)
        self._send(
            {
                "frames": {
                    "range": number, "first": first_frame, "count": count,
                    "fps": [fps.numerator, fps.denominator], "ahead": ahead,
                }
            }
        )  # fmt: skip
        acknowledge_every = (ahead + 1) // 2
        for read in itertools.count(1):
            change = self._next_of(number)
            yield change
            if not change.boxes:
                return
            if read % acknowledge_every == 0:
                self._send({"seen": {"range": number, "messages": read}})

    def _next_of(self, number: int) -> Change:
        """The next change of this range; what is left of one given up is skipped."""
        while True:
            of_range, change = _change(self._receive())
            if of_range == number:
                return change

    def _send(self, command: dict[str, Any]) -> None:
        try:
            self._connection.send(json.dumps(command))
        except ConnectionClosed as error:
            raise _gone() from error

    def _receive(self) -> str | bytes:
        try:
            message = self._connection.recv(timeout=self._stall_s)
        except TimeoutError as error:
            raise ServiceUnavailable(
                f"The capture page sent nothing for {self._stall_s:g} s and was given up; "
                "the step may be tried again."
            ) from error
        except ConnectionClosed as error:
            raise _gone() from error
        if isinstance(message, str) and message.startswith('{"error":'):
            raise ProcessingError(f"The caption player failed: {json.loads(message)['error']}")
        return message


def _gone() -> ServiceUnavailable:
    return ServiceUnavailable("Chromium ended in the middle of a capture; the step may be tried again.")


def _change(message: str | bytes) -> tuple[int, Change]:
    """A message as (range, change): ``range, repeat, boxes, (x, y, width, height)…`` as uint32, then RGBA."""
    if isinstance(message, str):
        raise ProcessingError("The capture page answered in words where frames were due.")
    number, repeat, boxes = (int(word) for word in np.frombuffer(message, _WORD, 3))
    sides = np.frombuffer(message, _WORD, 4 * boxes, offset=12).reshape(-1, 4)
    pixels = memoryview(message)[12 + 16 * boxes :]
    return number, Change(repeat, tuple(Box(*map(int, row)) for row in sides), pixels)


def connect(sink: Sink, stall_s: float) -> Wire:
    """Wait for a page to come to its place at the server."""
    connection = sink.connection(stall_s)
    if connection is None:
        raise ServiceUnavailable(
            f"The capture page did not start within {stall_s:g} s; the step may be tried again."
        )
    return Wire(connection, stall_s)
