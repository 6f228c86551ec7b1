"""The plain server that `bench.api` measures against: Flask and psycopg2, one SELECT a request, no more.

    BENCH_DSN=postgresql://… gunicorn "bench.processes.plain_api:make()"

A connection per thread, held open and in autocommit; no sign-in, no checks, no headers of its own.
"""

from __future__ import annotations

import os
import threading

import psycopg2
from flask import Flask

_NAMES = ("job_id", "status", "progress", "message", "error")
_JOB = "SELECT id::text, status, percent, milestone, error FROM jobs WHERE id = %s"


def make() -> Flask:
    """A Flask app with one route."""
    app, local = Flask("bench.plain"), threading.local()

    @app.get("/jobs/<uuid:job_id>")
    def job(job_id: object) -> dict[str, object]:
        if not hasattr(local, "connection"):
            local.connection = psycopg2.connect(os.environ["BENCH_DSN"])
            local.connection.autocommit = True
        with local.connection.cursor() as cursor:
            cursor.execute(_JOB, (str(job_id),))
            return dict(zip(_NAMES, cursor.fetchone(), strict=True))

    return app
