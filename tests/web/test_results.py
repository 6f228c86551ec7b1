"""Reports of workers outside: signed, never about what has ended, and harmless when they are sent again."""

from __future__ import annotations

import json
import math
import time

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from ecg import signatures
from ecg.config import settings
from ecg.db import transaction
from ecg.errors import LeaseLost
from ecg.jobs import lifecycle
from ecg.storage import store
from ecg.tasks.upkeep import sweep_orphans
from ecg.web.app import create_app
from tests.jobs.builders import claim, events_of, finish, job_of, step_of
from tests.web.person import TRANSCRIPT, Person, work_off

SECRET = "a secret that workers outside know"
PATH = "/api/upload-video/result"


@pytest.fixture
def app(database: str, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setenv("ECG_RESULT_SECRET", SECRET)
    settings.cache_clear()
    return create_app()


@pytest.fixture
def job(ann: Person) -> str:
    return ann.analysis(ann.video())


def send(person: Person, body: bytes, header: str | None) -> TestResponse:
    headers = {} if header is None else {signatures.HEADER: header}
    return person.client.post(PATH, data=body, headers=headers, content_type="application/json")


def report(person: Person, job_id: str, status: str, **told: object) -> TestResponse:
    body = json.dumps({"job_id": job_id, "status": status, **told}).encode()
    return send(person, body, signatures.sign(body, [SECRET]))


def answered(person: Person, job_id: str, status: str, **told: object) -> str:
    answer = report(person, job_id, status, **told)
    assert answer.status_code == 200, answer.text
    assert set(answer.json) == {"status"}
    return answer.json["status"]


def status_of(person: Person, job_id: str) -> dict:
    return person.get(f"/api/upload-video/status/{job_id}").json


def test_a_result_from_outside_ends_the_analysis_as_its_own_workers_would(ann: Person, job: str) -> None:
    assert answered(ann, job, "completed", result=TRANSCRIPT) == "received"
    shown = status_of(ann, job)
    assert (shown["status"], shown["progress"]) == ("completed", 100.0)
    assert shown["result"]["text"] == "Hello there"
    row = job_of(job)
    assert (row.status, row.milestone, row.media_s) == ("done", "analysed", 3.0)
    assert [event.data["percent"] for event in events_of(job, "done")] == [100.0]
    captions = ann.get(f"/api/videos/{row.video_id}/captions/srt")
    assert "Hello there" in captions.text
    assert ann.render(row.video_id)
    steps = {step["name"]: step["status"] for step in ann.get(f"/api/jobs/{job}").json["steps"]}
    assert steps.pop("merge") == "done"
    assert set(steps.values()) == {"cancelled"}
    sweep_orphans(grace_s=0)
    assert status_of(ann, job)["result"]["text"] == "Hello there"


def test_a_worker_inside_that_comes_later_cannot_commit(ann: Person, job: str) -> None:
    held = claim(job, "ingest")
    assert answered(ann, job, "completed", result=TRANSCRIPT) == "received"
    with pytest.raises(LeaseLost):
        finish(held)
    assert claim(job, "prosody") is None
    assert job_of(job).status == "done"


def test_a_result_that_comes_after_that_of_the_workers_inside_changes_nothing(ann: Person) -> None:
    _, job = ann.analysed_video()
    before = status_of(ann, job)
    other = {**TRANSCRIPT, "language": "ko"}
    for told in ({"status": "completed", "result": other}, {"status": "failed"},
                 {"status": "processing", "progress": 1}):  # fmt: skip
        assert answered(ann, job, **told) == "already_completed"
    assert status_of(ann, job) == before


def test_a_report_that_is_sent_again_is_harmless(ann: Person, job: str) -> None:
    body = json.dumps({"job_id": job, "status": "completed", "result": TRANSCRIPT}).encode()
    header = signatures.sign(body, [SECRET])
    answers = [send(ann, body, header).json["status"] for _ in range(3)]
    assert answers == ["received", "already_completed", "already_completed"]
    assert len(events_of(job, "done")) == 1
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM artifacts WHERE name = 'analysis.json'")) == 1


def test_a_failure_from_outside_is_a_typed_error(ann: Person, job: str) -> None:
    why = {"error_message": "The GPU\nran out.", "error_code": "GPU_MEMORY_ERROR"}
    assert answered(ann, job, "failed", **why) == "received"
    shown = status_of(ann, job)
    assert shown["status"] == "failed"
    assert shown["error"] == {"code": "GPU_MEMORY_ERROR", "message": "The GPU ran out.",
                              "details": {"reported": True}}  # fmt: skip
    assert answered(ann, job, "failed", **why) == "already_failed"
    assert answered(ann, job, "completed", result=TRANSCRIPT) == "already_failed"
    assert status_of(ann, job)["status"] == "failed"


def test_a_failure_without_a_reason_says_so(ann: Person, job: str) -> None:
    answered(ann, job, "failed", error_code=None, error_message=None, result=None, progress=None)
    assert status_of(ann, job)["error"]["code"] == "PROCESSING_ERROR"
    assert "no reason" in status_of(ann, job)["error"]["message"]


def test_a_cancelled_job_stays_cancelled(ann: Person, job: str) -> None:
    ann.post(f"/api/jobs/{job}/cancel")
    for told in ({"status": "completed", "result": TRANSCRIPT}, {"status": "failed"},
                 {"status": "processing", "progress": 99}):  # fmt: skip
        assert answered(ann, job, **told) == "already_cancelled"
    assert status_of(ann, job)["status"] == "cancelled"
    assert job_of(job).percent == 0.0


def test_progress_is_told_and_never_runs_backwards(ann: Person, job: str) -> None:
    seen = []
    for percent in (10, 40.5, 30, 0, 60, 100, 5):
        assert answered(ann, job, "processing", progress=percent, message="working") == "received"
        seen.append(status_of(ann, job)["progress"])
    assert seen == [10, 40.5, 40.5, 40.5, 60, 99, 99]
    assert [event.data["percent"] for event in events_of(job, "progress")] == seen
    assert events_of(job, "progress")[0].data["note"] == "working"
    work_off(job)
    assert [event.data["percent"] for event in events_of(job, "progress")][-1] >= 99
    assert status_of(ann, job)["progress"] == 100.0


def test_a_report_from_before_a_requeue_does_not_count(ann: Person, job: str) -> None:
    body = json.dumps({"job_id": job, "status": "failed"}).encode()
    header = signatures.sign(body, [SECRET], time.time() - 10)
    assert send(ann, body, header).json["status"] == "received"
    with transaction() as session:
        lifecycle.requeue(session, job)
    assert send(ann, body, header).status_code == 409
    assert job_of(job).status == "queued"
    later = signatures.sign(body, [SECRET], time.time() + 2)
    assert send(ann, body, later).json["status"] == "received"


def test_nothing_is_taken_without_a_good_signature(ann: Person, job: str) -> None:
    body = json.dumps({"job_id": job, "status": "completed", "result": TRANSCRIPT}).encode()
    good = signatures.sign(body, [SECRET])
    for sent, header in (
        (body, None), (body, ""), (body, "t=1,v1=x"), (body, ann.headers["Authorization"]),
        (body, signatures.sign(body, ["another secret"])), (body, signatures.sign(body, [""])),
        (body, signatures.sign(body, [SECRET], time.time() - signatures.WINDOW_S - 2)),
        (body, signatures.sign(body, [SECRET], time.time() + signatures.WINDOW_S + 2)),
        (body.replace(b"completed", b"failed   "), good), (body + b" ", good), (b"", good), (b"{", None),
        (body, good.replace("t=", "t=1")),
    ):  # fmt: skip
        refused = send(ann, sent, header)
        assert refused.status_code == 401, (sent[:60], header)
        assert refused.json["error"]["code"] == "UNAUTHORIZED"
    # A token of somebody who has signed in is no signature.
    with_token = ann.client.post(PATH, data=body, headers=ann.headers, content_type="application/json")
    assert with_token.status_code == 401
    assert job_of(job).status == "queued"


def test_without_a_secret_nothing_is_taken(database: str) -> None:
    person = Person(create_app(), "carl@example.org")
    job_id = person.analysis(person.video())
    body = json.dumps({"job_id": job_id, "status": "failed"}).encode()
    for secret in ("", "x"):
        refused = send(person, body, signatures.sign(body, [secret]))
        assert refused.status_code == 403
        assert refused.json["error"]["code"] == "FORBIDDEN"
    assert job_of(job_id).status == "queued"


def changed(**parts: object) -> dict:
    return {**json.loads(json.dumps(TRANSCRIPT)), **parts}


def with_word(**parts: object) -> dict:
    found = changed()
    found["segments"][0]["words"][0].update(parts)
    return found


OF_ANOTHER_FORM = (
    {}, {"segments": []}, changed(segments=[]), changed(segments=None), changed(segments="all"),
    changed(segments=[{"start": 0, "end": 1, "text": "", "words": []}]), changed(language=None),
    changed(duration="long"), changed(duration=-1), changed(duration=math.nan), changed(duration=1.0),
    changed(speakers={"A": {}}), changed(speakers=[1]), changed(warnings=["\0"]), changed(language="\ud800"),
    changed(metadata={"engine": math.inf}), changed(metadata=["engine"]),
    with_word(start=-1), with_word(start="0"), with_word(start=1.2), with_word(end=None), with_word(word=""),
    with_word(word=None), with_word(confidence=2), with_word(acoustic_features={"mfcc": [1]}),
)  # fmt: skip


def test_a_result_of_another_form_is_refused_and_leaves_nothing(ann: Person, job: str) -> None:
    for result in OF_ANOTHER_FORM:
        refused = report(ann, job, "completed", result=result)
        assert refused.status_code == 400, result
        message = refused.json["error"]["message"]
        assert "result" in message or "JSON" in message  # which has no NaN
    assert job_of(job).status == "queued"
    assert list(store(settings()).keys("analyzed/")) == []


BAD_REPORTS = (
    {"status": "completed"}, {"status": "done"}, {"status": "failed", "result": TRANSCRIPT},
    {"status": "processing", "progress": 101}, {"status": "processing", "progress": -1},
    {"status": "processing", "progress": math.nan}, {"status": "failed", "error_code": "MINE"},
    {"status": "processing", "percent": 5}, {"status": "failed", "job_id": "7"},
)  # fmt: skip


def test_a_bad_report_is_refused(ann: Person, job: str) -> None:
    for told in BAD_REPORTS:
        assert report(ann, **{"job_id": job, **told}).status_code == 400, told
    assert (job_of(job).status, job_of(job).percent) == ("queued", 0.0)


def test_only_analyses_whose_file_is_there_can_be_reported_on(ann: Person) -> None:
    video, _ = ann.analysed_video()
    render = ann.render(video)
    for told in ({"status": "completed", "result": TRANSCRIPT}, {"status": "failed"}):
        assert report(ann, render, **told).status_code == 409
    assert job_of(render).status == "queued"
    fetched = ann.post("/api/videos/from-url", url="https://example.org/talk.mp4").json["job_id"]
    refused = report(ann, fetched, "completed", result=TRANSCRIPT)
    assert refused.status_code == 409
    assert step_of(fetched, "fetch").status == "ready"
    unknown = report(ann, "11111111-2222-4333-8444-555555555555", "failed")
    assert unknown.status_code == 404


def test_the_end_by_a_report_is_told_to_webhooks(ann: Person, job: str) -> None:
    webhook = ann.post("/api/webhooks", url="https://example.org/ecg").json["id"]
    answered(ann, job, "completed", result=TRANSCRIPT)
    [told] = ann.get(f"/api/webhooks/{webhook}/deliveries").json["deliveries"]
    assert (told["event"], told["job_id"]) == ("job.done", job)
