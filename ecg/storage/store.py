"""What every store can do, whatever it is made of.

Files have keys such as ``uploads/{user}/{video}/source``: two or more plain names with slashes between.
A file is there whole or not at all. Browsers never get keys to use but links: signed, for one file and
one purpose, and soon expired.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from ecg.errors import BadRequest

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}){1,10}")


@dataclass(frozen=True)
class Link:
    """How a browser sends a file: the request to make, with these headers or form fields in it."""

    url: str
    method: str = "PUT"
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """A part of a file that has been sent; ``number`` counts from 1. ``tag``: what tells its content."""

    number: int
    size_bytes: int
    tag: str


class Store(Protocol):
    """A place for files.

    A file that is not there raises `NotFound`; a place that is full, absent, silent or refuses us
    `StoreUnavailable`, and nothing partial is left to be seen in it.

    A link may be used again until it expires, so what is sent to one is copied to a key of its own before
    it is looked at. A file in parts needs no copy: its links end when the parts are joined.
    """

    @property
    def origin(self) -> str:
        """Where links lead, such as ``https://bucket.example.org``; empty: to the web tier."""

    def put(self, key: str, path: Path) -> None:
        """Keep a copy of a local file under the key, in place of what was there."""

    def copy(self, key: str, to_key: str) -> None:
        """Keep what the file holds now under a second key, which has none yet."""

    def open(self, key: str) -> BinaryIO:
        """The file, to be read from its start."""

    def fetch(self, key: str, folder: Path) -> Path:
        """A local path with the file's content, to be read only; it may lie outside ``folder``."""

    def size(self, key: str) -> int:
        """Size in bytes."""

    def exists(self, key: str) -> bool:
        """Whether there is a file of that key."""

    def delete(self, key: str) -> None:
        """Remove the file; a file that is not there is no error."""

    def keys(self, prefix: str, *, older_than_s: float = 0.0) -> Iterator[str]:
        """Every key that begins with ``prefix`` and was put at least so long ago, in no order."""

    def sweep(self) -> None:
        """Remove what was left of files whose writers died long ago; it was never to be seen."""

    def upload_link(
        self, key: str, size_bytes: int, content_type: str, expires_s: int, *, exact: bool = True
    ) -> Link:
        """A PUT of a file of exactly ``size_bytes``; unless ``exact``, of at most that as far as the store
        can tell, so that its size has to be looked at.
        """

    def upload_form(
        self, key: str, size_bytes: int, content_type: str, expires_s: int, *, sha256: str = ""
    ) -> Link:
        """The narrowest link there is for a file of exactly this size, type and, if given, SHA-256."""

    def begin_parts(self, key: str, content_type: str) -> str:
        """Expect a file in parts; the id that the other calls about it take."""

    def part_link(self, key: str, parts_id: str, number: int, size_bytes: int, expires_s: int) -> Link:
        """A PUT of one part of exactly ``size_bytes``. Until the parts are joined it may be sent again."""

    def parts(self, key: str, parts_id: str) -> list[Part]:
        """The parts that have arrived, in their order; `NotFound` when they were joined or dropped."""

    def join(self, key: str, parts_id: str, parts: Sequence[Part]) -> None:
        """Make the file of these parts. From then on nothing can be sent to it."""

    def drop_parts(self, key: str, parts_id: str) -> None:
        """Give up a file in parts; one that was joined or given up before is no error."""

    def download_link(
        self, key: str, filename: str, expires_s: int, *, content_type: str = "", inline: bool = False
    ) -> str:
        """A link for reading the file, in parts if wished: saved as ``filename``, or shown ``inline``."""

    def check(self) -> None:
        """Raise `StoreUnavailable` when files cannot be kept right now."""


def checked_key(key: str) -> str:
    """The key itself; `BadRequest` for one that no store takes: odd characters, ``..``, one name only."""
    if not is_key(key):
        raise BadRequest("This is not a key of the store.", key=key[:300])
    return key


def is_key(text: str) -> bool:
    """Whether this is a key that stores take."""
    return _KEY.fullmatch(text) is not None
