"""For those who run ECG and those who write clients: health, readiness, configuration, documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import redis
from flask import Response, current_app, render_template, send_from_directory
from sqlalchemy import text

import ecg
from ecg import progress
from ecg.captions import style_names
from ecg.db import transaction
from ecg.errors import EcgError
from ecg.jobs.graphs import Queue
from ecg.web.api import blueprint, settings, store
from ecg.web.headers import stream_base
from ecg.web.replies import ConfigReply, DoneReply, ReadyReply
from ecg.web.requests import DocsPath

bp = blueprint("operations", __name__, "Health and configuration", public=True)

_OK = "ok"
#: Keys that workers keep alive in Redis: ``ecg:consumer:<queue>:<worker>``.
_CONSUMERS = "ecg:consumer:*"
_SWAGGER = str(files("flask_openapi3_swagger") / "templates" / "swagger")


@bp.get("/health", responses={200: DoneReply})
def health() -> DoneReply:
    """Whether this process answers."""
    return DoneReply(status=_OK)


@bp.get("/ready", responses={200: ReadyReply, 503: ReadyReply})
def ready() -> tuple[ReadyReply, int]:
    """Whether what this process stands on answers, part by part."""
    broker = progress.connect(settings().broker_url)
    found = ReadyReply(
        database=_answer(_ask_database), broker=_answer(broker.ping), store=_answer(store().check),
        consumers=_consumers(),
    )  # fmt: skip
    return found, 200 if {found.database, found.broker, found.store} == {_OK} else 503


@bp.get("/api/config", responses={200: ConfigReply})
def config() -> ConfigReply:
    """What a client needs to know before it signs in."""
    known = settings()
    return ConfigReply(
        version=ecg.__version__, stream_url=stream_base(), max_upload_bytes=known.max_upload_bytes,
        max_duration_s=known.max_duration_s, min_duration_s=known.min_duration_s, engine=known.engine,
        styles=style_names(), google_sign_in=known.google_sign_in,
    )  # fmt: skip


@bp.get("/openapi.json", responses={200: {"description": "This document"}})
def openapi() -> dict[str, Any]:
    """The API as an OpenAPI 3.1 document."""
    return current_app.extensions["ecg.document"]()


@bp.get("/docs", doc_ui=False)
def docs() -> str:
    return render_template("docs.html")


@bp.get("/docs/<path:filename>", doc_ui=False)
def docs_file(path: DocsPath) -> Response:
    folder = current_app.root_path + "/templates" if path.filename == "docs.js" else _SWAGGER
    return send_from_directory(folder, path.filename)


def _answer(ask: Callable[[], object]) -> str:
    try:
        ask()
    except EcgError as error:
        return error.message
    except redis.RedisError as error:
        return f"Redis does not answer: {type(error).__name__}"
    return _OK


def _ask_database() -> None:
    with transaction() as session:
        session.execute(text("SELECT 1"))


def _consumers() -> dict[str, int]:
    """Workers present per queue that has steps; all zero while Redis cannot be asked."""
    counted: Counter[str] = Counter()
    try:
        for key in progress.connect(settings().progress_url).scan_iter(_CONSUMERS, count=1000):
            counted[key.split(":")[2]] += 1
    except redis.RedisError:
        counted.clear()  # `broker` says that Redis is away
    return {str(queue): counted[queue] for queue in Queue}
