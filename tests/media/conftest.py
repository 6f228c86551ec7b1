"""What tests of ffmpeg may ask for."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest


@pytest.fixture
def children_left() -> Callable[[], list[str]]:
    """Names of the processes that this test has started and not ended."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}

    def left() -> list[str]:
        children = psutil.Process().children(recursive=True)
        return [child.name() for child in children if child.pid not in before]

    return left
