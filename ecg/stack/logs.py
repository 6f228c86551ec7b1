"""Log files of the stack's processes, kept from growing without end."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_LARGEST_BYTES = 16 * 1024**2


def opened(path: Path) -> BinaryIO:
    """The log, to append to. One that has grown large is set aside as ``.old``, in place of the last such."""
    if path.exists() and path.stat().st_size > _LARGEST_BYTES:
        path.replace(path.with_name(path.name + ".old"))
    return path.open("ab")


def tail(path: Path, size_bytes: int = 1500) -> str:
    """The end of a log, for a person to read."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - size_bytes))
        return log.read().decode(errors="replace").strip()
