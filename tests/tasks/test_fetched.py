"""A video that is fetched from an address: from the request to a file that can be worked on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select, text

from ecg import config
from ecg.config import settings
from ecg.db import transaction
from ecg.models import Job, JobStatus, Step, StepStatus, Video, VideoStatus
from ecg.storage import store
from ecg.tasks import media, upkeep
from ecg.tasks.step import keeper, run_step
from ecg.web.app import create_app
from tests.jobs.builders import step_of
from tests.test_egress import PUBLIC, Canary, listening
from tests.web.person import Person


@pytest.fixture
def outside(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canary]:
    """A server that may be fetched from."""
    keeper.cache_clear()
    with listening(PUBLIC) as canary:
        monkeypatch.setenv("ECG_EGRESS_ALLOW", f"{PUBLIC}/32")
        monkeypatch.setenv("ECG_EGRESS_PORTS", str(canary.port))
        config.settings.cache_clear()
        yield canary
    keeper().close()
    keeper.cache_clear()


@pytest.fixture
def app(outside: Canary) -> Flask:
    return create_app()


@pytest.fixture
def ann(app: Flask) -> Person:
    return Person(app, "ann@example.org")


def asked(ann: Person, url: str) -> dict:
    answer = ann.post("/api/videos/from-url", url=url)
    assert answer.status_code == 202, answer.text
    return answer.json


def test_a_file_is_fetched_and_then_worked_on_like_an_upload(ann: Person, outside: Canary) -> None:
    outside.answer = 200, {"Content-Type": "video/mp4"}, b"a video"
    made = asked(ann, f"http://{PUBLIC}:{outside.port}/talks/My%20talk.mp4?x=1")
    assert ann.get(f"/api/videos/{made['video_id']}").json["filename"] == "My talk.mp4"
    step = step_of(made["job_id"], "fetch")
    assert step_of(made["job_id"], "ingest").status == StepStatus.WAITING
    run_step(media.fetch, step.id)
    with transaction() as session:
        video = session.get_one(Video, made["video_id"])
        assert session.scalar(select(Step.status).where(Step.id == step.id)) == StepStatus.DONE
    assert (video.status, video.size_bytes) == (VideoStatus.READY, 7)
    assert video.upload_key.startswith(f"uploads/{video.user_id}/{video.id}/")
    with store(settings()).open(video.upload_key) as file:
        assert file.read() == b"a video"
    assert step_of(made["job_id"], "ingest").status == StepStatus.READY
    assert ann.get(f"/api/jobs/{made['job_id']}").json["milestone"] == "fetched"


def test_percents_of_a_fetched_video_end_at_a_hundred(ann: Person, outside: Canary) -> None:
    made = asked(ann, f"http://{PUBLIC}:{outside.port}/a.mp4")
    with transaction() as session:
        weights = session.scalars(select(Step.weight).where(Step.job_id == made["job_id"])).all()
    assert sum(weights) == 100


def test_an_address_inside_fails_the_job_with_its_reason(ann: Person, outside: Canary) -> None:
    with listening("127.0.0.1") as inside:
        made = asked(ann, f"http://127.0.0.1:{inside.port}/")
        run_step(media.fetch, step_of(made["job_id"], "fetch").id)
        assert inside.visits == []
    job = ann.get(f"/api/jobs/{made['job_id']}").json
    assert job["status"] == JobStatus.FAILED
    assert job["error"]["code"] == "BAD_REQUEST"
    assert "public" in job["error"]["message"]


def test_a_server_that_fails_is_asked_again(ann: Person, outside: Canary) -> None:
    outside.answer = 503, {}, b""
    made = asked(ann, f"http://{PUBLIC}:{outside.port}/a.mp4")
    run_step(media.fetch, step_of(made["job_id"], "fetch").id)
    step = step_of(made["job_id"], "fetch")
    assert (step.status, step.errors) == (StepStatus.READY, 1)


def test_a_request_that_is_repeated_fetches_once(ann: Person, outside: Canary) -> None:
    body, once = {"url": f"http://{PUBLIC}:{outside.port}/a.mp4"}, {"Idempotency-Key": "again"}
    answers = [ann.client.post("/api/videos/from-url", json=body, headers={**ann.headers, **once})
               for _ in range(2)]  # fmt: skip
    assert answers[0].json == answers[1].json
    assert ann.get("/api/videos").json["total"] == 1


@pytest.mark.parametrize("url", ["", "talk.mp4", "file:///etc/passwd", "ftp://example.org/a", "http://a:b@c/"])
def test_what_is_no_web_address_is_refused_at_once(ann: Person, url: str) -> None:
    refused = ann.post("/api/videos/from-url", url=url)
    assert refused.status_code == 400
    assert refused.json["error"]["message"].startswith("url: ")


def test_a_video_that_could_not_be_fetched_is_kept_with_its_job(ann: Person, outside: Canary) -> None:
    """An upload that never came is forgotten after a day; this one has something to tell."""
    outside.answer = 404, {}, b""
    made = asked(ann, f"http://{PUBLIC}:{outside.port}/a.mp4")
    run_step(media.fetch, step_of(made["job_id"], "fetch").id)
    never_sent = ann.post("/api/uploads", filename="a.mp4", size_bytes=1).json["video_id"]
    with transaction() as session:
        session.execute(text("UPDATE videos SET created_at = created_at - interval '2 days'"))
    upkeep.sweep()
    assert ann.get(f"/api/videos/{never_sent}").status_code == 404
    assert ann.get(f"/api/jobs/{made['job_id']}").json["error"]["code"] == "INVALID_MEDIA"
    with transaction() as session:
        assert session.get(Job, made["job_id"]) is not None
