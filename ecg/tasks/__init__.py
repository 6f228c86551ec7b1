"""The Celery app: ``celery -A ecg.tasks …``. Task bodies are in one file per queue."""

from __future__ import annotations

from celery import Celery
from celery.signals import setup_logging

from ecg.config import settings
from ecg.jobs.graphs import Queue
from ecg.logs import set_up_logs
from ecg.tasks import broker

broker.install()
app = Celery("ecg")
app.config_from_object("celeryconfig")
# A worker loads the tasks of its own queue: the upkeep worker needs no speech models.
app.conf.include = [f"ecg.tasks.{settings().worker_queue}"] if settings().worker_queue else [
    f"ecg.tasks.{queue}" for queue in Queue
]  # fmt: skip


@setup_logging.connect
def _set_up_logs(**_: object) -> None:
    # Also runs in the pool's processes: they are spawned, not forked, and inherit no logging.
    set_up_logs()


__all__ = ["app"]
