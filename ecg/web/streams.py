"""The event streams, a process of their own: ``gunicorn --worker-class gevent ecg.web.streams:app``.

Each open stream costs a greenlet and a small inbox. Postgres is asked when a stream begins and when
there is news, through gevent's thread pool, because psycopg2 would stop all other streams meanwhile.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gevent
from flask import Flask, Response, request
from gevent.lock import BoundedSemaphore

from ecg import events, history
from ecg.api_keys import Scope
from ecg.config import Settings
from ecg.config import settings as settings_of_process
from ecg.db import transaction
from ecg.errors import BadRequest, NotFound, ServiceUnavailable, Unauthorized
from ecg.jobs.milestones import message
from ecg.models import ENDED_JOBS, Event, Job
from ecg.progress import Ticks
from ecg.web.broadcast import Broadcast, Follower
from ecg.web.cors import SENT
from ecg.web.errors import register_errors
from ecg.web.headers import host_in
from ecg.web.live import LiveProgress
from ecg.web.tokens import Key, SignedIn, bearer_token, credential, init_tokens

log = logging.getLogger(__name__)
#: A comment is sent after this silence, so that proxies and browsers know the stream lives.
HEARTBEAT_S = 15.0
# How often events are looked for while nobody notifies us of them.
_LOOK_S = 2.0
_BATCH = 500
_BROWSER_RETRY_MS = 2000
# Each takes a connection of Redis for a moment; thousands of streams may begin at once.
_LIVE_AT_ONCE = BoundedSemaphore(32)


def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run what blocks outside gevent's loop, and wait for it."""
    return gevent.get_hub().threadpool.apply(work, arguments)


def create_app(settings: Settings | None = None) -> Flask:
    """The app that serves event streams and nothing else."""
    settings = settings or settings_of_process()
    app = Flask("ecg.web.streams", static_folder=None)
    init_tokens(app, settings)
    register_errors(app)
    app.after_request(lambda response: _set_headers(response, settings))
    broadcast = Broadcast(settings, in_thread)
    live = LiveProgress(Ticks(settings.progress_url))

    @app.get("/api/jobs/<uuid:job_id>/events")
    def job_events(job_id: object) -> Response:
        return _respond(Reader(_sender(), str(job_id)), broadcast, live)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


@dataclass(frozen=True)
class Reader:
    """Who reads which job's events."""

    sender: SignedIn | Key
    job_id: str

    def read(self, after_id: int) -> tuple[Job, list[Event]]:
        """The job and its events after one of them.

        Raises `Unauthorized` for one who has signed out, `NotFound` for a job that is not his.
        """
        with transaction() as session:
            job = history.job(session, self.sender.user(session, Scope.READ), self.job_id)
            return job, list(events.since(session, self.job_id, after_id, _BATCH))

    def news(self, after_id: int) -> tuple[Job, list[Event]] | None:
        """The same, or ``None`` when nothing has happened: thousands of idle streams ask for it."""
        match self.sender:
            case SignedIn(user_id, family) if history.is_quiet(user_id, family, self.job_id, after_id):
                return None
        return self.read(after_id)


def _sender() -> SignedIn | Key:
    # An EventSource cannot send headers, hence the query.
    return credential(request.args.get("access_token") or bearer_token())


def _last_event_id() -> int:
    text = request.headers.get("Last-Event-ID", "").strip() or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest("Last-Event-ID must be the id of an event of this stream.")
    return int(text)


def _respond(reader: Reader, broadcast: Broadcast, live: LiveProgress) -> Response:
    """The first read comes before the answer, so that refusals have their status."""
    after_id = _last_event_id()
    follower = broadcast.follow(reader.job_id)
    try:
        job, found = in_thread(reader.read, after_id)
    except BaseException:
        broadcast.leave(reader.job_id, follower)
        raise
    if not found and job.status in ENDED_JOBS:
        broadcast.leave(reader.job_id, follower)
        return Response(status=204)  # tells an EventSource to stop coming back
    stream = Stream(reader, broadcast, follower, after_id)
    response = Response(stream.run(job, found, live), mimetype="text/event-stream")
    response.call_on_close(lambda: broadcast.leave(reader.job_id, follower))
    return response


class Stream:
    """One open stream: events with their ids, ticks without, a comment when nothing happens."""

    def __init__(self, reader: Reader, broadcast: Broadcast, follower: Follower, after_id: int) -> None:
        self._reader, self._broadcast, self._follower = reader, broadcast, follower
        self._after_id = after_id
        self._percent = 0.0
        self._milestone: str | None = None
        self._written_s = time.monotonic()
        self._unread = False

    def run(self, job: Job, found: list[Event], live: LiveProgress) -> Iterator[str]:
        """The text of the stream, until the job's last event."""
        yield f"retry: {_BROWSER_RETRY_MS}\n\n"
        self._milestone = job.milestone
        yield from self._events(found)
        with _LIVE_AT_ONCE:
            percent = live.percents([job])[job.id]
        yield from self._ticks([{"percent": percent}])
        ended, more = _ended(job, found), len(found) == _BATCH
        while not ended:
            ticks, look = ([], True) if more else self._follower.wait(self._patience_s())
            yield from self._ticks(ticks)
            if look:
                try:
                    news = in_thread(self._reader.news, self._after_id)
                except ServiceUnavailable as error:
                    log.warning("stream of job %s waits for the database: %s", self._reader.job_id, error)
                    found, self._unread = [], True
                except (NotFound, Unauthorized):
                    return  # the job was deleted, or its reader signed out
                else:
                    self._unread = False
                    job, found = news or (job, [])
                self._milestone = job.milestone
                yield from self._events(found)
                ended, more = _ended(job, found), len(found) == _BATCH
            yield from self._heartbeat()

    def _patience_s(self) -> float:
        # What could not be read is not told again.
        return HEARTBEAT_S if self._broadcast.notified and not self._unread else _LOOK_S

    def _events(self, found: list[Event]) -> Iterator[str]:
        for event in found:
            self._after_id = event.id
            data = dict(event.data)
            if "percent" in data:
                # A tick may have run ahead of what is recorded.
                data["percent"] = self._percent = max(self._percent, data["percent"])
            yield self._written(f"id: {event.id}\n{_sse(event.kind, data)}")

    def _ticks(self, ticks: list[dict[str, Any]]) -> Iterator[str]:
        for tick in ticks:
            if tick["percent"] > self._percent:
                self._percent = tick["percent"]
                told = {"milestone": self._milestone, "message": message(self._milestone)}
                yield self._written(_sse("progress", {**tick, **told}))

    def _heartbeat(self) -> Iterator[str]:
        if time.monotonic() - self._written_s >= HEARTBEAT_S - 0.1:
            yield self._written(": still here\n\n")

    def _written(self, text: str) -> str:
        self._written_s = time.monotonic()
        return text


def _ended(job: Job, found: list[Event]) -> bool:
    """Whether nothing can follow.

    A requeued job has a `failed` event too, but not as its last; and steps that were running when their
    job failed still tell how they ended after it. The status was read before the events.
    """
    if found and found[-1].kind in ENDED_JOBS:
        return True
    return job.status in ENDED_JOBS and len(found) < _BATCH


def _sse(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _set_headers(response: Response, settings: Settings) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Vary"] = "Origin"
    origin = request.headers.get("Origin")
    if origin and _may_read(origin, settings):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Headers"] = ", ".join(SENT)
        response.headers["Access-Control-Max-Age"] = "600"
    return response


def _may_read(origin: str, settings: Settings) -> bool:
    """Pages of the allow-list, of the public address, and of this host, whatever their port.

    Behind a public address of their own, streams cannot know the page's host unless it is set; no cookie is
    involved, so whoever has a token may then read from anywhere.
    """
    if {origin, "*"} & {*settings.cors_origins, settings.public_url}:
        return True
    if settings.stream_url and not settings.public_url:
        return True
    return host_in(origin) is not None and host_in(origin) == host_in(request.host)


app = create_app()
