"""A store that is a folder on this machine, with links that the web tier serves."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from ecg.errors import BadRequest, Conflict, DownloadError, NotFound
from ecg.storage.links import Grant, Signer
from ecg.storage.store import Link, checked_key

_BLOCK_BYTES = 1 << 20
# A key cannot begin with a dot, so unfinished files are never mistaken for kept ones.
_UNFINISHED = ".unfinished"
_TRIES = 5


class LocalStore:
    """A folder. Files appear in it by rename, after their bytes are on disk."""

    def __init__(self, folder: Path, signing_key: str) -> None:
        self.folder = folder
        self.signer = Signer(signing_key)

    def put(self, key: str, path: Path) -> None:
        with path.open("rb") as source, self._unfinished() as unfinished:
            with unfinished.open("wb") as out:
                shutil.copyfileobj(source, out, _BLOCK_BYTES)
                _to_disk(out)
            self._place(key, unfinished.rename)

    def receive(self, key: str, body: IO[bytes], size_bytes: int, *, exact: bool = True) -> None:
        """Keep what a browser sends, block by block; a key is received once.

        Raises `BadRequest` when the body is not of the size signed, `Conflict` when the file is there.
        """
        with self._unfinished() as unfinished:
            with unfinished.open("wb") as out:
                received = _copy(body, out, size_bytes)
                _check_received(received, size_bytes, exact)
                _to_disk(out)
            try:
                # Unlike a rename, a link never replaces: what was checked cannot be swapped later.
                self._place(key, lambda target: os.link(unfinished, target))
            except FileExistsError:
                raise Conflict("This file has been uploaded already.") from None

    def open(self, key: str) -> BinaryIO:
        return self.path(key).open("rb")

    def fetch(self, key: str, folder: Path) -> Path:
        """The store's own file: nothing is copied, so it must not be written to."""
        return self.path(key)

    def path(self, key: str) -> Path:
        """Where the file is; `NotFound` when there is none."""
        path = self._inside(key)
        if not path.is_file():
            raise NotFound("The store has no such file.", key=key)
        return path

    def size(self, key: str) -> int:
        return self.path(key).stat().st_size

    def exists(self, key: str) -> bool:
        return self._inside(key).is_file()

    def delete(self, key: str) -> None:
        path = self._inside(key)
        path.unlink(missing_ok=True)
        self._drop_empty(path.parent)

    def keys(self, prefix: str) -> Iterator[str]:
        # Only the folder that the prefix names is walked, not the whole store.
        start = self.folder / prefix.rpartition("/")[0]
        if ".." in start.parts:
            return
        for folder, _, names in os.walk(start):
            for name in names:
                key = (Path(folder) / name).relative_to(self.folder).as_posix()
                if key.startswith(prefix) and not key.startswith("."):
                    yield key

    def upload_link(
        self, key: str, size_bytes: int, content_type: str, expires_s: int, *, exact: bool = True
    ) -> Link:
        grant = Grant("upload", checked_key(key), _in(expires_s), content_type, size_bytes, exact)
        return Link(self._url(grant), "PUT", {"Content-Type": content_type})

    def download_link(
        self, key: str, filename: str, expires_s: int, *, content_type: str = "", inline: bool = False
    ) -> str:
        return self._url(Grant("download", checked_key(key), _in(expires_s), content_type,
                               filename=filename, inline=inline))  # fmt: skip

    def check(self) -> None:
        with self._unfinished() as unfinished:
            unfinished.touch()

    def _url(self, grant: Grant) -> str:
        return f"/store/{grant.key}?token={self.signer.sign(grant)}"

    def _inside(self, key: str) -> Path:
        path = self.folder / checked_key(key)
        # A link that someone put into the folder by hand must not lead out of it either.
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise BadRequest("This is not a key of the store.", key=key)
        return path

    def _place(self, key: str, move: Callable[[Path], object]) -> None:
        """Move a finished file to its key's place."""
        target = self._inside(key)
        for tries_left in reversed(range(_TRIES)):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                move(target)
                break
            except FileNotFoundError:
                # `delete` may remove an emptied folder just before we use it.
                if not tries_left:
                    raise
        _folder_to_disk(target.parent)

    @contextlib.contextmanager
    def _unfinished(self) -> Iterator[Path]:
        """A path for a file in the making, gone afterwards unless it was renamed."""
        path = self.folder / _UNFINISHED / secrets.token_hex(16)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                yield path
            finally:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _not_kept(error) from error

    def _drop_empty(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            while folder != self.folder:
                folder.rmdir()
                folder = folder.parent


def _copy(body: IO[bytes], out: BinaryIO, most_bytes: int) -> int:
    """Bytes copied: at most one more than ``most_bytes``, which is enough to know it was too many."""
    left = most_bytes + 1
    while left and (block := body.read(min(left, _BLOCK_BYTES))):
        out.write(block)
        left -= len(block)
    return most_bytes + 1 - left


def _check_received(received: int, size_bytes: int, exact: bool) -> None:
    if received > size_bytes or (exact and received != size_bytes):
        raise BadRequest(
            f"The upload must have {'exactly' if exact else 'at most'} {size_bytes} bytes; send it again.",
            expected_bytes=size_bytes, received_bytes=received,
        )  # fmt: skip


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _folder_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_kept(error: OSError) -> DownloadError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return DownloadError(
        "The disk of the store is full; make room and try again." if full
        else "The folder of the store cannot be written to; check that it exists and is ours.",
        cause=str(error),
    )  # fmt: skip


def _in(seconds: int) -> int:
    return int(time.time()) + seconds
