"""A disk of its own for a folder, small enough to be full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import require


@contextmanager
def a_tiny_disk(folder: Path, size_bytes: int) -> Iterator[None]:
    """Mount a disk in memory at the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder],
                             capture_output=True, text=True)  # fmt: skip
    require(mounted.returncode == 0, f"a disk in memory cannot be mounted here: {mounted.stderr}")
    try:
        yield
    finally:
        unmount(folder)


def unmount(folder: Path) -> None:
    """Take the disk away, even from under whoever uses it."""
    subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


def fill(folder: Path) -> Path:
    """Write until nothing more fits; returns the file to remove to make room."""
    ballast = folder / ".ballast"
    with ballast.open("wb", buffering=0) as out:
        try:
            while out.write(b"\0" * 4096):
                pass
        except OSError:
            return ballast
    raise AssertionError("a disk that is never full")
