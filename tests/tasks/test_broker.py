"""Messages, when Redis does not answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from kombu import Connection, Consumer, Producer, Queue

from ecg.config import settings
from ecg.tasks import app

AWAY_S = 1.5


@pytest.fixture
def broker(database: str) -> Iterator[Connection]:
    """As a worker connects, but for how long it waits for an answer."""
    options = {**app.conf.broker_transport_options, "socket_timeout": AWAY_S / 3}
    with Connection(settings().broker_url, transport_options=options) as connection:
        connection.default_channel.client.flushall()
        yield connection


def test_a_worker_takes_the_next_message_though_redis_was_away_when_it_acknowledged_the_last(
    broker: Connection,
):
    queue, taken = Queue("media", durable=True), list[Any]()
    channel = broker.channel()
    with Consumer(channel, [queue], callbacks=[lambda body, message: taken.append(message)]) as consumer:
        consumer.qos(prefetch_count=1)
        for number in range(2):
            Producer(channel).publish({"step": number}, routing_key="media", declare=[queue])
        broker.drain_events(timeout=5)
        with redis.Redis.from_url(settings().broker_url) as client:
            client.client_pause(round(AWAY_S * 1000))
            taken[0].ack_log_error(logging.getLogger("test"), broker.connection_errors)
        assert not taken[0].acknowledged, "Redis was not away"
        time.sleep(AWAY_S)
        broker.drain_events(timeout=5)
    assert [message.payload["step"] for message in taken] == [0, 1]
