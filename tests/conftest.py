"""What every test may ask for: real services, real tools, real speech."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

os.environ.setdefault("ECG_FONTS_DIR", str(Path(sys.prefix) / "share" / "ecg-fonts"))
if os.geteuid() == 0:
    # Chromium refuses its sandbox to root; containers of the product run it as an ordinary user.
    os.environ.setdefault("ECG_CHROMIUM_SANDBOX", "0")
# Tests ask more often than people do; those of the limits set them.
for limited in ("RENDERS", "ANALYSES", "SIGN_INS"):
    os.environ.setdefault(f"ECG_{limited}_PER_MINUTE", "0")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep back what takes minutes, unless a person chose by marker: ``-m long``."""
    if not config.getoption("-m"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes minutes; run by name: -m long"))


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
def playwright() -> Iterator[Playwright]:
    """The one Playwright of this process: a second one would find the first one's event loop running."""
    with sync_playwright() as started:
        yield started


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
    for cached in (config.settings, db.engine, db.breaker):
        cached.cache_clear()
    with db.transaction() as session:
        # TRUNCATE takes a tenth of a second, at each of a thousand tests.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in Record.metadata.sorted_tables:
            session.execute(table.delete())
        session.execute(text("SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence"))
    yield services["DATABASE_URL"]
    db.engine().dispose()
    for cached in (config.settings, db.engine, db.breaker):
        cached.cache_clear()


@dataclass(frozen=True)
class LiveStack:
    """All of ECG, as ``ecg up`` runs it. ``env``: the environment of other commands on its data folder."""

    url: str
    stream_url: str
    database_url: str
    redis_url: str
    data_dir: Path
    env: dict[str, str]


@pytest.fixture(scope="session")
def stack() -> Iterator[LiveStack]:
    """A stack of its own for this test run, on free ports and a fresh data folder."""
    with a_live_stack() as live:
        yield live


@contextmanager
def a_live_stack(*arguments: str, **settings: str) -> Iterator[LiveStack]:
    """Start ``ecg up`` in a fresh data folder, wait until it is ready, and stop it again."""
    from ecg import guard
    from ecg.stack import logs, ports, running

    data_dir = Path(tempfile.mkdtemp(prefix="ecg-stack-", dir="/tmp"))
    data_dir.chmod(0o711)
    env = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    env |= {"ECG_DATA_DIR": str(data_dir), "ECG_PORT": str(ports.free_port("127.0.0.1")),
            "ECG_STREAM_PORT": str(ports.free_port("127.0.0.1")), **settings}  # fmt: skip
    output = data_dir / "up.out"
    with output.open("wb") as out:
        process = guard.spawn([sys.executable, "-m", "ecg.cli", "up", *arguments], stdout=out, stderr=out,
                              env=env, grace_s=30.0)  # fmt: skip
    try:
        while not ((found := running.find(data_dir)) and found.ready):
            assert process.poll() is None, f"`ecg up` ended: {logs.tail(output)}"
            time.sleep(0.1)
        yield LiveStack(found.url, found.stream_url, found.database_url, found.redis_url, data_dir, env)
    finally:
        process.terminate()
        try:
            process.wait(45)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(data_dir, ignore_errors=True)
