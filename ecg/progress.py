"""Live progress: ticks that may be lost. A hash per job in Redis, and a channel for streams.

Milestones, results and errors are events in Postgres; nothing here is needed to tell how a job ended.
"""

from __future__ import annotations

import json
from typing import Any

import redis

_TTL_S = 86400
#: Pattern of all channels; a stream process subscribes to it once.
CHANNELS = "ecg:progress:*"


def connect(url: str) -> redis.Redis:
    """A client that gives up quickly: no step waits for its progress to be told."""
    return redis.Redis.from_url(
        url, socket_timeout=0.3, socket_connect_timeout=0.3, retry=None, decode_responses=True
    )


def channel(job_id: str) -> str:
    """The channel of a job's ticks; also the key of its hash."""
    return f"ecg:progress:{job_id}"


def publish(client: redis.Redis, job_id: str, percent: float, step: str) -> None:
    """Tell how far a job is. Raises `redis.RedisError` when Redis does not take it."""
    tick: dict[Any, Any] = {"percent": round(percent, 1), "step": step}
    with client.pipeline(transaction=False) as pipe:
        pipe.hset(channel(job_id), mapping=tick)
        pipe.expire(channel(job_id), _TTL_S)
        pipe.publish(channel(job_id), json.dumps(tick))
        pipe.execute()


def announce(client: redis.Redis, job_id: str) -> None:
    """Tell streams that new events of a job are in Postgres."""
    client.publish(channel(job_id), json.dumps({"event": True}))


def read(client: redis.Redis, job_id: str) -> dict[str, Any] | None:
    """The newest tick: ``{"percent": float, "step": str}``, or ``None``."""
    found = client.hgetall(channel(job_id))
    return {"percent": float(found["percent"]), "step": found["step"]} if found else None
