"""A receiver of webhooks on this machine, and the deliverer that calls it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select, text

from ecg import config
from ecg.config import settings
from ecg.db import transaction
from ecg.models import Delivery, Webhook, WebhookEvent
from ecg.stack.ports import free_port
from ecg.webhooks import registry
from tests.jobs.builders import make_job, make_user, run
from tests.test_egress import PUBLIC
from workers import webhooks
from workers.webhooks import Deliverer

STEPS = ("ingest", "prosody", "diarize", "transcribe", "merge")


@dataclass(frozen=True)
class Request:
    """As it came over the wire."""

    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["ECG-Event-Id"]

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    """``answer``: the status it answers with; ``pause``: what it does before, if anything."""

    port: int
    answer: int = 200
    pause: Callable[[], object] | None = None
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{PUBLIC}:{self.port}/ecg?a=1"

    @property
    def event_ids(self) -> list[str]:
        return [request.event_id for request in self.requests]


@contextmanager
def receiving(port: int = 0, **given: Any) -> Iterator[Receiver]:
    receiver = Receiver(port, **given)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(Request(dict(self.headers.items()), body))
            if receiver.pause:
                receiver.pause()
            self.send_response(receiver.answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((PUBLIC, port), Handler)
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def may_be_called(monkeypatch: pytest.MonkeyPatch, *ports: int, **settings_: str) -> None:
    """Let this process, and those it starts, call these ports of the host that counts as public."""
    allowed = {"ECG_EGRESS_ALLOW": f"{PUBLIC}/32", "ECG_EGRESS_PORTS": ",".join(map(str, ports)), **settings_}
    for name, value in allowed.items():
        monkeypatch.setenv(name, value)
    config.settings.cache_clear()


@pytest.fixture
def receiver(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """One that may be called."""
    with receiving() as up:
        may_be_called(monkeypatch, up.port)
        yield up


@pytest.fixture
def a_port(database: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """One that may be called, where nobody listens yet."""
    port = free_port(PUBLIC)
    may_be_called(monkeypatch, port)
    return port


def make_webhook(url: str, user_id: str | None = None, **given: Any) -> tuple[str, str, str]:
    """The ids of a webhook and of its user, and its secret."""
    user_id = user_id or make_user()
    asked = {"url": url, "events": list(WebhookEvent), "description": "", **given}
    with transaction() as session:
        webhook, secret = registry.make(session, settings(), user_id, **asked)
        return webhook.id, user_id, secret


def finished_job(user_id: str) -> str:
    job_id = make_job(user_id)
    for step in STEPS:
        run(job_id, step)
    return job_id


def deliveries(webhook_id: str) -> list[Delivery]:
    with transaction() as session:
        its = select(Delivery).where(Delivery.webhook_id == webhook_id)
        return list(session.scalars(its.order_by(Delivery.created_at)))


def webhook_of(webhook_id: str) -> Webhook:
    with transaction() as session:
        return session.get_one(Webhook, webhook_id)


def hours_pass(hours: float = 2) -> None:
    """For what waits to be sent again; longer than the longest pause."""
    with transaction() as session:
        moved = f"- interval '{hours} hours'"
        session.execute(text(f"UPDATE webhooks SET rests_until = rests_until {moved}"))
        later = f"UPDATE deliveries SET next_attempt_at = next_attempt_at {moved} WHERE attempts > 0"
        session.execute(text(later))


@contextmanager
def delivering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deliverer]:
    """The deliverer at work, which looks more often than it does in earnest."""
    monkeypatch.setattr(webhooks, "_POLL_S", 0.02)
    deliverer = Deliverer(settings())
    running = threading.Thread(target=deliverer.run)
    running.start()
    try:
        yield deliverer
    finally:
        deliverer.stopping = True
        running.join()


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)
