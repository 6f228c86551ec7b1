"""A worker's part of an ingest, as a process: paths come in, one a line; what became of each goes out.

``python -m tests.media.ingesting SCRATCH``. Lines out are JSON: ``outcome`` (``done``, the code of a typed
error, or ``UNTYPED``), ``message``, ``taken_s``, and ``peak_bytes``, the most that this process and the
largest it ever started held together.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import traceback
from pathlib import Path

from ecg.errors import EcgError
from ecg.media.probe import Limits
from ecg.stages.analysis import ingest


def main() -> None:
    scratch = Path(sys.argv[1])
    for line in sys.stdin:
        started_s = time.monotonic()
        outcome, message = became(Path(json.loads(line)), scratch / "audio.wav")
        taken_s = time.monotonic() - started_s
        told = {"outcome": outcome, "message": message, "taken_s": taken_s, "peak_bytes": peak_bytes()}
        print(json.dumps(told), flush=True)


def became(path: Path, audio: Path) -> tuple[str, str]:
    try:
        ingest(path, audio, Limits(), lambda share: None)
    except EcgError as error:
        return error.code, error.message
    except Exception:
        return "UNTYPED", traceback.format_exc()
    return "done", ""


def peak_bytes() -> int:
    """Tools run one after the other; each under a guard, which is counted as large as the tool."""
    # What the kernel tells of oneself as ``ru_maxrss`` begins with the size of whoever started one.
    told = Path("/proc/self/status").read_text()
    own_kib = int(told.partition("VmHWM:")[2].split()[0])
    return (own_kib + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024


if __name__ == "__main__":
    main()
