"""What tests of ffmpeg may ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.media import clips
from tests.processes import asked


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second, 320×180, 25 frames a second, with sound; read by many tests and changed by none."""
    return clips.video(tmp_path_factory.mktemp("clips") / "plain.mp4")


@pytest.fixture
def children_left() -> Callable[[], list[str]]:
    """Names of the processes that this test has started and not ended."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}

    def left() -> list[str]:
        return [name for child, name in asked(psutil.Process.name) if child.pid not in before]

    return left
