"""The dispatcher: publishes ready steps, and brings back what died on the way.

It sleeps until Postgres tells it (NOTIFY) that a step became ready, at most `dispatch_poll_s`. Any
number of dispatchers may run; each mark is one conditional UPDATE.
"""

from __future__ import annotations

import logging
import select
import signal
import time
from collections.abc import Callable

import psycopg2
import redis
from kombu.exceptions import OperationalError
from sqlalchemy.engine import make_url

from ecg import events, progress
from ecg.config import Settings, settings
from ecg.db import transaction
from ecg.errors import ServiceUnavailable
from ecg.jobs import dispatch, reconcile
from ecg.jobs.graphs import Queue
from ecg.logs import set_up_logs
from ecg.tasks import app

log = logging.getLogger(__name__)
STEP_QUEUES = tuple(queue for queue in Queue if queue is not Queue.UPKEEP)


class Dispatcher:
    """One pass is `publish` for each queue, and `reconcile` when it is due."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.stopping = False
        self._listener: psycopg2.extensions.connection | None = None
        self._redis = progress.connect(config.broker_url)
        self._reconcile_at_s = 0.0

    def run(self) -> None:
        """Until `stopping`. A database or broker that is away is waited for."""
        while not self.stopping:
            try:
                if time.monotonic() >= self._reconcile_at_s:
                    self._reconcile_at_s = time.monotonic() + self.config.reconcile_s
                    self.reconcile()
                for queue in STEP_QUEUES:
                    self.publish(queue)
                self._sleep()
            except (ServiceUnavailable, psycopg2.OperationalError) as error:
                log.warning("database away: %s", error)
                self._listener = None
                time.sleep(self.config.dispatch_poll_s)

    def publish(self, queue: Queue) -> int:
        """Send messages for ready steps of a queue; returns how many went out."""
        with transaction() as session:
            hints = dispatch.take(session, queue, self.config.dispatch_window)
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
        for step_id in expired:
            log.warning("step %s: its worker stopped renewing the lease", step_id)
            with transaction() as session:
                reconcile.bring_back(session, step_id, max_losses=self.config.max_losses)
        for job_id in stalled:
            with transaction() as session:
                reconcile.restart(session, job_id)
        for queue in STEP_QUEUES:
            if self._is_empty(queue):
                with transaction() as session:
                    dispatch.forget_lost_messages(session, queue, self.config.republish_s)

    def _is_empty(self, queue: Queue) -> bool:
        try:
            return self._redis.llen(str(queue)) == 0
        except redis.RedisError:
            return False  # nothing could be sent either

    def _sleep(self) -> None:
        """Until a step becomes ready, or the poll interval is over."""
        if self._listener is None:
            self._listener = _listen(self.config.database_url)
            return
        if select.select([self._listener], [], [], self.config.dispatch_poll_s)[0]:
            self._listener.poll()
            self._listener.notifies.clear()


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
