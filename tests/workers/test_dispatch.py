"""The dispatcher: how much it keeps in a queue, and what it does not trust."""

from __future__ import annotations

import threading
import time

import pytest
import redis
from sqlalchemy import text

from ecg.config import settings
from ecg.db import transaction
from ecg.tasks import app
from tests.jobs.builders import claim, make_job, step_of
from workers.dispatch import Dispatcher, Pace

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _an_empty_broker(database: str, monkeypatch: pytest.MonkeyPatch):
    # Celery reads its settings once; tests before these may have had other servers.
    monkeypatch.setattr(app.conf, "broker_url", settings().broker_url)
    with redis.Redis.from_url(settings().broker_url) as client:
        client.flushall()


def waiting() -> int:
    with redis.Redis.from_url(settings().broker_url) as client:
        return client.llen("media")


def age(column: str) -> None:
    with transaction() as session:
        session.execute(text(f"UPDATE steps SET {column} = {column} - interval '1 hour'"))


def test_of_long_steps_only_one_waits_in_the_queue_whatever_their_number():
    for _ in range(5):
        make_job()
    dispatcher = Dispatcher(settings())
    for _ in range(3):
        dispatcher.publish("media")
    assert waiting() == 1


def test_the_faster_steps_are_taken_the_more_of_them_wait_in_the_queue():
    pace = Pace()
    assert pace.window(64) == 1
    for _ in range(200):
        pace.sent(1)
        pace.seen(0)
    assert 20 < pace.window(64) <= 64
    assert pace.window(8) == 8


def test_a_message_is_sent_again_only_when_the_broker_has_lost_it():
    make_job()
    dispatcher = Dispatcher(settings())
    dispatcher.publish("media")
    age("published_at")
    dispatcher.reconcile()
    assert dispatcher.publish("media") == 0, "the message is in the queue"
    with redis.Redis.from_url(settings().broker_url) as client:
        client.flushall()
    dispatcher.reconcile()
    assert dispatcher.publish("media") == 1


def test_after_the_database_was_away_holders_of_leases_get_time_to_renew_them(monkeypatch):
    monkeypatch.setenv("ECG_LEASE_S", "1")
    settings.cache_clear()
    job = make_job()
    claim(job, "ingest", lease_s=-1)
    dispatcher = Dispatcher(settings())
    dispatcher.outage()
    dispatcher.reconcile()
    assert step_of(job, "ingest").status == "running"
    time.sleep(1.1)
    dispatcher.reconcile()
    assert step_of(job, "ingest").status == "ready"


def test_a_step_whose_backoff_ends_is_published_though_another_queue_is_busy_all_the_time():
    job = make_job()
    with transaction() as session:
        soon = "not_before = clock_timestamp() + interval '1 second'"
        session.execute(text(f"UPDATE steps SET queue = 'audio', {soon} WHERE name = 'ingest'"))
    dispatcher = Dispatcher(settings())
    running = threading.Thread(target=dispatcher.run)
    running.start()
    deadline_s = time.monotonic() + 20
    try:
        while step_of(job, "ingest").published_at is None:
            assert time.monotonic() < deadline_s, "it waits for ever"
            with transaction() as session:
                session.execute(text("SELECT pg_notify('ecg_steps', 'media')"))
            time.sleep(0.02)
    finally:
        dispatcher.stopping = True
        running.join()
