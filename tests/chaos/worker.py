"""A worker of any queues whose tasks are the fakes: ``python -m tests.chaos.worker --queues media,audio``.

What stands outside `main` also runs in the processes of its pool, the first ones and those that replace
dead ones: they are spawned, and import this module before they load tasks.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import sys
import time

# As in workers.consumer: read at the import of celery.
os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")

from ecg.tasks import app
from tests.chaos import faults

app.conf.include = ["tests.chaos.fakes"]
# So that a test need not wait a week for Redis to hand a message out again, ten seconds at every SIGTERM, or
# most of a minute until a dead connection is noticed.
if visibility_s := os.environ.get("ECG_CHAOS_VISIBILITY_S"):
    app.conf.broker_transport_options |= {
        "visibility_timeout": int(visibility_s), "unacked_restore_interval": 1, "unacked_restore_throttle": 1,
    }  # fmt: skip
if soft_shutdown_s := os.environ.get("ECG_CHAOS_SOFT_SHUTDOWN_S"):
    app.conf.worker_soft_shutdown_timeout = float(soft_shutdown_s)
if health_check_s := os.environ.get("ECG_CHAOS_HEALTH_CHECK_S"):
    app.conf.broker_transport_options |= {"health_check_interval": int(health_check_s)}
if "FAKETIME" in os.environ:
    # libfaketime refuses the way Python sleeps (until a moment of the monotonic clock) with EINVAL.
    time.sleep = lambda seconds: select.select([], [], [], seconds) and None
faults.install_in_worker()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--queues", default="media,audio,render")
    queues = arguments.parse_args().queues
    worker = app.Worker(hostname=f"chaos-{os.getpid()}@{socket.gethostname()}", queues=queues.split(","),
                        loglevel="INFO", without_gossip=True, without_mingle=True)  # fmt: skip
    worker.start()
    sys.exit(worker.exitcode)


if __name__ == "__main__":
    main()
