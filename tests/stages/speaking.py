"""Long recordings in the small, an engine that tells what it was asked for, and a drawer for parts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ecg.speech.activity import Stretch
from ecg.speech.engine import ProgressCallback, Recognized, SpeechEngine

TALK = [
    ("slt", "Nobody in the room had heard the story."),
    ("rms", "We went home for dinner."),
    ("kal", "The money was ready by the end of the month."),
    ("slt", "She walked along the beach for an hour."),
    ("rms", "The bridge over the river is new."),
    ("slt", "Good morning, how are you today?"),
]
TALK_CHUNK_S = 6.0  # with 0.9 s between its sentences, that makes three chunks of the talk


class Watched:
    """A real engine with chunks of its own length; ``calls`` has the language and the span of each call.

    It is ended like a worker in a shutdown when it is called once more than ``lives`` times.
    """

    def __init__(self, engine: SpeechEngine, chunk_s: float, lives: int = 1000) -> None:
        self.engine, self.name, self.model = engine, engine.name, engine.model
        self.chunk_s, self.lives = chunk_s, lives
        self.calls: list[tuple[str | None, float, float]] = []

    def languages(self) -> frozenset[str] | None:
        return self.engine.languages()

    def transcribe(
        self, wav: Path, language: str | None, on_progress: ProgressCallback,
        stretches: Sequence[Stretch] | None = None,
    ) -> Recognized:  # fmt: skip
        if len(self.calls) == self.lives:
            raise SystemExit
        assert stretches
        self.calls.append((language, stretches[0].start_s, stretches[-1].end_s))
        return self.engine.transcribe(wav, language, on_progress, stretches)


class Drawer:
    """Parts in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def part(self, name: str) -> Path | None:
        path = self.folder / name
        return path if path.exists() else None

    def keep_part(self, name: str, path: Path) -> None:
        shutil.copy(path, self.folder / name)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())
