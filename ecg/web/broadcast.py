"""News of all jobs, brought into this process once and handed to whoever follows a job.

Two sources: Redis (ticks of live progress, which may be lost) and Postgres (NOTIFY: a job has new
events). Either may be away; streams then ask Postgres themselves, more often. Meant for gevent: only
greenlets of one hub touch a broadcast, so it needs no locks.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import gevent
import gevent.event
import gevent.socket
import psycopg2
import redis
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from sqlalchemy.engine import make_url

from ecg import progress
from ecg.config import Settings
from ecg.events import EVENTS_CHANNEL

log = logging.getLogger(__name__)
# A reader that is slower than the ticks needs only the newest of them.
_TICKS_KEPT = 8
_RETRY_S = 1.0
_SILENCE_S = 30.0


class Follower:
    """What is new for one stream. Old ticks make room for new ones; that there are events is never lost."""

    def __init__(self) -> None:
        self._ticks: deque[dict[str, Any]] = deque(maxlen=_TICKS_KEPT)
        self._events = False
        self._news = gevent.event.Event()

    def tick(self, tick: dict[str, Any]) -> None:
        """There is live progress."""
        self._ticks.append(tick)
        self._news.set()

    def wake(self) -> None:
        """There are events in Postgres."""
        self._events = True
        self._news.set()

    def wait(self, timeout_s: float) -> tuple[list[dict[str, Any]], bool]:
        """The ticks since the last call, and whether there may be events: always so after the timeout."""
        silent = not self._news.wait(timeout_s)
        self._news.clear()
        ticks, events = list(self._ticks), self._events or silent
        self._ticks.clear()
        self._events = False
        return ticks, events


class Broadcast:
    """The followers of every job, and the two greenlets that bring them their news."""

    def __init__(self, settings: Settings, in_thread: Callable[..., Any]) -> None:
        self._settings, self._in_thread = settings, in_thread
        self._followers: defaultdict[str, set[Follower]] = defaultdict(set)
        self._started = False
        #: Whether Postgres tells us of new events; else they must be looked for.
        self.notified = False

    def follow(self, job_id: str) -> Follower:
        """Begin to follow a job; `leave` ends it."""
        if not self._started:
            # Not before the first stream: gunicorn makes the app before it has its own process and hub.
            self._started = True
            gevent.spawn(self._for_ever, self._hear_redis, "Redis")
            gevent.spawn(self._for_ever, self._hear_postgres, "Postgres")
        follower = Follower()
        self._followers[job_id].add(follower)
        return follower

    def leave(self, job_id: str, follower: Follower) -> None:
        """Follow no longer."""
        self._followers[job_id].discard(follower)
        if not self._followers[job_id]:
            del self._followers[job_id]

    def _for_ever(self, hear: Callable[[], None], source: str) -> None:
        away = False
        while True:
            try:
                hear()
            except (redis.RedisError, psycopg2.Error, OSError) as error:
                if not away:
                    log.warning("%s brings no news: %s", source, str(error).strip())
                away = True
            gevent.sleep(_RETRY_S)

    def _hear_redis(self) -> None:
        """Ticks, until the connection breaks."""
        client = redis.Redis.from_url(
            self._settings.progress_url, decode_responses=True, socket_connect_timeout=2, socket_timeout=10,
            socket_keepalive=True, health_check_interval=15,
        )  # fmt: skip
        with client, client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.psubscribe(progress.CHANNELS)
            while True:
                message = channel.get_message(timeout=5)
                if message is not None:
                    self._deliver(message["channel"].rpartition(":")[2], message["data"])

    def _deliver(self, job_id: str, data: str) -> None:
        followers = self._followers.get(job_id)
        if not followers:
            return
        news = json.loads(data)
        for follower in followers:
            follower.tick(news)

    def _hear_postgres(self) -> None:
        """Notifications of events, until the connection breaks."""
        connection = self._in_thread(_listener, self._settings.database_url)
        try:
            self.notified = True
            self._wake_all()  # for what happened while nobody listened
            while True:
                self._await_readable(connection)
                connection.poll()
                for job_id in {notice.payload for notice in connection.notifies}:
                    for follower in self._followers.get(job_id, ()):
                        follower.wake()
                connection.notifies.clear()
        finally:
            self.notified = False
            connection.close()
            self._wake_all()

    def _await_readable(self, connection: psycopg2.extensions.connection) -> None:
        try:
            gevent.socket.wait_read(connection.fileno(), timeout=_SILENCE_S)
        except TimeoutError:
            self._in_thread(_ask, connection)  # a peer that vanished is noticed only by asking it

    def _wake_all(self) -> None:
        for followers in self._followers.values():
            for follower in followers:
                follower.wake()


def _listener(database_url: str) -> psycopg2.extensions.connection:
    arguments = make_url(database_url).translate_connect_args(username="user", database="dbname")
    arguments |= dict(make_url(database_url).query)
    connection = psycopg2.connect(connect_timeout=5, keepalives_idle=20, **arguments)
    connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {EVENTS_CHANNEL}")
    return connection


def _ask(connection: psycopg2.extensions.connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
