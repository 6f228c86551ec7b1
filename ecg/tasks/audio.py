"""Task bodies of the queue `audio`: speech models, loaded once per worker process."""

from __future__ import annotations

from functools import cache

from ecg.config import settings
from ecg.speech.engine import SpeechEngine, choose_engine
from ecg.stages import analysis
from ecg.tasks.step import step
from ecg.tasks.work import Outcome, Work


@cache
def engine(name: str) -> SpeechEngine:
    """The engine of that name, warm for all later jobs; ``auto`` is the best one here."""
    config = settings()
    return choose_engine(name, config.models_dir, config.whisper_model)


@step("transcribe")
def transcribe(work: Work) -> Outcome:
    """Words with times."""
    out, captions = work.out("recognized.json"), work.params.get("captions_key")
    if captions:
        heard = analysis.take_over(work.store.fetch(captions, work.scratch), out, work.params.get("language"),
                                   work.results("ingest")[0]["duration_s"])  # fmt: skip
        return Outcome({"recognized.json": out}, {**heard.metadata, "language": heard.language})
    chosen = engine(work.params.get("engine") or settings().engine)
    heard = analysis.transcribe(work.input("ingest", "audio.wav"), out, chosen,
                                work.params.get("language"), work, work.progress)  # fmt: skip
    return Outcome({"recognized.json": out},
                   {"engine": chosen.name, "model": chosen.model, "language": heard.language})  # fmt: skip


@step("diarize")
def diarize(work: Work) -> Outcome:
    """Who speaks when."""
    turns = work.out("turns.json")
    found = analysis.diarize(work.input("ingest", "audio.wav"), turns, work.params.get("speakers"),
                             work.progress)  # fmt: skip
    return Outcome({"turns.json": turns}, {"speakers": len({turn.speaker for turn in found})})
