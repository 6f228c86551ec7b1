"""The dispatcher: publishes ready steps, and brings back what died on the way.

It sleeps until Postgres tells it (NOTIFY) that a step of a queue became ready or was taken, at most
`dispatch_poll_s`. Any number of dispatchers may run; each mark is one conditional UPDATE.
"""

from __future__ import annotations

import json
import logging
import math
import select
import signal
import time
from collections.abc import Callable, Collection

import psycopg2
import redis
from kombu.exceptions import OperationalError
from sqlalchemy.engine import make_url

from ecg import events, progress
from ecg.config import Settings, settings
from ecg.db import transaction
from ecg.errors import EcgError, Outage
from ecg.jobs import attempts, dispatch, reconcile
from ecg.jobs.graphs import Queue
from ecg.logs import set_up_logs
from ecg.tasks import app

log = logging.getLogger(__name__)
STEP_QUEUES: tuple[Queue, ...] = tuple(queue for queue in Queue if queue is not Queue.UPKEEP)
#: Work kept in a queue, in seconds at the pace of its last claims: what is in it can no longer be
#: overtaken by a user who has waited less.
_AHEAD_S = 0.25
#: Least time between two passes: notices that come closer together are met by one.
_REST_S = 0.02


class Pace:
    """How fast the steps of a queue are taken, as far as this dispatcher can see."""

    def __init__(self) -> None:
        self._per_s, self._unclaimed, self._seen_s = 0.0, 0, time.monotonic()

    def seen(self, unclaimed: int) -> None:
        """So many published steps are unclaimed now."""
        now_s = time.monotonic()
        taken = max(0, self._unclaimed - unclaimed)
        self._per_s = self._per_s * math.exp(self._seen_s - now_s) + taken
        self._unclaimed, self._seen_s = unclaimed, now_s

    def sent(self, count: int) -> None:
        self._unclaimed += count

    def window(self, most: int) -> int:
        """How many steps may be published and unclaimed: few when steps are long, more when they fly by."""
        return min(most, 1 + int(self._per_s * _AHEAD_S))


class Dispatcher:
    """One pass is `publish` for each queue, and `reconcile` when it is due."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.stopping = False
        self._listener: psycopg2.extensions.connection | None = None
        self._broker = progress.connect(config.broker_url)
        self._paces = {queue: Pace() for queue in STEP_QUEUES}
        self._looked_at_s = dict.fromkeys(STEP_QUEUES, 0.0)
        self._reconcile_at_s = 0.0
        self._leases_count_from_s = 0.0

    def run(self) -> None:
        """Until `stopping`. A database or broker that is away is waited for."""
        queues: Collection[Queue] = STEP_QUEUES
        while not self.stopping:
            try:
                if time.monotonic() >= self._reconcile_at_s:
                    self._reconcile_at_s = time.monotonic() + self.config.reconcile_s
                    self.reconcile()
                for queue in queues:
                    self.publish(queue)
                queues = self._sleep()
            except (Outage, psycopg2.Error) as error:
                log.warning("database away: %s", error)
                queues = STEP_QUEUES
                self.outage()
                time.sleep(self.config.dispatch_poll_s)

    def outage(self) -> None:
        """The database was away. No lease could be renewed: their holders get the time to do so."""
        self._listener = None
        self._leases_count_from_s = time.monotonic() + self.config.lease_s

    def publish(self, queue: Queue) -> int:
        """Send messages for ready steps of a queue; returns how many went out."""
        pace, self._looked_at_s[queue] = self._paces[queue], time.monotonic()
        with transaction() as session:
            unclaimed = dispatch.unclaimed(session, queue)
            pace.seen(unclaimed)
            window = pace.window(self.config.dispatch_window)
            # Choosing fairly among thousands is not free: a queue is filled up when half of it is gone.
            room = window - unclaimed if 2 * unclaimed <= window else 0
            hints = dispatch.take(session, queue, room) if room else []
        sent = self._send(hints)
        pace.sent(sent)
        return sent

    def _send(self, hints: list[dispatch.Hint]) -> int:
        sent = 0
        try:
            for hint in hints:
                app.send_task(hint.task, args=[hint.step_id], queue=hint.queue, task_id=hint.task_id,
                              retry=False, ignore_result=True)  # fmt: skip
                sent += 1
        except (OperationalError, redis.RedisError, OSError) as error:
            log.warning("broker away, %d steps wait in Postgres: %s", len(hints) - sent, error)
            with transaction() as session:
                dispatch.give_back(session, [hint.step_id for hint in hints[sent:]])
            time.sleep(self.config.dispatch_poll_s)
        return sent

    def reconcile(self) -> None:
        """Bring back expired leases, stalled jobs, and messages the broker has lost."""
        with transaction() as session:
            expired, stalled = reconcile.expired(session), reconcile.stalled(session)
        if time.monotonic() >= self._leases_count_from_s:
            for step_id in expired:
                log.warning("step %s: its worker stopped renewing the lease", step_id)
                self._each(attempts.lose, step_id, attempts.Limits.from_settings(self.config))
        for job_id in stalled:
            self._each(reconcile.restart, job_id)
        for queue in STEP_QUEUES:
            self._forget_lost_messages(queue)

    def _each(self, do: Callable[..., None], *arguments: object) -> None:
        """One thing in a transaction of its own, so that an odd row cannot hold up the others."""
        try:
            with transaction() as session:
                do(session, *arguments)
        except Outage:
            raise
        except EcgError as error:
            log.warning("%s %s: %s", do.__name__, arguments[0], error.message)

    def _forget_lost_messages(self, queue: Queue) -> None:
        try:
            messages = self._broker.lrange(str(queue), 0, -1)
        except redis.RedisError:
            return  # nothing could be sent either
        there = [dispatch.step_of(json.loads(message)["headers"]["id"]) for message in messages]
        with transaction() as session:
            lost = dispatch.forget_lost_messages(session, queue, there, self.config.republish_s)
        if lost:
            log.warning("%d messages of the queue %s were lost and are sent again", lost, queue)

    def _sleep(self) -> Collection[Queue]:
        """Until the poll interval is over, or until queues should be looked at: which ones."""
        if self._listener is None:
            self._listener = _listen(self.config.database_url)
            return STEP_QUEUES
        select.select([self._listener], [], [], self.config.dispatch_poll_s)
        time.sleep(max(0.0, max(self._looked_at_s.values()) + _REST_S - time.monotonic()))
        self._listener.poll()
        named = {name for notice in self._listener.notifies for name in notice.payload.split(",")}
        self._listener.notifies.clear()
        # Also those that nobody names for long: what waits for its backoff to end must not wait for ever.
        long_ago_s = time.monotonic() - self.config.dispatch_poll_s
        return [queue for queue in STEP_QUEUES if queue in named or self._looked_at_s[queue] <= long_ago_s]


def _listen(database_url: str) -> psycopg2.extensions.connection:
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(url, connect_timeout=5)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {events.STEPS_CHANNEL}")
    return connection


def stop_on_sigterm(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def main() -> None:
    set_up_logs()
    dispatcher = Dispatcher(settings())
    stop_on_sigterm(lambda: setattr(dispatcher, "stopping", True))
    dispatcher.run()


if __name__ == "__main__":
    main()
