"""A stand-in for ``nvidia-smi`` on the PATH: answers from a file, once or in a loop, as the real one does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_PROGRAM = """#!{python} -S
import sys, time
options = dict(part.lstrip("-").partition("=")[::2] for part in sys.argv[1:])
rows = [line.split(", ") for line in open({figures!r}).read().splitlines()]
names = {names!r}
open({asked!r}, "a").write(" ".join(sys.argv[1:]) + chr(10))
shown = [row for row in rows if options.get("id") in (None, row[0])]
if not shown:
    sys.exit(6)
for turn in range(10**6 if "loop-ms" in options else 1):
    row = shown[min(turn, len(shown) - 1)] if "loop-ms" in options else None
    for each in [row] if row else shown:
        print(", ".join(each[names.index(name)] for name in options["query-gpu"].split(",")), flush=True)
    time.sleep(0.02 if row else 0)
"""
_NAMES = ["index", "name", "memory.used", "memory.total", "utilization.gpu"]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *rows: str) -> Path:
    """Put it on the PATH; returns the file with the command lines it is called with.

    ``rows``: ``index, name, used MiB, total MiB, busy %``; several of one GPU are told one after another.
    """
    figures, asked, program = folder / "figures.csv", folder / "asked", folder / "nvidia-smi"
    figures.write_text("\n".join(rows))
    text = _PROGRAM.format(python=sys.executable, figures=str(figures), names=_NAMES, asked=str(asked))
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return asked
