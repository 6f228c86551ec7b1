"""A clip that many tests read and none changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media import clips


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second, 320×180, 25 frames a second, with sound."""
    return clips.video(tmp_path_factory.mktemp("clips") / "plain.mp4")
