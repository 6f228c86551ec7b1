"""Requests that wait for their analysis, where the tests are the workers: what they are answered and when."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask
from sqlalchemy import create_engine, select
from werkzeug.test import TestResponse

from ecg import db
from ecg.config import settings
from ecg.db import transaction
from ecg.jobs import lifecycle
from ecg.models import Job
from tests.web.person import TRANSCRIPT, Person, fail, next_ready, work_off, work_step
from tests.web.serving import Web, web

ROUTES = ("/transcribe", "/v1/audio/transcriptions")
PATIENCE_S = 60.0


@pytest.fixture
def narrow(database: str) -> Iterator[Web]:
    """A web tier in which one request may wait."""
    with web(ECG_WEB_PROCESSES="1", ECG_WEB_THREADS="2") as tier:
        yield tier


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def send(
    person: Person, path: str, content: bytes = b"sound", key: str | None = None, **fields: Any
) -> TestResponse:
    form = {"model": "whisper-1"} if path.startswith("/v1/") else {}
    form |= {"file": (io.BytesIO(content), "../talk.mp3"), **fields}
    headers = person.headers | ({"Idempotency-Key": key} if key else {})
    return person.client.post(path, data={k: v for k, v in form.items() if v is not None}, headers=headers)


def jobs() -> list[str]:
    with transaction() as session:
        return list(session.scalars(select(Job.id).order_by(Job.created_at)))


def new_job(waiting: Future[Any] | None = None, known: int = 0) -> str:
    """The job that a request in another thread has just started."""
    deadline_s = time.monotonic() + PATIENCE_S
    while len(found := jobs()) <= known:
        assert waiting is None or not waiting.done(), waiting.result().text
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    return found[-1]


@pytest.mark.parametrize("path", ROUTES)
def test_the_answer_comes_when_the_job_is_done(
    made: Callable[..., Flask], threads: ThreadPoolExecutor, path: str
) -> None:
    ann = Person(made(), "ann@example.org")
    waiting = threads.submit(send, ann, path, language="en")
    job_id = new_job(waiting)
    work_off(job_id)
    answer = waiting.result(PATIENCE_S)
    assert answer.status_code == 200, answer.text
    assert answer.json == (TRANSCRIPT if path == "/transcribe" else {"text": "Hello there"})
    assert answer.headers["ECG-Engine"] == "offline"
    assert answer.headers["ECG-Job-Id"] == job_id
    [video] = ann.get("/api/videos").json["videos"]
    assert (video["id"], video["filename"]) == (answer.headers["ECG-Video-Id"], "talk.mp3")
    assert (video["content_type"], video["size_bytes"]) == ("audio/mpeg", 5)


def test_speakers_are_told_in_diarized_json(ann: Person, threads: ThreadPoolExecutor) -> None:
    waiting = threads.submit(send, ann, "/v1/audio/transcriptions", response_format="diarized_json")
    work_off(new_job(waiting))
    assert waiting.result(PATIENCE_S).json == {
        "text": "Hello there", "task": "transcribe", "duration": 3.0,
        "segments": [{"id": "seg_0", "type": "transcript.text.segment", "start": 0.5, "end": 1.6,
                      "speaker": "SPEAKER_00", "text": "Hello there"}],
    }  # fmt: skip


@pytest.mark.parametrize("path", ROUTES)
def test_who_waits_too_long_is_told_where_to_ask_and_may_wait_again(
    made: Callable[..., Flask], path: str
) -> None:
    ann = Person(made(sync_s=0), "ann@example.org")
    answer = send(ann, path, key="once")
    assert (answer.status_code, answer.json["error"]["code"]) == (504, "STILL_RUNNING")
    details = answer.json["error"]["details"]
    assert ann.get(details["status_url"]).json["status"] == "queued"
    told = ann.get(f"/jobs/{details['job_id']}").json
    assert (told["status"], told["result"], told["error_code"]) == ("processing", None, None)
    if path.startswith("/v1/"):
        assert answer.headers["x-should-retry"] == "false"
        assert answer.json["error"]["type"] == "server_error"
    work_off(details["job_id"])
    again = send(ann, path, key="once")
    assert again.status_code == 200, again.text
    assert again.headers["ECG-Job-Id"] == details["job_id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(jobs()) == 1
    told = ann.get(f"/jobs/{details['job_id']}").json
    assert (told["status"], told["progress"], told["result"]) == ("completed", 100, TRANSCRIPT)


def test_another_file_or_field_under_the_same_key_is_another_request(made: Callable[..., Flask]) -> None:
    ann = Person(made(sync_s=0), "ann@example.org")
    assert send(ann, "/transcribe", key="once").status_code == 504
    for other in (send(ann, "/transcribe", b"noise", key="once"),
                  send(ann, "/transcribe", key="once", language="ko")):  # fmt: skip
        assert (other.status_code, other.json["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(jobs()) == 1


def test_what_is_found_too_long_is_not_waited_for(
    made: Callable[..., Flask], threads: ThreadPoolExecutor
) -> None:
    ann = Person(made(sync_media_s=2.5), "ann@example.org")  # what tests work off lasts 3 s
    waiting = threads.submit(send, ann, "/transcribe")
    job_id = new_job(waiting)
    step = next_ready(job_id)
    assert step
    work_step(step)
    error = waiting.result(PATIENCE_S).json["error"]
    assert (error["code"], error["details"]["job_id"]) == ("STILL_RUNNING", job_id)
    assert "too long" in error["message"]


def ended(threads: ThreadPoolExecutor, person: Person, path: str, end: Callable[[str], Any]) -> TestResponse:
    known = len(jobs())
    waiting = threads.submit(send, person, path)
    end(new_job(waiting, known))
    return waiting.result(PATIENCE_S)


def cancel(job_id: str) -> None:
    with transaction() as session:
        lifecycle.cancel(session, job_id)


@pytest.mark.parametrize("path", ROUTES)
def test_how_a_job_failed_is_the_answer(
    made: Callable[..., Flask], threads: ThreadPoolExecutor, path: str
) -> None:
    ann, of_openai = Person(made(), "ann@example.org"), path.startswith("/v1/")
    failed = ended(threads, ann, path, fail)
    assert failed.status_code == (400 if of_openai else 422)
    assert (failed.json["error"]["code"], failed.json["error"]["message"]) == (
        "INVALID_MEDIA", "No speech was found.",
    )  # fmt: skip
    told = ann.get(f"/jobs/{failed.json['error']['details']['job_id']}").json
    assert (told["status"], told["error_code"]) == ("failed", "INVALID_MEDIA")
    cancelled = ended(threads, ann, path, cancel)
    assert (cancelled.status_code, cancelled.json["error"]["code"]) == (409, "CANCELLED")
    if of_openai:
        assert failed.headers["x-should-retry"] == cancelled.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", ROUTES)
def test_a_video_that_is_deleted_meanwhile_is_not_waited_for(
    ann: Person, threads: ThreadPoolExecutor, path: str
) -> None:
    waiting = threads.submit(send, ann, path)
    new_job(waiting)
    [video] = ann.get("/api/videos").json["videos"]
    assert ann.delete(f"/api/videos/{video['id']}").status_code == 204
    answer = waiting.result(PATIENCE_S)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "CANCELLED")


WRONG: tuple[tuple[dict[str, Any], str | None, str], ...] = (
    ({"file": None}, "file", "required"),
    ({"file": "a text"}, "file", "must be a file"),
    ({"file": (io.BytesIO(), "empty.mp3")}, "file", "empty"),
    ({"model": None}, "model", "required"),
    ({"model": "large"}, "model", "whisper-1"),
    ({"response_format": "docx"}, "response_format", "verbose_json"),
    ({"language": "the English one"}, "language", "pattern"),
    ({"stream": "true"}, "stream", "not streamed"),
    ({"temperature": "2"}, "temperature", "1"),
    ({"timestamp_granularities[]": "word"}, None, "needs the response_format verbose_json"),
    ({"prompt": "a\0b"}, "prompt", "control characters"),
    ({"keywords[]": "..."}, "keywords[].0", "letters"),
    ({"include[]": "logprobs"}, "include[]", "no such field"),
)


def test_a_wrong_field_is_refused_by_name(ann: Person) -> None:
    for fields, param, said in WRONG:
        answer = send(ann, "/v1/audio/transcriptions", **fields)
        error = answer.json["error"]
        assert (answer.status_code, error["code"]) == (400, "BAD_REQUEST"), fields
        assert (error["type"], error["param"]) == ("invalid_request_error", param)
        assert said in error["message"]
        assert answer.headers["x-should-retry"] == "false"
    assert jobs() == []


def test_prompt_and_keywords_are_what_is_likely_to_be_said(made: Callable[..., Flask]) -> None:
    ann = Person(made(sync_s=0), "ann@example.org")
    spoken = {"prompt": "Kim Yuna, ...\nthe ISU", "keywords[]": ["Seoul", "1961"], "model": "offline"}
    assert send(ann, "/v1/audio/transcriptions", **spoken).status_code == 504
    assert send(ann, "/v1/audio/transcriptions", prompt="1.50").status_code == 504
    with transaction() as session:
        named, number = session.scalars(select(Job.params).order_by(Job.created_at))
    assert named["hotwords"] == ["Seoul", "1961", "Kim Yuna", "the ISU"]
    assert (named["engine"], number["engine"]) == ("offline", None)
    assert number["hotwords"] == ["1.50"]


def test_a_file_may_be_larger_than_other_bodies_but_not_than_its_limit(made: Callable[..., Flask]) -> None:
    ann = Person(made(sync_s=0, sync_bytes=9_000_000), "ann@example.org")
    for path in ROUTES:
        assert send(ann, path, bytes(9_000_000)).status_code == 504
        for size_bytes in (9_000_001, 10_000_000):
            answer = send(ann, path, bytes(size_bytes))
            assert (answer.status_code, answer.json["error"]["code"]) == (413, "REQUEST_ENTITY_TOO_LARGE")
    assert len(jobs()) == 2


def test_these_requests_count_as_analyses(made: Callable[..., Flask]) -> None:
    ann = Person(made(sync_s=0, analyses_per_minute=2), "ann@example.org")
    assert [send(ann, path).status_code for path in ROUTES] == [504, 504]
    assert send(ann, ROUTES[0]).status_code == 429
    answer = send(ann, ROUTES[1])
    assert (answer.status_code, answer.json["error"]["type"]) == (429, "rate_limit_error")
    assert answer.headers["x-should-retry"] == "true"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_who_waits_holds_no_connection_to_the_database(
    made: Callable[..., Flask], threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = Person(made(), "ann@example.org")
    one = create_engine(settings().database_url, pool_size=1, max_overflow=0, pool_timeout=5)
    with monkeypatch.context() as narrowed:
        narrowed.setattr(db, "engine", lambda: one)
        waiting = [threads.submit(send, ann, "/transcribe") for _ in range(3)]
        new_job(known=2)
        assert ann.get("/api/videos").status_code == 200
        for job_id in jobs():
            work_off(job_id)
        assert [request.result(PATIENCE_S).status_code for request in waiting] == [200] * 3
    one.dispose()


def posted(tier: Web, ann: Person, path: str) -> requests.PreparedRequest:
    fields = {"model": "offline"} if path.startswith("/v1/") else {}
    asked = requests.Request("POST", tier.url + path, ann.headers, {"file": ("talk.wav", b"sound")}, fields)
    return asked.prepare()


def leave_open(sent: requests.PreparedRequest) -> HTTPConnection:
    """Send a request and wait for no answer."""
    connection = HTTPConnection(urlsplit(sent.url).netloc)
    connection.request("POST", sent.path_url, sent.body, dict(sent.headers))
    return connection


def test_one_request_too_many_is_told_to_come_back_until_a_client_leaves(narrow: Web, ann: Person) -> None:
    first = leave_open(posted(narrow, ann, "/transcribe"))
    job_id = new_job()
    for path in ROUTES:
        refused = requests.Session().send(posted(narrow, ann, path), timeout=PATIENCE_S)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["x-should-retry"] == "true"
    assert jobs() == [job_id], "who is refused leaves nothing behind"

    first.close()
    deadline_s = time.monotonic() + PATIENCE_S
    while len(jobs()) == 1:
        assert time.monotonic() < deadline_s, "the place of a client that left is never free"
        leave_open(posted(narrow, ann, "/transcribe")).close()
        time.sleep(0.1)
    work_off(job_id)
    assert ann.get(f"/api/jobs/{job_id}").json["status"] == "done", "the job has gone on"
