"""Long recordings in the small, an engine that tells what it was asked for, and a drawer for parts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from ecg.speech.activity import Stretch
from ecg.speech.engine import ProgressCallback, Recognized, SpeechEngine
from ecg.speech.waveform import read_wav
from tests.speech.sounds import recording

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
        stretches: Sequence[Stretch] | None = None, hotwords: Sequence[str] = (),
    ) -> Recognized:  # fmt: skip
        if len(self.calls) == self.lives:
            raise SystemExit
        assert stretches
        self.calls.append((language, stretches[0].start_s, stretches[-1].end_s))
        return self.engine.transcribe(wav, language, on_progress, stretches, hotwords)


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


_BEGINNING = """
import resource, sys
from pathlib import Path
from ecg.speech.engine import choose_engine
from ecg.stages.recognition import recognize
from tests.speech.sounds import ignore_progress
from tests.stages.speaking import Drawer
wav, name, models = Path(sys.argv[1]), *sys.argv[2:]
engine = choose_engine(name, Path(models), "")
"""
RECOGNISED = 'recognize(wav, wav.parent, engine, "en", Drawer(wav.with_suffix(".parts")), ignore_progress)'
SPEAKERS_TOLD = "engine.find_speakers(wav, None, ignore_progress)"
_END = "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def peak_kib(work: str, engine: str, models: Path | str, minutes: int, folder: Path) -> int:
    """The most memory that a fresh process has had, which did that to a reading, again and again the same."""
    once = np.concatenate([read_wav(recording("austen-0870.wav", folder)), np.zeros(8000, np.int16)])
    wav = folder / f"{minutes}.wav"
    wavfile.write(wav, 16000, np.resize(once, minutes * 60 * 16000))
    argv = [sys.executable, "-c", "\n".join([_BEGINNING, work, _END]), wav, engine, models]
    return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[-1])
