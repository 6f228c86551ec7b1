"""The same commands as subcommands of Celery's own program, against jobs of the real system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.client import Client
from tests.conftest import LiveStack
from tests.test_bad_input import sound_without_speech


def celery(stack: LiveStack, *arguments: str) -> str:
    argv = [sys.executable, "-m", "celery", "-A", "ecg.tasks", "jobs", *arguments]
    return subprocess.run(argv, env=stack.env, capture_output=True, text=True, check=True).stdout


def test_a_failed_job_resumes_at_its_failed_step(stack: LiveStack, tmp_path: Path):
    person = Client(stack.url)
    job = person.analyze(person.upload(sound_without_speech(tmp_path)))
    failed = person.wait(job)
    assert failed["error"]["step"] == "transcribe"
    assert "INVALID_MEDIA" in celery(stack, "list", "--status", "failed")

    celery(stack, "requeue", job)
    person.wait_for_step(job, "transcribe", "failed")
    again = person.wait(job)
    started = [{step["name"]: step["started_at"] for step in seen["steps"]} for seen in (failed, again)]
    assert started[0]["ingest"] == started[1]["ingest"], "what was done is not done again"
    assert started[0]["transcribe"] < started[1]["transcribe"]
