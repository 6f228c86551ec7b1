"""A Celery worker that eats one queue. The four entries beside this file say which."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import socket
import sys
from pathlib import Path

import redis
from celery.signals import heartbeat_sent, worker_ready

from ecg import progress
from ecg.config import settings
from ecg.jobs.graphs import Queue

log = logging.getLogger(__name__)
#: How long a worker counts as present after its last heartbeat (one is sent every two seconds).
PRESENT_S = 30


def consume(queue: Queue) -> None:
    """Work on a queue until SIGTERM: a short step may end, a long one is handed back."""
    arguments = argparse.ArgumentParser(description=f"Works on the queue {queue}.")
    arguments.add_argument("--gpu", help="the GPU this process is pinned to, as nvidia-smi numbers it")
    gpu = arguments.parse_args().gpu
    if gpu is not None:
        pin(gpu)
    # SIGTERM means a soft shutdown: celeryconfig.worker_soft_shutdown_timeout, then hand back.
    os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")
    os.environ["ECG_WORKER_QUEUE"] = str(queue)
    from ecg.tasks import app  # after the lines above: they are read at its import

    name = f"{queue}-{'cpu' if gpu is None else f'gpu{gpu}'}-{os.getpid()}@{socket.gethostname()}"
    _tell_presence(queue, name)
    os.environ["TMPDIR"] = str(own_temp_folder(settings().scratch_dir))
    # Not by `worker_main`: the command line of Celery takes 0.3 s to import, and each restart waits for it.
    worker = app.Worker(hostname=name, queues=[str(queue)], loglevel="INFO", without_gossip=True,
                        without_mingle=True)  # fmt: skip
    worker.start()
    sys.exit(worker.exitcode)


def pin(gpu: str) -> None:
    """Let this process and its children see this GPU alone, as their first one."""
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    # CUDA's own order is by speed, that of nvidia-smi by slot; where cards differ they must not be mixed up.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")


def own_temp_folder(scratch: Path) -> Path:
    """Where this worker's programs put what they need for a while, such as a browser its profile.

    Nobody removes it at ``kill -9``, so each worker removes those of the dead ones of its machine.
    """
    mine = f"worker-{socket.gethostname()}-"
    for left in scratch.glob(f"{mine}*"):
        if not Path("/proc", left.name.removeprefix(mine)).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = scratch / f"{mine}{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _tell_presence(queue: Queue, name: str) -> None:
    """Keep a key alive in Redis for as long as the worker really consumes; `/ready` counts them."""
    client = progress.connect(settings().progress_url)

    def beat(**_: object) -> None:
        try:
            client.set(f"ecg:consumer:{queue}:{name}", "1", ex=PRESENT_S)
        except redis.RedisError as error:
            log.warning("presence of %s not told: %s", name, error)

    heartbeat_sent.connect(beat, weak=False)
    worker_ready.connect(beat, weak=False)
