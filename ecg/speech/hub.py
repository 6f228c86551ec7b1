"""Weights brought from the Hugging Face hub and other servers into the models folder; no worker does this.

A set is put together beside its place and moved there when it is whole, so an engine never opens half of
one. What a broken download left is taken up again by the next one.
"""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any

import requests

from ecg.errors import DownloadError, EcgError, EngineUnavailable
from ecg.speech import weights as at
from ecg.speech.weights import Locked, LockedFile, Weights

_STAGING = ".pulling"
_TIMEOUT_S = 20.0
#: What has arrived of a block is lost when the connection breaks.
_BLOCK_BYTES = 1 << 16
#: Archives are small; one that is not is not what was meant.
_LARGEST_ARCHIVE_BYTES = 200 << 20
_REFUSED = {401, 403}
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS}


def pull(weights: Weights, models_dir: Path, *, update: bool = False, say: Callable[[str], None]) -> Locked:
    """Bring a set into the models folder, exactly as it was pulled before, or its newest with ``update``.

    Files that are there and whole stay; damaged ones are fetched again. Without ``update`` and with
    everything whole, no server is asked. Raises `DownloadError` with what to do.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    before = at.read_lock(models_dir).get(weights.name)
    folder = models_dir / weights.name
    intact = {} if before is None else {
        path: file for path, file in before.files.items() if at.is_intact(folder / path, file)
    }  # fmt: skip
    if before and not update and len(intact) == len(before.files):
        say(f"{weights.name} is there and whole.")
        return before
    with _told(weights, models_dir):
        staging = models_dir / _STAGING / weights.name
        staging.mkdir(parents=True, exist_ok=True)
        fetch = _fetch_archive if weights.is_archive else _fetch_snapshot
        locked = fetch(weights, _Stage(staging, folder, intact), None if update else before, update, say)
        _put_in_place(staging, folder, locked)
    at.write_lock(models_dir, {**at.read_lock(models_dir), weights.name: locked})
    say(f"{weights.name} is in {folder}, {locked.size_bytes / 1e6:,.0f} MB, licence: {locked.licence}.")
    return locked


@dataclass(frozen=True)
class _Stage:
    """Where a set is put together: ``folder`` has the old one, of which ``intact`` files may be kept."""

    path: Path
    folder: Path
    intact: Mapping[str, LockedFile]

    def keep(self, name: str, sha256: str | None) -> bool:
        """Take a file over from the old set, if it is the one wanted; costs no room on the disk."""
        if sha256 is None or name not in self.intact or self.intact[name].sha256 != sha256:
            return False
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(self.folder / name, target)
        except OSError:  # a file system without links
            shutil.copyfile(self.folder / name, target)
        return True

    def measured(self, names: list[str]) -> dict[str, LockedFile]:
        return {
            name: LockedFile(at.sha256(self.path / name), (self.path / name).stat().st_size) for name in names
        }


def _fetch_snapshot(
    weights: Weights, stage: _Stage, before: Locked | None, update: bool, say: Callable[[str], None]
) -> Locked:
    """The files of a repository of the hub at one commit."""
    hub = _library()
    endpoint = os.environ.get("HF_ENDPOINT") or None
    pinned = before.revision if before else "" if update else weights.revision
    info = hub.HfApi(endpoint=endpoint).model_info(
        weights.source, revision=pinned or None, files_metadata=True, timeout=_TIMEOUT_S
    )
    known = {file.rfilename: file.lfs.sha256 if file.lfs else None for file in info.siblings}
    names = _needed(weights, list(known))
    if before:
        known |= {name: file.sha256 for name, file in before.files.items()}
    say(f"{weights.name}: {weights.source} at {info.sha[:12]}, {len(names)} files …")
    for name in names:
        if not stage.keep(name, known[name]):
            hub.hf_hub_download(
                weights.source, name, revision=info.sha, local_dir=stage.path, endpoint=endpoint
            )
    files = stage.measured(names)
    for name, file in files.items():
        if known[name] not in {None, file.sha256}:
            (stage.path / name).unlink()
            raise DownloadError(f"{name} of {weights.source} arrived damaged; pull it again.", file=name)
    return Locked(weights.source, info.sha, weights.licence or _licence(info), files)


def _needed(weights: Weights, there: list[str]) -> list[str]:
    names = [name for name in there if any(fnmatch(name, pattern) for pattern in weights.files)]
    choice = next((name for name in weights.either if name in there), None)
    if (weights.either and choice is None) or not names:
        raise DownloadError(
            f"{weights.source} has no {' or '.join(weights.either or weights.files)}; the repository has "
            "changed its form. Pull without --update, or put the files into the folder by hand."
        )
    return [*names, choice] if choice else names


def _licence(info: Any) -> str:
    return str((info.card_data or {}).get("license") or "not said; see its page")


def _fetch_archive(
    weights: Weights, stage: _Stage, before: Locked | None, update: bool, say: Callable[[str], None]
) -> Locked:
    """What a ZIP archive holds, whose SHA-256 must be the one known."""
    say(f"{weights.name}: {weights.source} …")
    archive = stage.path.with_suffix(".zip")
    _download(weights.source, archive)
    found = at.sha256(archive)
    pinned = before.revision if before else "" if update else weights.revision
    if pinned and found != pinned:
        archive.unlink()
        raise DownloadError(
            f"{weights.source} is not the archive that ECG knows (SHA-256 {found[:12]}…, expected "
            f"{pinned[:12]}…). Pull again; if it stays so, `ecg models pull {weights.name} --update` takes "
            "the new one.", found=found, expected=pinned,
        )  # fmt: skip
    names = _unpack(archive, stage.path / weights.into, weights.files)
    archive.unlink()
    return Locked(weights.source, found, weights.licence,
                  stage.measured([str(Path(weights.into) / name) for name in names]))  # fmt: skip


def _download(url: str, target: Path) -> None:
    """Fetch a file, going on where an earlier attempt was cut off."""
    have = target.stat().st_size if target.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # all of it is there
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        size = have if resumed else 0
        with target.open("ab" if resumed else "wb") as out:
            for block in response.iter_content(_BLOCK_BYTES):
                size += len(block)
                if size > _LARGEST_ARCHIVE_BYTES:
                    raise DownloadError(f"{url} is larger than any archive expected; it was not taken.")
                out.write(block)


def _unpack(archive: Path, folder: Path, patterns: tuple[str, ...]) -> list[str]:
    """Unpack the files wanted; `ZipFile` itself keeps them inside the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as opened:
        names = [
            name for name in opened.namelist()
            if not name.endswith("/") and any(fnmatch(name, pattern) for pattern in patterns)
        ]  # fmt: skip
        opened.extractall(folder, names)
    return names


def _put_in_place(staging: Path, folder: Path, locked: Locked) -> None:
    """The old set gives way to the new one; a worker that has the old files open keeps them."""
    shutil.rmtree(staging / ".cache", ignore_errors=True)  # the notes of huggingface_hub
    for path in list(staging.rglob("*")):
        if path.is_file() and str(path.relative_to(staging)) not in locked.files:
            path.unlink()  # of another revision, whose download was given up
    old = staging.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    staging.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _library() -> ModuleType:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        return importlib.import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            "Weights come with the library huggingface_hub: `pip install 'ecg[faster-whisper]'`."
        ) from error


@contextmanager
def _told(weights: Weights, models_dir: Path) -> Iterator[None]:
    """Whatever goes wrong on the way is a `DownloadError` that says what to do."""
    try:
        yield
    except EcgError:
        raise
    except _network_errors() as error:
        raise DownloadError(_remedy(weights, models_dir, error), weights=weights.name) from error
    except zipfile.BadZipFile as error:
        raise DownloadError(f"{weights.source} is not a ZIP archive; pull it again.") from error


def _network_errors() -> tuple[type[Exception], ...]:
    """Up to its 0.x the hub's library raises OSErrors, as requests does; from 1.0 on those of httpx too."""
    try:
        return (OSError, importlib.import_module("httpx").HTTPError)
    except ModuleNotFoundError:
        return (OSError,)


def _remedy(weights: Weights, models_dir: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        return f"{models_dir} cannot take it ({error.strerror}): make room, or set ECG_MODELS_DIR."
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "ON", "YES", "TRUE"}:
        return "HF_HUB_OFFLINE is set, so nothing is downloaded: unset it for `ecg models pull`."
    status = _status(error)
    if status in _REFUSED:
        return _refused(weights)
    if status == 404:
        return (f"{weights.source} has no such revision or file any more: `ecg models pull {weights.name} "
                "--update` takes its newest.")  # fmt: skip
    answered = f"it answered {status}" if status else "it does not answer, or broke off"
    return (
        f"{weights.name} could not be brought from {_server(weights)} ({answered}). Check the network (a "
        "proxy is named in HTTPS_PROXY, a mirror of the hub in HF_ENDPOINT) and pull again: what has arrived "
        f"is kept. Or put the files into {models_dir / weights.name} by hand."
    )


def _server(weights: Weights) -> str:
    if weights.is_archive:
        return weights.source
    return f"{os.environ.get('HF_ENDPOINT') or 'https://huggingface.co'}/{weights.source}"


def _refused(weights: Weights) -> str:
    page = f"https://huggingface.co/{weights.source}"
    if not weights.gated:
        return f"The hub refuses {weights.source}: the token in HF_TOKEN may have run out. Unset or renew it."
    return (
        f"{weights.source} ({weights.licence}) is given to those who have accepted its conditions. 1. Sign "
        f"in and accept them at {page}. 2. With the same account, make a token that may read at "
        f"https://huggingface.co/settings/tokens. 3. `HF_TOKEN=hf_… ecg models pull {weights.name}`."
    )


def _status(error: BaseException | None) -> int | None:
    """The status a server answered with, from the error or what caused it."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            return int(response.status_code)
        error = error.__cause__
    return None
