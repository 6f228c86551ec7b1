"""Event streams, served by the real gevent process."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import requests
from sqlalchemy import text

from ecg import config, events, progress
from ecg.config import settings
from ecg.db import transaction
from ecg.jobs import lifecycle
from ecg.models import Event
from ecg.stack.embedded import start_redis
from ecg.web.app import create_app
from ecg.web.tokens import SignedIn
from tests.web.listening import Listener, Streams, start_streams
from tests.web.person import Person, fail, next_ready, work_off, work_step


@pytest.fixture(scope="module")
def running(services: dict[str, str]) -> Iterator[Streams]:
    """One process for all tests here; its secret is given, for each test has a data folder of its own."""
    folder = tempfile.mkdtemp(prefix="ecg-test-")
    process, streams = start_streams({**services, "ECG_DATA_DIR": folder, "ECG_SECRET_KEY": "known to both"})
    yield streams
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def streams(running: Streams, database: str, monkeypatch: pytest.MonkeyPatch) -> Streams:
    monkeypatch.setenv("ECG_SECRET_KEY", "known to both")
    config.settings.cache_clear()
    return running


@pytest.fixture
def ann(streams: Streams) -> Person:
    return Person(create_app(), "ann@example.org")


@pytest.fixture
def bob(ann: Person) -> Person:
    return Person(ann.client.application, "bob@example.org")


def test_a_stream_tells_a_job_from_its_beginning_to_its_end(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    listener = streams.listen(ann, job_id)
    assert listener.next().event == "created"
    work_off(job_id)
    told = listener.rest()
    assert told[-1].event == "done"
    assert {sent.event for sent in told} == {"step", "progress", "done"}
    percents = [sent.data["percent"] for sent in told if sent.event in {"progress", "done"}]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    ids = [sent.id for sent in told]
    assert ids == sorted(set(ids))
    milestone = next(sent.data for sent in told if sent.event == "progress")
    assert milestone["milestone"] == "downloaded"
    assert set(milestone["message"]) == {"en", "ko"}


def test_news_of_the_record_arrive_at_once(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    listener = streams.listen(ann, job_id)
    listener.next()
    started_s = time.monotonic()
    work_step(next_ready(job_id))
    listener.until("progress")
    assert time.monotonic() - started_s < 1.5


def test_ticks_arrive_live_without_an_id_and_never_backwards(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    listener = streams.listen(ann, job_id)
    listener.next()
    ticks = progress.connect(settings().progress_url)
    for percent in (2.0, 5.0, 3.0, 12.5):
        progress.publish(ticks, job_id, percent, "ingest")
        time.sleep(0.05)
    told = [listener.next() for _ in range(3)]
    assert [(sent.data["percent"], sent.data["step"], sent.id) for sent in told] == [
        (2.0, "ingest", None), (5.0, "ingest", None), (12.5, "ingest", None)]  # fmt: skip
    work_step(next_ready(job_id))  # the record now has 10, the tick had 12.5
    assert listener.until("progress")[-1].data["percent"] == 12.5


def test_who_comes_late_is_told_the_live_percent_at_once(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    progress.publish(progress.connect(settings().progress_url), job_id, 7.5, "ingest")
    listener = streams.listen(ann, job_id)
    assert [listener.next().event for _ in range(2)] == ["created", "progress"]


def test_ticks_of_other_jobs_are_not_told(streams: Streams, ann: Person) -> None:
    video_id = ann.video()
    mine, other = ann.analysis(video_id), ann.analysis(video_id)
    listener = streams.listen(ann, mine)
    listener.next()
    ticks = progress.connect(settings().progress_url)
    progress.publish(ticks, other, 50.0, "ingest")
    progress.publish(ticks, mine, 1.0, "ingest")
    assert listener.next().data["percent"] == 1.0


def test_a_stream_resumes_after_the_last_event_seen(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    listener = streams.listen(ann, job_id)
    work_step(next_ready(job_id))
    seen = listener.until("progress")
    work_off(job_id)
    resumed = streams.listen(ann, job_id, **{"Last-Event-ID": str(seen[-1].id)}).rest()
    whole = streams.listen(ann, job_id).rest()
    ids = [sent.id for sent in seen + resumed if sent.id]
    assert ids == [sent.id for sent in whole if sent.id]
    assert resumed[-1].event == "done"


def test_who_has_seen_the_end_is_told_not_to_come_back(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    work_off(job_id)
    last = streams.listen(ann, job_id).rest()[-1]
    assert streams.get(ann, job_id, **{"Last-Event-ID": str(last.id)}).status_code == 204


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_stream_ends_with_its_job_however_that_ends(streams: Streams, ann: Person, end: str) -> None:
    job_id = ann.analysis(ann.video())
    listener = streams.listen(ann, job_id)
    listener.next()
    if end == "failed":
        fail(job_id)
    else:
        ann.post(f"/api/jobs/{job_id}/cancel")
    told = listener.rest()
    assert told[-1].event == end
    if end == "failed":
        assert told[-1].data["error"]["code"] == "INVALID_MEDIA"


def test_a_job_that_was_requeued_is_followed_past_its_failure(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    fail(job_id)
    with transaction() as session:
        lifecycle.requeue(session, job_id)
    listener = streams.listen(ann, job_id)
    assert [sent.event for sent in listener.until("requeued")].count("failed") == 1
    work_off(job_id)
    assert listener.rest()[-1].event == "done"


def test_a_step_that_ends_after_its_job_failed_does_not_keep_the_stream_open(
    streams: Streams, ann: Person
) -> None:
    job_id = ann.analysis(ann.video())
    fail(job_id)
    with transaction() as session:
        events.record(session, job_id, ("step", {"step": "prosody", "status": "done"}))
    assert [sent.event for sent in streams.listen(ann, job_id).rest()][-2:] == ["failed", "step"]


def test_more_events_than_one_read_brings_are_all_told(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    with transaction() as session:
        session.add_all(Event(job_id=job_id, kind="step", data={"n": n}) for n in range(1200))
    told = [streams.listen(ann, job_id)]
    assert [told[0].next().data.get("n") for _ in range(1201)] == [None, *range(1200)]


def test_a_token_may_come_in_the_query(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    assert streams.get(None, job_id, token=ann.tokens["access_token"]).status_code == 200


def test_streams_are_for_the_owner_alone(streams: Streams, ann: Person, bob: Person) -> None:
    job_id = ann.analysis(ann.video())
    for answer, status in (
        (streams.get(None, job_id), 401),
        (streams.get(None, job_id, token="x"), 401),
        (streams.get(None, job_id, token=ann.tokens["refresh_token"]), 401),
        (streams.get(bob, job_id), 404),
        (streams.get(ann, "not-an-id"), 404),
        (streams.get(ann, job_id, **{"Last-Event-ID": "x"}), 400),
    ):
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"code", "message", "details"}


def test_a_stream_ends_when_its_reader_signs_out(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    listener = streams.listen(ann, job_id)
    listener.next()
    ann.post("/api/auth/logout", refresh_token=ann.tokens["refresh_token"])
    work_step(next_ready(job_id))
    assert listener.rest() == []
    assert streams.get(ann, job_id).status_code == 401


def test_a_stream_may_be_read_by_an_api_key_until_it_is_revoked(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    key = ann.post("/api/keys", name="a script", scopes=["read"]).json
    listener = Listener(streams.get(None, job_id, token=key["key"]))
    assert listener.next().event == "created"
    assert ann.delete(f"/api/keys/{key['id']}").status_code == 204
    work_off(job_id)
    assert listener.rest() == []


def test_a_stream_ends_when_its_video_is_deleted(streams: Streams, ann: Person) -> None:
    video_id = ann.video()
    listener = streams.listen(ann, ann.analysis(video_id))
    listener.next()
    ann.delete(f"/api/videos/{video_id}")
    assert all(sent.event == "cancelled" for sent in listener.rest())


def test_pages_of_the_same_host_may_read_and_others_may_not(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    for origin, allowed in (
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://evil.example", None),
        ("null", None),
        ("http://[", None),
        ("http://127.0.0.1.evil.example", None),
    ):
        answer = streams.get(ann, job_id, Origin=origin)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        assert answer.headers["Vary"] == "Origin"
    asked = requests.options(
        f"{streams.url}/api/jobs/{job_id}/events",
        timeout=5,
        headers={"Origin": "http://127.0.0.1:8000", "Access-Control-Request-Method": "GET"},
    )
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]


def test_many_streams_are_told_while_some_readers_sleep(streams: Streams, ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    sleepers = [streams.get(ann, job_id) for _ in range(20)]
    listeners = [streams.listen(ann, job_id) for _ in range(60)]
    ticks = progress.connect(settings().progress_url)
    for percent in range(1, 9):
        progress.publish(ticks, job_id, float(percent), "ingest")
    work_off(job_id)
    for listener in listeners:
        assert listener.rest(timeout_s=20)[-1].event == "done"
    for sleeper in sleepers:
        sleeper.close()
    assert requests.get(f"{streams.url}/health", timeout=5).status_code == 200


def test_a_silent_stream_says_that_it_lives(
    streams: Streams, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ecg.web import streams as module
    from ecg.web.broadcast import Broadcast, Follower
    from ecg.web.live import LiveProgress

    monkeypatch.setattr(module, "HEARTBEAT_S", 0.3)
    job_id = ann.analysis(ann.video())
    told = jwt.decode(ann.tokens["access_token"], options={"verify_signature": False})
    reader = module.Reader(SignedIn(told["sub"], told["family"]), job_id)
    broadcast = Broadcast(settings(), module.in_thread)
    broadcast.notified = True
    stream = module.Stream(reader, broadcast, Follower(), after_id=0)
    told = stream.run(*reader.read(0), LiveProgress(progress.Ticks(settings().progress_url)))
    assert "event: created" in next(text for text in told if text.startswith("id: "))
    assert next(told).startswith(": ")
    assert next(told).startswith(": ")


def test_a_stream_survives_the_loss_of_every_connection_to_the_database(
    streams: Streams, ann: Person
) -> None:
    job_id = ann.analysis(ann.video())
    listener = streams.listen(ann, job_id)
    listener.next()
    with transaction() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
    work_off(job_id)
    assert listener.rest(timeout_s=10)[-1].event == "done"


def test_a_stream_works_on_while_redis_is_down(
    streams: Streams, services: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ecg-test-", dir="/tmp"))
    folder.chmod(0o755)
    server = start_redis(folder / "redis")
    env = {
        **services,
        "REDIS_URL": server.url,
        "ECG_DATA_DIR": str(tmp_path),
        "ECG_SECRET_KEY": "known to both",
    }
    process, own = start_streams(env)
    try:
        ann = Person(create_app(), "ann@example.org")
        job_id = ann.analysis(ann.video())
        before = own.listen(ann, job_id)
        assert before.next().event == "created"
        server.stop()
        after = own.listen(ann, job_id)
        work_off(job_id)
        for listener in (before, after):
            assert listener.rest()[-1].event == "done"
    finally:
        server.stop()
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
