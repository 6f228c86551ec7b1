"""The step `transcribe` as a worker runs it: an attempt that ends early leaves its chunks to the next."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from ecg.config import settings
from ecg.db import transaction
from ecg.models import Artifact, Job, StepStatus
from ecg.speech.offline import OfflineEngine
from ecg.storage import store
from ecg.tasks import audio
from ecg.tasks.step import keeper, run_step
from ecg.tasks.work import Outcome, Work
from tests.jobs.builders import make_job, step_of
from tests.speech.sounds import ignore_progress, talk
from tests.stages.speaking import TALK, TALK_CHUNK_S, Watched


@pytest.fixture(autouse=True)
def _own_keeper(database: str):
    keeper.cache_clear()
    yield
    keeper().close()
    keeper.cache_clear()


def bring(wav: Path, job: str) -> None:
    """Leave the sound as the step before does."""

    def leave_the_sound(work: Work) -> Outcome:
        return Outcome({"audio.wav": Path(shutil.copy(wav, work.out("audio.wav")))}, media_s=17.0)

    run_step(leave_the_sound, step_of(job, "ingest").id)


def left(name: str, folder: Path) -> dict:
    """What a step has left under a name."""
    (key,) = (key for key in store(settings()).keys("analyzed/") if key.endswith(name))
    return json.loads(store(settings()).fetch(key, folder).read_text())


def test_a_script_is_laid_on_the_sound_and_the_turns_say_who_found_them(tmp_path: Path, monkeypatch):
    wav, _ = talk(tmp_path, TALK[:2], gap_s=0.9)
    job, script = make_job(), f"{TALK[0][1]}\n{TALK[1][1]}"
    (tmp_path / "script.txt").write_text(script)
    store(settings()).put("uploads/script.txt", tmp_path / "script.txt")
    with transaction() as session:
        session.get_one(Job, job).params = {"script_key": "uploads/script.txt", "engine": "offline"}
    bring(wav, job)
    named: list[str] = []
    monkeypatch.setattr(audio, "engine", lambda name: named.append(name) or OfflineEngine())
    run_step(audio.transcribe, step_of(job, "transcribe").id)
    run_step(audio.diarize, step_of(job, "diarize").id)
    segments = left("recognized.json", tmp_path)["segments"]
    assert "\n".join(segment["text"] for segment in segments) == script
    assert [segment["warnings"] for segment in segments] == [[], []]
    turns = left("turns.json", tmp_path)
    assert turns["by"] == "clustering"
    assert turns["turns"]
    assert named == ["offline", "offline"]


def test_the_next_attempt_goes_on_where_the_last_one_was_ended(tmp_path: Path, monkeypatch):
    wav, _ = talk(tmp_path, TALK, gap_s=0.9)
    offline = OfflineEngine()
    job = make_job()
    bring(wav, job)
    step_id = step_of(job, "transcribe").id
    ended, fresh = Watched(offline, TALK_CHUNK_S, lives=2), Watched(offline, TALK_CHUNK_S)
    monkeypatch.setattr(audio, "engine", lambda name: ended)
    with pytest.raises(SystemExit):
        run_step(audio.transcribe, step_id)
    assert step_of(job, "transcribe").status == StepStatus.READY
    monkeypatch.setattr(audio, "engine", lambda name: fresh)
    run_step(audio.transcribe, step_id)

    step = step_of(job, "transcribe")
    assert (step.status, step.fence) == (StepStatus.DONE, 2)
    assert (len(ended.calls), len(fresh.calls)) == (2, 1)
    segments = left("recognized.json", tmp_path)["segments"]
    with transaction() as session:
        names = list(session.scalars(select(Artifact.name).where(Artifact.step_id == step_id)))
    assert names == ["recognized.json"]
    whole = offline.transcribe(wav, None, ignore_progress)
    assert segments == json.loads(json.dumps(whole.to_json()))["segments"]
