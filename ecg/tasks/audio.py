"""Task bodies of the queue `audio`: speech models, loaded once per worker process."""

from __future__ import annotations

import threading

from ecg.config import settings
from ecg.gpu import gpu_figures
from ecg.speech.engine import SpeechEngine, choose_engine
from ecg.stages import analysis
from ecg.tasks.step import step
from ecg.tasks.work import Outcome, Work

_engines: dict[str, SpeechEngine] = {}
_opening = threading.Lock()


def engine(name: str) -> SpeechEngine:
    """The engine of that name, warm for all later jobs; ``auto`` is the best one here."""
    config = settings()
    with _opening:
        if name not in _engines:
            chosen = choose_engine(name, config.models_dir, config.whisper_model)
            # Asked for by its own name and as the best one, it must not hold its models twice.
            _engines[name] = _engines.setdefault(chosen.name, chosen)
        return _engines[name]


@step("transcribe")
def transcribe(work: Work) -> Outcome:
    """Words with times."""
    out, captions = work.out("recognized.json"), work.params.get("captions_key")
    if captions:
        heard = analysis.take_over(work.store.fetch(captions, work.scratch), out, work.params.get("language"),
                                   work.results("ingest")[0]["duration_s"])  # fmt: skip
        return Outcome({"recognized.json": out}, {**heard.metadata, "language": heard.language})
    chosen = _engine_of(work)
    with gpu_figures() as figures:
        heard = analysis.transcribe(
            work.input("ingest", "audio.wav"), out, chosen, work.params.get("language"), work, work.progress,
            hotwords=work.params.get("hotwords") or (), script=_script_of(work),
        )  # fmt: skip
    told = {"engine": chosen.name, "model": chosen.model, "language": heard.language}
    return Outcome({"recognized.json": out}, {**told, **figures})


@step("diarize")
def diarize(work: Work) -> Outcome:
    """Who speaks when."""
    turns, chosen = work.out("turns.json"), _engine_of(work)
    with gpu_figures() as figures:
        found = analysis.diarize(work.input("ingest", "audio.wav"), turns, chosen,
                                 work.params.get("speakers"), work.progress)  # fmt: skip
    told = {"speakers": len({turn.speaker for turn in found}), "by": chosen.speakers_by}
    return Outcome({"turns.json": turns}, {**told, **figures})


def _engine_of(work: Work) -> SpeechEngine:
    return engine(work.params.get("engine") or settings().engine)


def _script_of(work: Work) -> str | None:
    key = work.params.get("script_key")
    return work.store.fetch(key, work.scratch).read_text("utf-8") if key else None
