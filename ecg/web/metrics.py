"""``/metrics`` for Prometheus: what the web processes answered, and how much work there is.

Each web process writes what it answered into files of its own, which whichever is asked adds up
(`keep_together`). How much work there is comes from Postgres and Redis, and is the same wherever it is asked.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from ecg import figures, progress
from ecg.db import autocommit
from ecg.errors import Unauthorized
from ecg.jobs.graphs import Queue
from ecg.web.api import blueprint, settings

bp = blueprint("metrics", __name__, "Figures for Prometheus", public=True)

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_TEXT = {"description": "The figures", "content": {"text/plain": {"schema": {"type": "string"}}}}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ANSWERS = Histogram(
    "ecg_http_request_seconds", "How long requests took, by route and status.",
    ["method", "route", "status"], buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 2, 10),
)  # fmt: skip


@bp.get("/metrics", responses={200: _TEXT}, security=[{"metrics": []}])
def metrics() -> Response:
    """What the web processes answered, and how much work there is, in Prometheus' text format."""
    _require_token()
    registry = CollectorRegistry()
    registry.register(_Work())
    if os.environ.get(_FOLDER):
        MultiProcessCollector(registry)
        text = generate_latest(registry)
    else:
        text = generate_latest(registry) + generate_latest(REGISTRY)
    return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def init_metrics(app: Flask) -> None:
    """Time every request from now on."""
    app.before_request(_begin)
    app.after_request(_count)


def keep_together() -> None:
    """Let the web processes that this one starts keep their figures together, beginning at nothing."""
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="ecg-metrics-")


def _begin() -> None:
    g.began_s = time.perf_counter()


def _count(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in _METHODS else "other"
    took_s = time.perf_counter() - g.began_s
    _ANSWERS.labels(method, route, str(response.status_code)).observe(took_s)
    return response


def _require_token() -> None:
    known = settings().metrics_token
    if not known or not hmac.compare_digest(known.encode(), _sent().encode()):
        raise Unauthorized("Send ECG_METRICS_TOKEN as `Authorization: Bearer …`, or as Basic's password.")


def _sent() -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


class _Work(Collector):
    """Jobs and steps as the record has them, and messages in the broker while that can be asked."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with autocommit() as session:
            jobs, steps = figures.jobs(session), figures.steps(session)
        yield _gauge("ecg_jobs", "Jobs by kind and status.", ["kind", "status"], jobs)
        yield _gauge("ecg_steps", "Steps ready or running, by queue.", ["queue", "status"], steps)
        yield _gauge("ecg_queue_messages", "Messages in the broker, by queue.", ["queue"], _messages())


def _messages() -> dict[tuple[str, ...], int]:
    broker = progress.connect(settings().broker_url)
    try:
        return {(str(queue),): int(broker.llen(str(queue))) for queue in Queue}
    except redis.RedisError:
        return {}


def _gauge(name: str, about: str, labels: list[str], counts: Mapping[Any, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family
