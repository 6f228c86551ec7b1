"""Someone with an account, and records of work as workers would leave them."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from ecg import accounts, passwords
from ecg.config import settings
from ecg.db import transaction
from ecg.jobs import attempts
from ecg.models import Step, StepStatus, User
from ecg.storage import store
from ecg.web.tokens import issue

PASSWORD = "correct horse"
TRANSCRIPT = {
    "segments": [{
        "start": 0.5, "end": 1.6, "text": "Hello there", "speaker": {"speaker_id": "SPEAKER_00"},
        "words": [{"word": "Hello", "start": 0.5, "end": 1.0}, {"word": "there", "start": 1.1, "end": 1.6}],
    }],
    "speakers": {"SPEAKER_00": {"total_duration": 1.1, "segment_count": 1,
                                "volume_db": {"median": -20.0, "spread": 2.0},
                                "pitch_hz": {"median": 120.0, "spread": 10.0}}},
    "text": "Hello there", "language": "en", "duration": 3.0, "metadata": {"engine": "offline"},
}  # fmt: skip
#: Files that the last step of each kind of job leaves.
LEFT = {
    "ingest": {"audio.wav": b"RIFF"},
    "merge": {"analysis.json": json.dumps(TRANSCRIPT).encode(), "prosody.json": b'{"hop_s": 0.05}'},
    "assemble": {"video.mp4": b"0123456789", "scenario.json": b"{}", "metrics.json": b"{}"},
}


@cache
def hash_of_password() -> str:
    return passwords.hashed(PASSWORD)


class Person:
    """Has an account, is signed in, and sends his token with every request."""

    def __init__(self, app: Flask, email: str) -> None:
        self.client = app.test_client()
        self.email = email
        # As the sign-up does, but for the hashing, which is slow on purpose.
        with app.app_context(), transaction() as session:
            user = User(email=email, username=email.partition("@")[0], password_hash=hash_of_password())
            session.add(user)
            session.flush()
            self.tokens = issue(accounts.open_family(session, user, lifetime_s=3600)).model_dump()
        self.headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(path, query_string=query, headers=self.headers)

    def post(self, path: str, **body: Any) -> TestResponse:
        return self.client.post(path, json=body, headers=self.headers)

    def put(self, path: str, **body: Any) -> TestResponse:
        return self.client.put(path, json=body, headers=self.headers)

    def delete(self, path: str) -> TestResponse:
        return self.client.delete(path, headers=self.headers)

    def video(self, content: bytes = b"a video", filename: str = "talk.mp4") -> str:
        """A video that has been uploaded; its id."""
        made = self.post("/api/uploads", filename=filename, size_bytes=len(content),
                         content_type="video/mp4").json  # fmt: skip
        sent = self.client.put(made["upload"]["url"], data=content)
        assert sent.status_code == 201, sent.text
        assert self.post(f"/api/uploads/{made['video_id']}/complete").status_code == 200
        return made["video_id"]

    def analysis(self, video_id: str, **params: Any) -> str:
        """An analysis that waits for a worker; its id."""
        return self.post(f"/api/videos/{video_id}/analyze", **params).json["job_id"]

    def analysed_video(self) -> tuple[str, str]:
        """A video with a finished analysis: their ids."""
        video_id = self.video()
        job_id = self.analysis(video_id)
        work_off(job_id)
        return video_id, job_id

    def render(self, video_id: str, **params: Any) -> str:
        """A render that waits for a worker; its id."""
        answer = self.post("/api/render/create", videoId=video_id, **params)
        assert answer.status_code == 202, answer.text
        return answer.json["jobId"]


def work_off(job_id: str, video: str = "video.mp4") -> None:
    """Do all steps of a job as a worker would; ``video``: the name of the file a render leaves."""
    while (step_id := next_ready(job_id)) is not None:
        work_step(step_id, video)


def next_ready(job_id: str) -> int | None:
    query = select(Step.id).where(Step.job_id == job_id, Step.status == StepStatus.READY)
    with transaction() as session:
        return session.scalars(query.order_by(Step.id).limit(1)).one_or_none()


def work_step(step_id: int, video: str = "video.mp4") -> None:
    with transaction() as session:
        claim = attempts.claim(session, step_id, worker="test", lease_s=60)
    assert claim
    left = {name.replace("video.mp4", video): content for name, content in LEFT.get(claim.name, {}).items()}
    kept = [keep(f"work/{claim.job_id}/{step_id}-{claim.fence}/{name}", name, content)
            for name, content in left.items()]  # fmt: skip
    with transaction() as session:
        attempts.finish(session, step_id, claim.fence, result={"by": "test"}, artifacts=kept, media_s=3.0)


def keep(key: str, name: str, content: bytes) -> attempts.NewArtifact:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        store(settings()).put(key, Path(file.name))
    return attempts.NewArtifact(name, key, len(content))


def fail(job_id: str) -> None:
    """Let the next step of a job fail for good."""
    from ecg.errors import InvalidMedia

    step_id = next_ready(job_id)
    assert step_id
    with transaction() as session:
        claim = attempts.claim(session, step_id, worker="test", lease_s=60)
    assert claim
    with transaction() as session:
        attempts.fail(session, step_id, claim.fence, InvalidMedia("No speech was found."),
                      attempts.Limits(3, 3, 3))  # fmt: skip
