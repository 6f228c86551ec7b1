"""Named points at which a process ends by SIGKILL when a test asks for it.

The entries of the test's processes call one of the `install`s, which wrap the real functions; production
code knows nothing of it. A test arms a point with tokens, files in a folder that all processes know;
whoever reaches an armed point removes one token (only one process can) and dies. So "this point, ten
times" is ten tokens.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

#: Environment variable: the folder of tokens.
FOLDER = "ECG_CHAOS_FAULTS"

#: point → what has happened just then. All of them can be armed.
POINTS = {
    "create.before_commit": "web: a job is written, not committed; nobody was told 202",
    "create.after_commit": "web: the job is there, but the client never hears of it",
    "take.before_commit": "dispatcher: steps are marked as published, not committed",
    "take.after_commit": "dispatcher: steps are marked, no message is sent yet",
    "publish.before": "dispatcher: before one message is sent",
    "publish.after": "dispatcher: after one message was sent, others of its batch were not",
    "reconcile": "dispatcher: expired leases are known, none is brought back",
    "lose.before_commit": "dispatcher: a lost step is brought back, not committed",
    "lose.after_commit": "dispatcher: the step is back, nobody has published it",
    "deliver": "worker's parent: the message has left the queue and is noted nowhere (kombu's BRPOP window)",
    "ack.before": "worker's parent: a process is to look at the step, its message is not acknowledged",
    "ack.after": "worker's parent: the message is acknowledged",
    "claim.before_commit": "pool process: the step is claimed, not committed",
    "claim.after_commit": "pool process: the step is ours, no keeper knows it",
    "body": "pool process: in the middle of the work",
    "keep_part.before_commit": "pool process: a piece of unfinished work is written, not committed",
    "keep_part.after_commit": "pool process: a piece of unfinished work is there for the next attempt",
    "keeper": "the keeper of the lease dies while its worker works",
    "put.before": "pool process: the work is done, no file is in the store",
    "put.unfinished": "pool process: a file's bytes are in the store, but not under its key",
    "put.after": "pool process: a file is in the store, no row names it",
    "finish.before_commit": "pool process: the result is written, not committed",
    "finish.after_commit": "pool process: the result is committed, nobody was told",
    "fail.before_commit": "pool process: an error is written, not committed",
    "fail.after_commit": "pool process: the error is committed",
    "release.before_commit": "pool process, at SIGTERM: the step is handed back, not committed",
    "release.after_commit": "pool process, at SIGTERM: the step is handed back",
}  # fmt: skip

#: Record operation → module and function that does it.
_OPERATIONS = {
    "create": ("ecg.jobs.lifecycle", "create"),
    "take": ("ecg.jobs.dispatch", "take"),
    "claim": ("ecg.jobs.attempts", "claim"),
    "finish": ("ecg.jobs.attempts", "finish"),
    "fail": ("ecg.jobs.attempts", "fail"),
    "lose": ("ecg.jobs.attempts", "lose"),
    "release": ("ecg.jobs.attempts", "release"),
    "keep_part": ("ecg.jobs.attempts", "keep_part"),
}


def arm(folder: Path, point: str, times: int = 1, whom: str = "self") -> None:
    """Ask for a death at a point: of the process itself, or of its `group` (a whole worker)."""
    assert point in POINTS
    assert whom in {"self", "group"}
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(times):
        (folder / f"{point}+{whom}+{uuid.uuid4().hex}").touch()


def armed(folder: Path) -> Counter[str]:
    """Tokens that nobody has reached yet, by point."""
    return Counter(path.name.partition("+")[0] for path in folder.glob("*+*"))


def left(folder: Path) -> int:
    return armed(folder).total()


def disarm(folder: Path) -> None:
    for path in folder.glob("*+*"):
        path.unlink(missing_ok=True)


def fired(folder: Path) -> list[tuple[str, float, int | str]]:
    """Deaths so far: point, moment (monotonic seconds), and who: a process id, or a whole member's name."""
    log = folder / "fired"
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []


def reach(point: str) -> None:
    """Die here if a token asks for it."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    for name in os.listdir(folder):
        if name.startswith(f"{point}+"):
            try:
                os.unlink(os.path.join(folder, name))
            except FileNotFoundError:
                continue  # another process was first
            _die(point, name.split("+")[1], folder)


def _die(point: str, whom: str, folder: str) -> None:
    all_of_it = whom == "group" or os.getpid() == os.getpgrp()
    who = os.environ.get("ECG_CHAOS_MEMBER", "") if all_of_it else os.getpid()
    descriptor = os.open(os.path.join(folder, "fired"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, json.dumps([point, time.monotonic(), who]).encode() + b"\n")
    os.close(descriptor)
    if point == "keeper":
        for pid in _keepers_of(os.getpid()):
            os.kill(pid, signal.SIGKILL)
    elif whom == "group":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _keepers_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(p) for p in found if b"ecg.jobs.keeper" in Path(f"/proc/{p}/cmdline").read_bytes()]


def install() -> None:
    """Put the points of the record and the store into this process.

    Raises when something to be wrapped is not there any more, as all of these do.
    """
    from ecg.storage import LocalStore

    for operation, (module, function) in _OPERATIONS.items():
        _wrap_everywhere(getattr(import_module(module), function), _noting(operation))
    _watch_commits()
    LocalStore.put = _around("put.before", "put.after")(LocalStore.put)
    LocalStore._place = _around("put.unfinished", "")(LocalStore._place)


def install_in_worker() -> None:
    """All points of a worker: of its parent and of its pool's processes."""
    from kombu.transport.redis import QoS

    install()
    QoS.append = _around("deliver", "")(QoS.append)
    QoS.ack = _around("ack.before", "ack.after")(QoS.ack)


def install_in_dispatcher() -> None:
    import ecg.jobs.attempts
    from ecg.tasks import app

    install()
    _wrap_everywhere(ecg.jobs.attempts.lose, _around("reconcile", ""))
    app.send_task = _around("publish.before", "publish.after")(app.send_task)


def _around(before: str, after: str) -> Callable[[Callable], Callable]:
    def wrap(function: Callable) -> Callable:
        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if before:
                reach(before)
            result = function(*args, **kwargs)
            if after:
                reach(after)
            return result

        return wrapped

    return wrap


def _noting(operation: str) -> Callable[[Callable], Callable]:
    """Have the transaction know what was done in it; what came to nothing (`None`, no hints) is not noted."""

    def wrap(function: Callable) -> Callable:
        @wraps(function)
        def wrapped(session: Any, *args: Any, **kwargs: Any) -> Any:
            result = function(session, *args, **kwargs)
            if result or operation not in {"claim", "take"}:
                session.info.setdefault("chaos", []).append(operation)
            return result

        return wrapped

    return wrap


def _watch_commits() -> None:
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    @event.listens_for(Session, "before_commit")
    def before(session: Session) -> None:
        for operation in session.info.get("chaos", ()):
            session.flush()
            reach(f"{operation}.before_commit")

    @event.listens_for(Session, "after_commit")
    def after(session: Session) -> None:
        for operation in session.info.pop("chaos", ()):
            reach(f"{operation}.after_commit")


def _wrap_everywhere(function: Callable, wrap: Callable[[Callable], Callable]) -> None:
    """In every module of ours that holds the function: some import it by its name."""
    wrapped = wrap(function)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"ecg", "workers"}:
            for key, value in list(vars(module).items()):
                if value is function:
                    setattr(module, key, wrapped)
