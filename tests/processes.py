"""Processes below one, each asked something; those that end meanwhile are left out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psutil

Answer = TypeVar("Answer")


def asked(
    ask: Callable[[psutil.Process], Answer], pid: int | None = None
) -> list[tuple[psutil.Process, Answer]]:
    """Every process below this one, or below ``pid``, with what it answered."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found.append((process, ask(process)))
    return found


def named(name: str, pid: int | None = None) -> list[psutil.Process]:
    """Those of this name that have not ended."""
    states = asked(lambda process: (process.name(), process.status()), pid)
    return [process for process, (own, status) in states if own == name and status != psutil.STATUS_ZOMBIE]
