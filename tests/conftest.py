"""What every test may ask for: real services, real tools, real speech."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("ECG_FONTS_DIR", str(Path(sys.prefix) / "share" / "ecg-fonts"))
if os.geteuid() == 0:
    # Chromium refuses its sandbox to root; containers of the product run it as an ordinary user.
    os.environ.setdefault("ECG_CHROMIUM_SANDBOX", "0")


def require(condition: object, reason: str) -> None:
    """Skip the test when a tool or service is missing; in CI that is a failure."""
    if not condition:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def speech(name: str) -> Path:
    """A real recording from the folder named by ``ECG_SPEECH_DATA``."""
    folder = os.environ.get("ECG_SPEECH_DATA", "")
    path = Path(folder) / name
    require(folder and path.exists(), f"ECG_SPEECH_DATA names no folder with {name}")
    return path


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Real Postgres and Redis, embedded, for this test run: their URLs."""
    from ecg.config import with_driver
    from ecg.migrations import upgrade
    from ecg.stack.embedded import start_postgres, start_redis

    folder = Path(tempfile.mkdtemp(prefix="ecg-test-", dir="/tmp"))
    folder.chmod(0o755)
    postgres = start_postgres(folder / "postgres")
    redis_server = start_redis(folder / "redis")
    urls = {"DATABASE_URL": with_driver(postgres.url), "REDIS_URL": redis_server.url}
    try:
        upgrade(urls["DATABASE_URL"])
        yield urls
    finally:
        redis_server.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(services: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated, empty database, and this process's settings pointing at it and at a fresh data folder."""
    from sqlalchemy import text

    from ecg import config, db
    from ecg.models import Record

    for name, value in {**services, "ECG_DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    config.settings.cache_clear()
    db.engine.cache_clear()
    tables = ", ".join(table.name for table in Record.metadata.sorted_tables)
    with db.transaction() as session:
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    yield services["DATABASE_URL"]
    db.engine().dispose()
    config.settings.cache_clear()
    db.engine.cache_clear()
