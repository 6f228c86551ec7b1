"""Servers that live as long as a benchmark."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg import guard, migrations
from ecg.config import settings, with_driver
from ecg.stack import embedded


@contextmanager
def services(folder: Path, **known: str) -> Iterator[str]:
    """Postgres and Redis, which the settings of this process name, and what else they say; Postgres' URL."""
    postgres, redis_server = embedded.start_postgres(folder / "pg"), embedded.start_redis(folder / "redis")
    os.environ |= {"DATABASE_URL": with_driver(postgres.url), "REDIS_URL": redis_server.url,
                   "ECG_DATA_DIR": str(folder / "data"), **known}  # fmt: skip
    try:
        migrations.upgrade(settings().database_url)
        yield postgres.url
    finally:
        redis_server.stop()
        postgres.stop()


@contextmanager
def python(folder: Path, *commands: list[str]) -> Iterator[None]:
    """Python with each of these arguments; ``ECG_BENCH_LOG`` set shows in the end what they said."""
    with (folder / "log").open("wb") as log:
        started = [guard.spawn([sys.executable, *command], stdout=log, stderr=log) for command in commands]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()
        if os.environ.get("ECG_BENCH_LOG"):
            print((folder / "log").read_text()[-4000:], file=sys.stderr)
