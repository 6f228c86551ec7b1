"""Talking to a database that may be away."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text

from ecg import config, db, guard
from ecg.db import Prepared, autocommit, transaction
from ecg.errors import Outage
from ecg.stack import ports
from ecg.stack.embedded import start_postgres

pytestmark = pytest.mark.usefixtures("database")
twice = Prepared("test_twice", "SELECT 2 * CAST(:number AS int) AS doubled, :number AS given")


def test_a_prepared_statement_works_on_every_connection_and_after_a_rollback():
    for number in range(3):
        with transaction() as session:
            assert twice.row(session, number=number) == (2 * number, number)
        db.engine().dispose()
    with pytest.raises(psycopg2.DataError), transaction() as session:
        twice(session, number=2**31 - 1)
    with transaction() as session:
        assert twice.row(session, number=4).doubled == 8


def test_statements_that_stand_for_themselves_need_no_commit_and_leave_none_open():
    with autocommit() as session:
        session.execute(text("CREATE TEMPORARY TABLE kept AS SELECT 1 AS one"))
    with suppress(ZeroDivisionError), transaction() as session:
        assert session.scalar(text("SELECT one FROM kept")) == 1  # the pool gives the same connection again
        session.execute(text("DELETE FROM kept"))
        raise ZeroDivisionError
    with autocommit() as session:
        assert session.scalar(text("SELECT count(*) FROM kept")) == 1
    assert twice.row_alone(number=3) == (6, 3)
    with pytest.raises(psycopg2.DataError):
        twice.row_alone(number=2**31 - 1)
    assert twice.row_alone(number=5).doubled == 10
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'")) == 0
    db.engine().dispose()


def test_a_lock_held_too_long_is_an_outage_and_shuts_nobody_else_out():
    with transaction() as holder:
        holder.execute(text("LOCK TABLE users"))
        for _ in range(3):
            with pytest.raises(Outage), transaction() as session:
                session.execute(text("SET LOCAL lock_timeout = 50; SELECT FROM users"))
        with transaction() as session:
            assert session.scalar(text("SELECT 1")) == 1


@pytest.fixture
def _nobody_answers(database: str, monkeypatch: pytest.MonkeyPatch):
    """A database address at which connections are neither taken nor refused."""
    port = ports.free_port("127.0.0.1")
    silent = f"import socket, time; _ = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    process = guard.spawn(["python3", "-c", silent])
    time.sleep(0.5)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://ecg@127.0.0.1:{port}/ecg")
    config.settings.cache_clear()
    db.engine.cache_clear()
    yield
    process.kill()
    process.wait()


@pytest.mark.usefixtures("_nobody_answers")
def test_a_database_that_does_not_answer_is_not_waited_for_by_every_request():
    waits_s = []
    for _ in range(12):
        started_s = time.monotonic()
        with pytest.raises(Outage), transaction() as session:
            session.execute(text("SELECT 1"))
        waits_s.append(time.monotonic() - started_s)
    assert sum(wait_s < 0.2 for wait_s in waits_s) >= 9, waits_s


class _Fragile:
    """A Postgres of its own that may be made to crash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.service = start_postgres(folder)

    def crash(self) -> None:
        """End it without a word to anybody, and start it anew."""
        self.service.process.send_signal(signal.SIGQUIT)
        self.service.process.wait()
        self.service = start_postgres(self._folder)


@pytest.fixture
def fragile(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Fragile]:
    """The database of this process is one that may be made to crash."""
    with tempfile.TemporaryDirectory(prefix="ecg-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        postgres = _Fragile(Path(folder) / "postgres")
        monkeypatch.setenv("DATABASE_URL", postgres.service.url)
        for cached in (config.settings, db.engine, db.breaker):
            cached.cache_clear()
        yield postgres
        db.engine().dispose()
        postgres.service.stop()


def test_a_database_that_crashes_in_the_middle_of_anything_is_an_outage(fragile: _Fragile):
    over, met = threading.Event(), list[Exception]()

    def work() -> None:
        while not over.is_set():
            try:
                with transaction() as session:
                    twice.row(session, number=2)
                    session.execute(text("SELECT sum(n) FROM generate_series(1, 2000) AS n"))
            except Exception as error:
                met.append(error)
                time.sleep(0.02)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        time.sleep(0.5)
        fragile.crash()
    over.set()
    for thread in threads:
        thread.join()
    assert met
    assert [error for error in met if not isinstance(error, Outage)] == []
