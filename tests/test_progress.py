"""Live progress, as those who ask again and again are told it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest
import redis

from ecg import progress
from ecg.progress import Newest


@pytest.fixture
def server(services: dict[str, str]) -> redis.Redis:
    return redis.Redis.from_url(services["REDIS_URL"], decode_responses=True)


def until(told: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not told():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def reads(server: redis.Redis) -> int:
    return server.info("commandstats").get("cmdstat_hget", {}).get("calls", 0)


def test_who_asks_again_is_told_the_newest_without_a_round_trip(
    server: redis.Redis, services: dict[str, str]
) -> None:
    newest, job_id = Newest(services["REDIS_URL"]), str(uuid.uuid4())
    progress.publish(server, job_id, 12.0, "transcribe")
    assert newest.read(job_id) == 12.0
    until(lambda: newest._subscribed)
    assert newest.read(job_id) == 12.0
    before = reads(server)
    progress.publish(server, job_id, 34.5, "transcribe")
    until(lambda: newest.read(job_id) == 34.5)
    assert reads(server) == before


def test_what_was_not_heard_while_redis_was_away_is_read(
    server: redis.Redis, services: dict[str, str]
) -> None:
    newest, job_id = Newest(services["REDIS_URL"]), str(uuid.uuid4())
    newest.read(job_id)
    until(lambda: newest._subscribed)
    progress.publish(server, job_id, 12.0, "transcribe")
    assert newest.read(job_id) in {0.0, 12.0}
    server.client_kill_filter(_type="pubsub")
    until(lambda: not newest._subscribed)
    progress.publish(server, job_id, 50.0, "transcribe")
    assert newest.read(job_id) == 50.0
    until(lambda: newest._subscribed)
    progress.publish(server, job_id, 60.0, "transcribe")
    until(lambda: newest.read(job_id) == 60.0)
