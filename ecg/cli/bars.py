"""Progress at the terminal: bars where there is one, a line now and then where there is not."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

_LINE_EVERY_PERCENT = 20
_LINE_EVERY_S = 15.0


class Bars:
    """One bar per stage, each from 0 to 100 percent, with a note of what is being done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<9}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"), console=console,
        ) if console.is_terminal else None  # fmt: skip

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:  # fmt: skip
        if self._progress:
            self._progress.stop()

    def stage(self, name: str) -> Stage:
        """Begin the next stage."""
        if self._progress:
            return Bar(self._progress, self._progress.add_task(name, total=100, note=""))
        return Lines(self._console, name)


class Stage(Protocol):
    """How far one stage is; ``percent`` 0..100."""

    def show(self, percent: float, note: str = "") -> None: ...


class Bar:
    """A stage as a bar that moves."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def show(self, percent: float, note: str = "") -> None:
        self._progress.update(self._task, completed=percent, note=note)


class Lines:
    """A stage as plain lines: when the note changes, or much has been done, or some time has passed."""

    def __init__(self, console: Console, name: str) -> None:
        self._console, self._name = console, name
        self._shown: tuple[int, str] | None = None
        self._shown_s = 0.0

    def show(self, percent: float, note: str = "") -> None:
        now = (int(percent // _LINE_EVERY_PERCENT), note)
        if now == self._shown and time.monotonic() - self._shown_s < _LINE_EVERY_S:
            return
        self._shown, self._shown_s = now, time.monotonic()
        self._console.print(f"{self._name}: {percent:3.0f} %  {note}".rstrip(), highlight=False, markup=False)
