"""The models of the engine: opened at their first use, kept loaded, let go when nobody works with them."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecg.speech.memory_ladder import MemoryLadder, Rung, rungs
from ecg.speech.whisperx import stack
from ecg.speech.whisperx.listening import Listener

if TYPE_CHECKING:
    from ecg.speech.whisperx.aligning import Aligner
    from ecg.speech.whisperx.diarizing import Diarizer

# Alignment models that stay loaded; each is 0.4 to 1.3 GB.
_ALIGNERS = 2
# Windows of 30 s that go through an alignment model at once.
_ALIGNED_AT_ONCE, _WINDOW_S = 8, 30.0


@dataclass(frozen=True, slots=True)
class Choices:
    """How to run Whisper. ``None``: the GPU in float16 where there is one, else the CPU in 8 bits.

    ``open_whisper``: loads weights, given folder, device and compute type.
    """

    batch_size: int
    device: str | None = None
    compute_type: str | None = None
    open_whisper: Callable[[Path, str, str], Any] = stack.open_whisper

    def rung(self) -> Rung:
        device = self.device or stack.device()
        usual = "float16" if device == "cuda" else "int8"
        return Rung(self.batch_size, self.compute_type or usual, device)


class Models:
    """``folder``: the converted Whisper. ``models_dir``: where ``align-<language>`` and ``diarization`` lie.

    ``idle_s``: seconds without use after which all of them are let go; 0: never. They load again when they
    are next used; what was learnt about memory stays known.
    """

    def __init__(self, models_dir: Path, folder: Path, choices: Choices, idle_s: float) -> None:
        self._models_dir, self._folder, self._choices, self._idle_s = models_dir, folder, choices, idle_s
        self._lock = threading.RLock()
        self._users, self._idle_timer = 0, threading.Timer(0, self.close)
        self._ladders: dict[str, MemoryLadder] = {}
        self._listener: Listener | None = None
        self._aligners: dict[tuple[str, Rung], Aligner] = {}
        self._diarizers: dict[Rung, Diarizer] = {}

    @property
    def loaded(self) -> bool:
        """Whether any model is in memory."""
        return bool(self._listener or self._aligners or self._diarizers)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within this no model is let go."""
        with self._lock:
            self._users += 1
            self._idle_timer.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                self._watch_the_clock()

    def _watch_the_clock(self) -> None:
        if self._idle_s and not self._users:
            self._idle_timer = threading.Timer(self._idle_s, self._close_if_idle)
            self._idle_timer.daemon = True
            self._idle_timer.start()

    def _close_if_idle(self) -> None:
        with self._lock:
            if not self._users:
                self.close()

    def close(self) -> None:
        """Let go of every model."""
        with self._lock:
            self._idle_timer.cancel()
            self._listener = None
            self._aligners.clear()
            self._diarizers.clear()
            _release()

    @property
    def listening(self) -> MemoryLadder:
        """How Whisper is run."""
        return self._ladder("listening", lambda: rungs(self._choices.rung()))

    @property
    def finding_speech(self) -> MemoryLadder:
        """Where voice activity is found."""
        return self._ladder("finding speech", lambda: _torch_rungs(self._choices.rung().device, 1))

    @property
    def aligning(self) -> MemoryLadder:
        """How alignment models are run; the batch is in windows of 30 s."""
        return self._ladder("aligning", lambda: _torch_rungs(self._choices.rung().device, _ALIGNED_AT_ONCE))

    @property
    def diarizing(self) -> MemoryLadder:
        """Where speakers are told apart."""
        return self._ladder("diarizing", lambda: _torch_rungs(self._choices.rung().device, 1))

    def memory_steps(self) -> list[dict[str, Any]]:
        """What was given up for want of memory so far, JSON-ready."""
        return [{"stage": stage, **step} for stage, ladder in self._ladders.items() for step in ladder.told]

    def _ladder(self, stage: str, steps: Callable[[], tuple[Rung, ...]]) -> MemoryLadder:
        with self._lock:
            if stage not in self._ladders:
                self._ladders[stage] = MemoryLadder(steps(), _release)
            return self._ladders[stage]

    def listener(self) -> Listener:
        with self._lock:
            if not self._listener:
                self._listener = Listener(
                    self._folder, self.listening, self.finding_speech, self._choices.open_whisper
                )
            return self._listener

    def aligner_folder(self, language: str) -> Path | None:
        """Where the alignment model of a language is, if there is one."""
        folder = self._models_dir / f"align-{language}"
        return folder if (folder / "config.json").is_file() else None

    def aligner(self, folder: Path, language: str, rung: Rung) -> Aligner:
        """Raises `EngineUnavailable` where the folder cannot be read."""
        from ecg.speech.whisperx.aligning import Aligner

        with self._lock:
            key = (language, rung)
            found = self._aligners.pop(key, None)
            while len(self._aligners) >= _ALIGNERS:
                del self._aligners[next(iter(self._aligners))]
            if not found:
                on_gpu = rung.device == "cuda"
                found = Aligner(folder, language, rung.device, on_gpu,
                                rung.batch_size * _WINDOW_S if on_gpu else 0.0)  # fmt: skip
            self._aligners[key] = found
            return found

    def diarization_folder(self) -> Path | None:
        """Where pyannote's pipeline is, if it is there."""
        folder = self._models_dir / "diarization"
        return folder if (folder / "config.yaml").is_file() else None

    def diarizer(self, folder: Path, rung: Rung) -> Diarizer:
        from ecg.speech.whisperx.diarizing import Diarizer

        with self._lock:
            if rung not in self._diarizers:
                self._diarizers.clear()
                self._diarizers[rung] = Diarizer(folder, rung.device)
            return self._diarizers[rung]


def _torch_rungs(device: str, batch_size: int) -> tuple[Rung, ...]:
    """Models of torch have no 8-bit weights here: the batch is halved, then the CPU takes over."""
    halved = [step for step in rungs(Rung(batch_size, "float16", device)) if step.compute_type == "float16"]
    return (*(halved if device == "cuda" else ()), Rung(1, "float32", "cpu"))


def _release() -> None:
    """Give memory that nothing refers to back to the GPU."""
    gc.collect()
    if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
