"""Live progress: ticks that may be lost. A hash per job in Redis, and a channel for streams.

Milestones, results and errors are events in Postgres; nothing here is needed to tell how a job ended.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, TypeVar

import pybreaker
import redis

log = logging.getLogger(__name__)
_T = TypeVar("_T")
_TTL_S = 86400
#: Pattern of all channels; a stream process subscribes to it once.
CHANNELS = "ecg:progress:*"


def connect(url: str) -> redis.Redis:
    """A client that gives up quickly: nobody waits long for what may be lost."""
    return redis.Redis.from_url(
        url, socket_timeout=0.3, socket_connect_timeout=0.3, retry=None, decode_responses=True
    )


def publish(client: redis.Redis, job_id: str, percent: float, step: str) -> None:
    """Tell how far a job is. Raises `redis.RedisError` when Redis does not take it."""
    tick: dict[Any, Any] = {"percent": round(percent, 1), "step": step}
    with client.pipeline(transaction=False) as pipe:
        pipe.hset(_channel(job_id), mapping=tick)
        pipe.expire(_channel(job_id), _TTL_S)
        pipe.publish(_channel(job_id), json.dumps(tick))
        pipe.execute()


def read(client: redis.Redis, job_id: str) -> float:
    """Percent of the newest tick; 0 when there is none."""
    return float(client.hget(_channel(job_id), "percent") or 0.0)


def _channel(job_id: str) -> str:
    return f"ecg:progress:{job_id}"


class Ticks:
    """The ticks of all jobs for those who can do without: while Redis is away they are left out.

    Only one call in five seconds then waits to find out whether Redis is back.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=5, throw_new_error_on_trip=False)

    @cached_property
    def _client(self) -> redis.Redis:
        return connect(self._url)

    def publish(self, job_id: str, percent: float, step: str) -> None:
        """Tell how far a job is, in percent."""
        self._unless_away(lambda: publish(self._client, job_id, percent, step))

    def read(self, job_id: str) -> float:
        """How far the newest tick says a job is, in percent; 0 when none can be had."""
        return self._unless_away(lambda: read(self._client, job_id)) or 0.0

    def _unless_away(self, ask: Callable[[], _T]) -> _T | None:
        try:
            return self._breaker.call(ask)
        except pybreaker.CircuitBreakerError:
            return None
        except redis.RedisError as error:
            log.warning("live progress is left out, Redis is away: %s", error)
            return None


class Newest:
    """The newest tick of every job that was asked for, kept by a thread that is subscribed to them.

    Asking again then takes no round trip. What is not known, or while nobody is subscribed, is read.
    """

    _MOST = 10_000
    _RETRY_S = 1.0

    def __init__(self, url: str) -> None:
        self._url, self._ticks = url, Ticks(url)
        self._known: dict[str, float] = {}
        self._subscribed = False
        self._begun, self._writing = threading.Lock(), threading.Lock()

    def read(self, job_id: str) -> float:
        """How far the newest tick says a job is, in percent; 0 when none can be had."""
        subscribed = self._subscribed
        if subscribed and (percent := self._known.get(job_id)) is not None:
            return percent
        if self._begun.acquire(blocking=False):  # once, and not before this process is the one that serves
            threading.Thread(target=self._hear_for_ever, name="ticks", daemon=True).start()
        percent = self._ticks.read(job_id)
        if subscribed:  # so whatever came after it was read has been or will be heard
            self._keep(job_id, percent)
        return percent

    def _keep(self, job_id: str, percent: float) -> None:
        with self._writing:
            if len(self._known) >= self._MOST:
                self._known.clear()
            self._known[job_id] = max(percent, self._known.get(job_id, 0.0))

    def _hear_for_ever(self) -> None:
        while True:
            try:
                self._hear()
            except (redis.RedisError, OSError):
                pass  # who reads meanwhile says that Redis is away
            finally:
                self._subscribed = False
            time.sleep(self._RETRY_S)

    def _hear(self) -> None:
        """Until the connection breaks."""
        client = redis.Redis.from_url(self._url, decode_responses=True, socket_connect_timeout=2,
                                      socket_timeout=10, health_check_interval=15)  # fmt: skip
        with client, client.pubsub() as channel:
            channel.psubscribe(CHANNELS)
            while True:
                message = channel.get_message(timeout=5)
                if message is None:
                    continue
                if message["type"] == "psubscribe":
                    self._known.clear()  # what was sent before is not heard
                    self._subscribed = True
                    continue
                job_id = message["channel"].rpartition(":")[2]
                if job_id in self._known:
                    self._keep(job_id, json.loads(message["data"])["percent"])


@cache
def newest(url: str) -> Newest:
    """The one of this process for a Redis."""
    return Newest(url)
