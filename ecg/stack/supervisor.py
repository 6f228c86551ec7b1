"""The whole of ECG on one machine, under one supervisor: what ``ecg up`` runs.

Every process is a guarded child, so none of them outlives the supervisor, however that ends. The
supervisor alone starts, restarts and stops; it holds the lock of its data folder, and so do its
children, so that a new stack begins only when the last process of the old one is gone.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import requests

from ecg import migrations
from ecg.config import Settings, with_driver
from ecg.errors import ServiceUnavailable
from ecg.jobs.graphs import Queue
from ecg.stack import embedded, gpus, logs, ports, running
from ecg.stack.processes import Member, process_types, spawn

_READY_S = 180.0
#: A process that ends so often in a row before the stack was ever ready will not get better by itself.
_HOPELESS_ENDS = 4
# Longer than the workers' own soft shutdown (celeryconfig.worker_soft_shutdown_timeout).
_STOP_WORKERS_S = 20.0
_STOP_SERVERS_S = 20.0


def run_stack(
    config: Settings, *, flower: bool = False, asked_for: Collection[str] = (),
    say: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Run everything until SIGINT or SIGTERM; a second signal cuts the orderly end short.

    ``asked_for``: names of the port settings that the user chose, which must not be replaced when
    taken. Raises `Conflict` when a stack runs on this data folder already or such a port is taken,
    `ServiceUnavailable` when a server does not start or the stack does not become healthy.
    """
    with running.lock(config.data_dir) as lock_fd, _signals() as received:
        stack = Stack(_with_ports(config, flower, asked_for, say), flower, lock_fd, say, received)
        try:
            stack.start()
            stack.watch()
        finally:
            stack.stop()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals received so far that ask for an end."""
    received: list[int] = []
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda caught, _: received.append(caught)) for number in kinds}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _with_ports(
    config: Settings, flower: bool, asked_for: Collection[str], say: Callable[[str], None]
) -> Settings:
    names = {"port": "web tier", "stream_port": "event streams"}
    if flower:
        names["flower_port"] = "dashboard"
    settled: dict[str, Any] = {
        field: ports.settle(name, config.host, getattr(config, field), asked_for=field in asked_for, say=say)
        for field, name in names.items()
    }
    return dataclasses.replace(config, **settled)


class Stack:
    """The members of a running stack: ``servers`` hold the data, ``workers`` work on it."""

    def __init__(self, config: Settings, flower: bool, lock_fd: int, say: Callable[[str], None],
                 received: list[int]) -> None:  # fmt: skip
        self.config, self.flower, self.say = config, flower, say
        self.servers: list[Member] = []
        self.workers: list[Member] = []
        self._hold = (lock_fd,)
        self._received = received
        self._logs = running.private_folder(config.data_dir, "logs")

    def start(self) -> None:
        """Servers, migrations, then every process type."""
        if not self.config.database_url:
            url = self._serve("postgres", lambda: embedded.start_postgres(
                self.config.data_dir / "postgres", self._hold))  # fmt: skip
            self.config = dataclasses.replace(self.config, database_url=with_driver(url))
        if not self.config.redis_url:
            port = ports.free_port("127.0.0.1")
            url = self._serve("redis", lambda: embedded.start_redis(
                self.config.data_dir / "redis", port, self._hold))  # fmt: skip
            self.config = dataclasses.replace(self.config, redis_url=url)
        migrations.upgrade(self.config.database_url)
        for name in ("store", "scratch"):
            running.private_folder(self.config.data_dir, name)
        self._announce(ready=False)
        env = self._environment()
        found = gpus.find(self.config.gpus)
        for kind in process_types(found, self.flower, self.config.audio_workers_per_gpu):
            log = self._logs / f"{kind.name}.log"
            member = Member(kind.name, partial(spawn, kind, log, env, self._hold), log,
                            self.say, signal.SIGTERM)  # fmt: skip
            self.workers.append(member)
            member.launch()

    def _serve(self, name: str, start: Callable[[], embedded.Service]) -> str:
        """Start a server as a member that can be started again at the same address; returns its URL."""
        service = start()
        member = Member(name, lambda: start().process, service.log, self.say, service.stop_signal)
        member.adopt(service.process)
        self.servers.append(member)
        return service.url

    def _environment(self) -> dict[str, str]:
        """The environment of every process: ours, and what this stack has settled."""
        config = self.config
        return {
            **os.environ,
            "DATABASE_URL": config.database_url,
            "REDIS_URL": config.redis_url,
            "ECG_DATA_DIR": str(config.data_dir),
            "ECG_HOST": config.host,
            "ECG_PORT": str(config.port),
            "ECG_STREAM_PORT": str(config.stream_port),
            "ECG_FLOWER_PORT": str(config.flower_port),
        }

    def watch(self) -> None:
        """Keep every member running until a signal comes; say the address once all is healthy."""
        deadline_s, ready, look_again_s = time.monotonic() + _READY_S, False, 0.0
        while not self._received:
            for member in (*self.servers, *self.workers):
                member.tend()
            if not ready and time.monotonic() >= look_again_s:
                ready, look_again_s = self._has_become_ready(deadline_s), time.monotonic() + 0.3
            time.sleep(0.05)

    def _has_become_ready(self, deadline_s: float) -> bool:
        ports_to_ask = (self.config.port, self.config.stream_port)
        missing = what_is_missing(*(local_url(self.config.host, port) for port in ports_to_ask))
        if not missing:
            self._announce(ready=True)
            self._greet()
            return True
        hopeless = [member for member in self.workers if member.early_ends >= _HOPELESS_ENDS]
        if hopeless or time.monotonic() > deadline_s:
            last_words = "".join(f"\n--- {member.name}:\n{logs.tail(member.log, 800)}" for member in hopeless)
            raise ServiceUnavailable(f"ECG does not get healthy: {missing}. Logs: {self._logs}{last_words}")
        return False

    def _announce(self, *, ready: bool) -> None:
        config = self.config
        url = local_url(config.host, config.port)
        running.announce(config.data_dir, running.Running(
            url=url, stream_url=config.stream_url or local_url(config.host, config.stream_port),
            database_url=config.database_url, redis_url=config.redis_url,
            flower_url=local_url(config.host, config.flower_port) if self.flower else "",
            pid=os.getpid(), ready=ready,
        ))  # fmt: skip

    def _greet(self) -> None:
        self.say(f"ECG is ready: {local_url(self.config.host, self.config.port)}")
        if self.flower:
            kept = self.config.data_dir / "secrets" / "flower"
            where = "sign in as ECG_FLOWER_AUTH says"
            if not self.config.flower_auth:
                where = f"user operator, password in {kept}"
            self.say(f"Flower: {local_url(self.config.host, self.config.flower_port)}, {where}")
        self.say(f"Logs: {self._logs}. Ctrl-C stops everything.")

    def stop(self) -> None:
        """Workers and web first, so that nothing loses the servers under its hands; then the servers."""
        asked = max(len(self._received), 1)
        for group, patience_s in ((self.workers, _STOP_WORKERS_S), (self.servers[::-1], _STOP_SERVERS_S)):
            deadline_s = time.monotonic() + patience_s
            for member in group:
                member.ask_to_stop()
            for member in group:
                member.end(deadline_s, hurry=lambda: len(self._received) > asked)
        running.forget(self.config.data_dir)


def what_is_missing(url: str, stream_url: str) -> str:
    """What keeps the stack from being healthy, as a phrase; empty when it is and every queue is served."""
    try:
        response = requests.get(f"{url}/ready", timeout=3)
        report = response.json()
    except requests.RequestException:
        return "the web tier does not answer"
    try:
        requests.get(stream_url, timeout=3)  # any answer is one
    except requests.RequestException:
        return "the event streams do not answer"
    unserved = [str(queue) for queue in Queue if not report.get("consumers", {}).get(str(queue))]
    if unserved:
        return f"no worker yet for {', '.join(unserved)}"
    return "" if response.ok else f"/ready says {report}"


def local_url(host: str, port: int) -> str:
    """The address under which this machine itself reaches a server that listens on ``host``."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 # nosec B104 # not bound
    return f"http://{name}:{port}"
