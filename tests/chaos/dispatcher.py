"""The dispatcher with fault points in it: ``python -m tests.chaos.dispatcher``."""

from __future__ import annotations

from tests.chaos import faults
from workers import dispatch

if __name__ == "__main__":
    faults.install_in_dispatcher()
    dispatch.main()
