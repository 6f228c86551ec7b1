"""One stack per data folder: the lock that says so, and where a running one can be found."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ecg.errors import Conflict, ServiceUnavailable

#: How long the processes of a supervisor that was killed may take to end (Postgres: its checkpoint).
_LEFTOVERS_S = 30.0


@dataclass(frozen=True)
class Running:
    """Addresses of a running stack. ``ready``: it has answered as healthy once."""

    url: str
    stream_url: str
    database_url: str
    redis_url: str
    flower_url: str
    pid: int
    ready: bool


@contextmanager
def lock(data_dir: Path) -> Iterator[int]:
    """Hold a data folder; yields the descriptor of the lock, for child processes to hold too.

    Raises `Conflict` with the address of the stack that has it. What a killed supervisor left behind is
    waited for: its children hold the lock until they have ended.
    """
    folder = private_folder(data_dir, "run")
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(fd, data_dir)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        forget(data_dir)
        yield fd
    finally:
        os.close(fd)


def find(data_dir: Path) -> Running | None:
    """The stack that runs on this data folder, if one does."""
    try:
        text = _state(data_dir).read_text()
        fd = os.open(data_dir / "run" / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return None
    try:
        state = Running(**json.loads(text))
        # A lock still held by what a killed supervisor left behind is no running stack.
        return None if _try_lock(fd, fcntl.LOCK_SH) or not _lives(state.pid) else state
    finally:
        os.close(fd)


@contextmanager
def in_use(data_dir: Path) -> Iterator[Callable[[Callable[[str], None]], None]]:
    """Say that a command uses the stack of this folder; yields how to wait until no other one does.

    So the command that started the stack does not stop it under the hands of another.
    """
    fd = os.open(private_folder(data_dir, "run") / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def wait_for_others(say: Callable[[str], None]) -> None:
        if not _try_lock(fd, fcntl.LOCK_EX):
            say("Another command still uses this ECG; it is stopped when that one is through.")
            fcntl.flock(fd, fcntl.LOCK_EX)

    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield wait_for_others
    finally:
        os.close(fd)


def announce(data_dir: Path, state: Running) -> None:
    """Tell other terminals of the same user where the stack is."""
    draft = _state(data_dir).with_suffix(".new")
    write_private(draft, json.dumps(asdict(state), indent=1))
    draft.rename(_state(data_dir))


def forget(data_dir: Path) -> None:
    """Take the addresses back."""
    _state(data_dir).unlink(missing_ok=True)


def private_folder(data_dir: Path, name: str) -> Path:
    """A folder of the data folder that only its owner can enter; makes both.

    The data folder itself may be passed through when root runs the stack: the user that Postgres runs
    as has its own private folder inside.
    """
    folder = data_dir / name
    try:
        if not data_dir.exists():
            data_dir.mkdir(parents=True)
            data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise ServiceUnavailable(
            f"{folder} cannot be used ({error.strerror}): set ECG_DATA_DIR to a folder of your own."
        ) from error
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from the first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)


def _state(data_dir: Path) -> Path:
    return data_dir / "run" / "stack.json"


def _try_lock(fd: int, kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
        return True
    return False


def _acquire(fd: int, data_dir: Path) -> None:
    deadline = time.monotonic() + _LEFTOVERS_S
    while not _try_lock(fd, fcntl.LOCK_EX):
        _refuse_if_alive(fd, data_dir)
        if time.monotonic() > deadline:
            raise ServiceUnavailable(
                f"What an earlier stack left running on {data_dir} does not end; "
                f"`fuser {data_dir}/run/lock` names its processes."
            )
        time.sleep(0.1)


def _lives(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _refuse_if_alive(fd: int, data_dir: Path) -> None:
    pid = os.pread(fd, 20, 0).decode()
    if not pid or not _lives(int(pid)):
        return
    try:
        where = json.loads(_state(data_dir).read_text())["url"]
    except FileNotFoundError:
        where = "still starting"
    raise Conflict(
        f"ECG runs already on {data_dir}: {where} (process {pid}). Use that one, stop it with Ctrl-C, or "
        "name another folder by ECG_DATA_DIR."
    )
