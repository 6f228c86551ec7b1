"""What a speech engine is, what it hands over, and which one is taken.

Each engine is a module beside this one with ``open_engine(models_dir, whisper_model)``; it is the
only importer of the library it wraps, and says `EngineUnavailable` where that library or its weights
are missing. ``auto`` takes the first of `ENGINES` that opens; the result names it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ecg.errors import EngineUnavailable
from ecg.speech.activity import Stretch
from ecg.transcript import Segment, Turn

ProgressCallback = Callable[[float], None]

# Best first.
ENGINES: Mapping[str, str] = {
    "whisperx": "ecg.speech.whisperx",
    "faster-whisper": "ecg.speech.faster_whisper",
    "offline": "ecg.speech.offline",
}


@dataclass(frozen=True, slots=True)
class Recognized:
    """What an engine heard: segments in order of time, without features; a speaker is known only where
    the words come from a caption file that names one.

    ``language`` is the one the words are in. ``metadata`` has at least ``engine`` and ``model``.
    """

    segments: tuple[Segment, ...]
    language: str
    warnings: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "segments": [segment.to_json() for segment in self.segments],
            "language": self.language,
            "warnings": list(self.warnings),
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recognized:
        return cls(
            tuple(Segment.from_json(segment) for segment in data["segments"]),
            data["language"], tuple(data["warnings"]), data["metadata"],
        )  # fmt: skip


class SpeechEngine(Protocol):
    """Turns sound into timed words. Opening one is cheap; weights load at the first `transcribe`.

    ``chunk_s``: how much sound to ask for in one call, in seconds. What a call has done is lost with it.
    ``speakers_by``: what tells speakers apart, for the result's metadata.
    """

    name: str
    model: str
    chunk_s: float
    speakers_by: str

    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes this engine knows; ``None``: it tells languages apart by itself."""

    def transcribe(
        self, wav: Path, language: str | None, on_progress: ProgressCallback,
        stretches: Sequence[Stretch] | None = None, hotwords: Sequence[str] = (),
    ) -> Recognized:  # fmt: skip
        """Recognise a 16 kHz mono 16-bit WAV file, or only these ``stretches`` of speech in it.

        ``language``: the one to use, or ``None`` to let the engine decide. ``hotwords``: names and terms
        that are likely to be said. ``on_progress`` gets the finished share of the sound, 0..1, and may
        raise to stop the work. Words carry the time of the file, and only the sound of the stretches is
        read into memory. Raises `LanguageUnsupported`.
        """

    def follow(
        self, wav: Path, script: str, language: str | None, on_progress: ProgressCallback
    ) -> Recognized:
        """Lay a given ``script`` on the sound instead of recognising it: its words, verbatim, with times.

        Lines of the script are segments. What is said otherwise, is left out or is said beside it is
        marked (`MarkKind`). Everything else is as with `transcribe`.
        """

    def find_speakers(
        self, wav: Path, speakers: int | None, on_progress: ProgressCallback
    ) -> tuple[Turn, ...]:
        """Who speaks when, named SPEAKER_00 … in order of first appearance; turns may overlap.

        ``speakers``: how many there are, when that is known.
        """


def choose_engine(setting: str, models_dir: Path, whisper_model: str) -> SpeechEngine:
    """The engine named by ``setting``, or for ``auto`` the best one that can run here.

    Raises `EngineUnavailable` with what to do about it; never looks for weights on a network.
    """
    if setting != "auto":
        return _open(setting, models_dir, whisper_model)
    reasons = []
    for name in ENGINES:
        try:
            return _open(name, models_dir, whisper_model)
        except EngineUnavailable as error:
            reasons.append(error.message)
    raise EngineUnavailable("No speech engine can run here. " + " ".join(reasons))


def _open(name: str, models_dir: Path, whisper_model: str) -> SpeechEngine:
    if name not in ENGINES:
        raise EngineUnavailable(
            f"There is no speech engine {name!r}: set ECG_ENGINE to auto, {', '.join(ENGINES)}.", engine=name
        )
    try:
        module = importlib.import_module(ENGINES[name])
    except ModuleNotFoundError as error:
        if error.name == ENGINES[name]:
            remedy = "this version of ECG does not have it yet; set ECG_ENGINE=auto."
        else:
            remedy = f"it needs {error.name!r}: `pip install 'ecg[{name}]'`, or set ECG_ENGINE=auto."
        raise EngineUnavailable(f"The {name} engine cannot run here: {remedy}", engine=name) from error
    return module.open_engine(models_dir, whisper_model)
