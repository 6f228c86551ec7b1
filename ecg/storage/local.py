"""A store that is a folder on this machine, with links that the web tier serves."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO

from ecg.errors import BadRequest, Conflict, NotFound, StoreUnavailable
from ecg.storage.links import Grant, Signer
from ecg.storage.store import Link, Part, checked_key, is_key

_BLOCK_BYTES = 1 << 20
# A key cannot begin with a dot, so unfinished files are never mistaken for kept ones.
# The folder of unfinished files is also how a store is told from the empty place where it was mounted.
_UNFINISHED = ".unfinished"
# A file being written is touched all the time; one untouched for so long is a killed process's.
_ABANDONED_S = 3600.0
# Parts of a file that is on its way; each upload's in a folder named by its id.
_PARTS = ".parts"
_PARTS_ABANDONED_S = 86400.0
_TRIES = 5
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalStore:
    """A folder. Files appear in it by rename, after their bytes are on disk.

    It is made at its first use. From then on, one that is gone (removed, not mounted) is an outage for
    this object, and is not made anew: what would be put there would vanish when the old one is back.
    """

    origin = ""

    def __init__(self, folder: Path, signing_key: str) -> None:
        self.folder = folder
        self.signer = Signer(signing_key)
        self._seen = False

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
            _write(body, unfinished, size_bytes, exact)
            try:
                self._place_once(key, unfinished)
            except FileExistsError:
                raise Conflict("This file has been uploaded already.") from None

    def copy(self, key: str, to_key: str) -> None:
        """A second name: a file of the store is replaced at times, but never written to."""
        with self._reading(key):
            path = self.path(key)
            os.utime(path)  # whoever sweeps what is old must not take the copy for as old as the file
            self._place_once(to_key, path)

    def begin_parts(self, key: str, content_type: str) -> str:
        checked_key(key)
        parts_id = secrets.token_hex(16)
        self._make_or_miss()
        with _typed():
            self._parts_folder(parts_id).mkdir(parents=True)
        return parts_id

    def receive_part(self, parts_id: str, number: int, body: IO[bytes], size_bytes: int) -> None:
        """Keep a part that a browser sends, in place of what came as this part before."""
        with self._unfinished() as unfinished:
            _write(body, unfinished, size_bytes, True)
            try:
                unfinished.rename(self._parts_folder(parts_id) / str(number))
            except FileNotFoundError:
                raise Conflict("This upload was completed or given up; begin another.") from None

    def parts(self, key: str, parts_id: str) -> list[Part]:
        with self._reading_parts(key, parts_id) as folder:
            found = [(int(path.name), path.stat()) for path in folder.iterdir()]
        return [Part(number, stat.st_size, f"{stat.st_mtime_ns:x}") for number, stat in sorted(found)]

    def join(self, key: str, parts_id: str, parts: Sequence[Part]) -> None:
        with self._unfinished() as unfinished:
            with self._reading_parts(key, parts_id) as folder, unfinished.open("wb") as out:
                for part in parts:
                    with (folder / str(part.number)).open("rb") as piece:
                        shutil.copyfileobj(piece, out, _BLOCK_BYTES)
                _to_disk(out)
            # Somebody may join them at the same time; the first one counts.
            with contextlib.suppress(FileExistsError):
                self._place_once(key, unfinished)
        self.drop_parts(key, parts_id)

    def drop_parts(self, key: str, parts_id: str) -> None:
        folder = self._parts_folder(parts_id)
        dropped = folder.with_name(secrets.token_hex(16))
        # All at once, so that nobody takes some of them for all.
        with contextlib.suppress(OSError):
            folder.rename(dropped)
        shutil.rmtree(dropped, ignore_errors=True)

    def open(self, key: str) -> BinaryIO:
        with self._reading(key):
            return self.path(key).open("rb")

    def fetch(self, key: str, folder: Path) -> Path:
        """The store's own file: nothing is copied, so it must not be written to."""
        return self.path(key)

    def path(self, key: str) -> Path:
        """Where the file is; `NotFound` when there is none."""
        with self._reading(key) as path:
            if not stat.S_ISREG(path.stat().st_mode):
                raise FileNotFoundError(key)
            return path

    def size(self, key: str) -> int:
        with self._reading(key):
            return self.path(key).stat().st_size

    def exists(self, key: str) -> bool:
        try:
            self.path(key)
        except NotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        try:
            with self._reading(key) as path:
                path.unlink()
                self._drop_empty(path.parent)
        except NotFound:
            return

    def keys(self, prefix: str, *, older_than_s: float = 0.0) -> Iterator[str]:
        # Only the folder that the prefix names is walked, not the whole store.
        start = self.folder / prefix.rpartition("/")[0]
        if ".." in start.parts:
            return
        self._make_or_miss()
        for folder, _, names in os.walk(start, onerror=_unless_gone):
            for name in names:
                path = Path(folder) / name
                key = path.relative_to(self.folder).as_posix()
                if is_key(key) and key.startswith(prefix) and _is_older(path, older_than_s):
                    yield key

    def sweep(self) -> None:
        self._make_or_miss()
        with _typed():
            for path in (self.folder / _UNFINISHED).iterdir():
                if _is_older(path, _ABANDONED_S):
                    path.unlink(missing_ok=True)
            for folder in (self.folder / _PARTS).glob("*"):
                if _is_older(folder, _PARTS_ABANDONED_S):
                    shutil.rmtree(folder, ignore_errors=True)

    def upload_link(
        self, key: str, size_bytes: int, content_type: str, expires_s: int, *, exact: bool = True
    ) -> Link:
        grant = Grant("upload", checked_key(key), _in(expires_s), content_type, size_bytes, exact)
        return Link(self._url(grant), "PUT", {"Content-Type": content_type})

    def upload_form(
        self, key: str, size_bytes: int, content_type: str, expires_s: int, *, sha256: str = ""
    ) -> Link:
        return self.upload_link(key, size_bytes, content_type, expires_s)

    def part_link(self, key: str, parts_id: str, number: int, size_bytes: int, expires_s: int) -> Link:
        return Link(self._url(Grant("upload", checked_key(key), _in(expires_s), size_bytes=size_bytes,
                                    parts_id=parts_id, part=number)))  # fmt: skip

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

    @contextlib.contextmanager
    def _reading(self, key: str) -> Iterator[Path]:
        """The path of a key; in the block, a file that is not there is told from a store that is not."""
        with _typed():
            try:
                yield self._inside(key)
            except _ABSENT:
                self._make_or_miss()
                raise NotFound("The store has no such file.", key=key) from None

    @contextlib.contextmanager
    def _reading_parts(self, key: str, parts_id: str) -> Iterator[Path]:
        with self._reading(key):
            yield self._parts_folder(parts_id)

    def _parts_folder(self, parts_id: str) -> Path:
        return self.folder / _PARTS / parts_id

    def _make_or_miss(self) -> None:
        """See that the store is there. Only its first use makes it; `StoreUnavailable` when it is gone."""
        folder = self.folder / _UNFINISHED
        with _typed():
            if self._seen:
                folder.stat()
            else:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._seen = True

    def _place_once(self, key: str, path: Path) -> None:
        """Give a finished file its key, too. Unlike a rename, a link never replaces what is there:
        `FileExistsError`.
        """
        self._place(key, lambda target: os.link(path, target))

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
        self._make_or_miss()
        path = self.folder / _UNFINISHED / secrets.token_hex(16)
        with _typed():
            try:
                yield path
            finally:
                path.unlink(missing_ok=True)

    def _drop_empty(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            while folder != self.folder:
                folder.rmdir()
                folder = folder.parent


def _write(body: IO[bytes], to: Path, size_bytes: int, exact: bool) -> None:
    with to.open("wb") as out:
        _check_received(_copy(body, out, size_bytes), size_bytes, exact)
        _to_disk(out)


def _copy(body: IO[bytes], out: BinaryIO, most_bytes: int) -> int:
    """Bytes copied: at most one more than ``most_bytes``, which is enough to know it was too many."""
    left = most_bytes + 1
    while left and (block := _read(body, min(left, _BLOCK_BYTES))):
        out.write(block)
        left -= len(block)
    return most_bytes + 1 - left


def _read(body: IO[bytes], most_bytes: int) -> bytes:
    try:
        return body.read(most_bytes)
    except OSError as error:
        # The browser hung up; nothing is wrong with the store.
        raise BadRequest("The upload broke off; send the file again.", cause=str(error)) from error


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


def _is_older(path: Path, seconds: float) -> bool:
    """Whether a file was last written longer ago than that; one that is gone is not."""
    if not seconds:
        return True
    try:
        return time.time() - path.stat().st_mtime > seconds
    except OSError as error:
        _unless_gone(error)
        return False


def _unless_gone(error: OSError) -> None:
    # A folder that is emptied while its neighbours are listed is removed with its last file.
    if not isinstance(error, _ABSENT):
        raise _unavailable(error) from error


@contextlib.contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unavailable(error) from error


def _unavailable(error: OSError) -> StoreUnavailable:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return StoreUnavailable(
        "The disk of the store is full; make room, and what waits for it goes on." if full
        else "The folder of the store is away or cannot be used; check that it is mounted, whole and ours.",
        cause=str(error),
    )  # fmt: skip


def _in(seconds: int) -> int:
    return int(time.time()) + seconds
