"""Which workers there are now."""

from __future__ import annotations

import logging

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from ecg.jobs.graphs import Queue
from ecg.tasks import app

log = logging.getLogger(__name__)
_ANSWER_S = 1.0


def render_workers() -> int:
    """How many workers take renders; at least one, as one may be about to start.

    Only advice on how to cut a render: who does not answer in time is not counted, and takes chunks all
    the same.
    """
    try:
        found = app.control.inspect(timeout=_ANSWER_S).active_queues() or {}
    except (OperationalError, RedisError, OSError) as error:
        log.warning("workers cannot be asked for, a render is cut as for one: %s", error)
        return 1
    taking = [queues for queues in found.values() if Queue.RENDER in {queue["name"] for queue in queues}]
    return max(1, len(taking))
