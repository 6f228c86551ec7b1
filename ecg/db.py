"""The database: one engine per process, one ``with transaction()`` per use case, one commit per ``with``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

import psycopg2
import pybreaker
from psycopg2.extensions import connection as Connection
from psycopg2.extras import NamedTupleCursor
from sqlalchemy import Engine, PoolProxiedConnection, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from ecg.config import settings
from ecg.errors import Outage


def make_engine(url: str) -> Engine:
    """An engine whose connections are checked before use and never wait for ever."""
    made = create_engine(
        url,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": 3,
            # A half-open connection is noticed within a minute, a stuck lock within 30 s.
            "keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 4,
            "tcp_user_timeout": 30_000,
            # What a record of work looks at lies in memory: an index is hardly dearer than a scan.
            "options": "-c random_page_cost=1.1 -c lock_timeout=30000 -c statement_timeout=60000 "
            "-c timezone=UTC",
        },
    )  # fmt: skip
    event.listen(made, "checkout", _refuse_if_over)
    return made


def _refuse_if_over(connection: Connection, _record: object, _proxy: object) -> None:
    """A server that went away has closed the connection: that shows without the round trip of a ping."""
    try:
        connection.poll()  # reads what it said last, if anything
        connection.poll()  # reads its end
    except psycopg2.Error as error:
        raise InvalidatePoolError(str(error)) from error  # the pool makes a new one


class Prepared:
    """A statement that each connection parses and plans only once, for those that run at every step.

    ``:name`` marks a parameter. It goes past SQLAlchemy, which would spend more time on it than Postgres.
    Like any prepared statement it needs connections of its own: a pooler between ECG and Postgres must
    work per session.
    """

    def __init__(self, name: str, sql: str) -> None:
        self._name, self._parameters = name, list(dict.fromkeys(_PARAMETER.findall(sql)))
        numbered = _PARAMETER.sub(lambda found: f"${self._parameters.index(found[1]) + 1}", sql)
        self._prepare = f"PREPARE {name} AS {numbered}"
        places = ", ".join(["%s"] * len(self._parameters))
        self._execute = f"EXECUTE {name} ({places})"

    def __call__(self, session: Session, **values: Any) -> Sequence[Any]:
        """Its rows as named tuples; each value is of the type that its place asks for."""
        session.flush()
        return self._rows(session.connection().connection, values)

    def row(self, session: Session, **values: Any) -> Any:
        """The one row it has, or ``None``."""
        rows = self(session, **values)
        return rows[0] if rows else None

    def row_alone(self, **values: Any) -> Any:
        """The same of a read that stands for itself: one round trip, no session, no transaction."""
        with _reachable(), closing(engine().raw_connection()) as connection, _autocommit(connection):
            rows = self._rows(connection, values)
        return rows[0] if rows else None

    def _rows(self, connection: PoolProxiedConnection, values: Mapping[str, Any]) -> Sequence[Any]:
        prepared = connection.info.setdefault("prepared", set())
        with closing(connection.cursor(cursor_factory=NamedTupleCursor)) as cursor:
            if self._name not in prepared:
                cursor.execute(self._prepare)
                prepared.add(self._name)
            cursor.execute(self._execute, [values[name] for name in self._parameters])
            return cursor.fetchall() if cursor.description else []


_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")


@cache
def engine() -> Engine:
    """The engine of this process."""
    return make_engine(settings().database_url)


@contextmanager
def transaction() -> Iterator[Session]:
    """One use case: commits at the end, rolls back on any exception.

    A database that is away raises `Outage`, which callers may retry.
    """
    with _reachable(), Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def autocommit() -> Iterator[Session]:
    """For statements that stand each for itself, such as reads: no round trips to begin and commit."""
    with (_reachable(), Session(engine(), expire_on_commit=False) as session,
          _autocommit(session.connection().connection)):  # fmt: skip
        yield session


@contextmanager
def _autocommit(connection: PoolProxiedConnection) -> Iterator[None]:
    # Not by SQLAlchemy's option, for which the server is asked at each turn.
    driver: Any = connection.driver_connection
    driver.autocommit = True
    try:
        yield
    finally:
        driver.autocommit = False


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        with breaker().calling(), _typed_errors():
            yield
    except pybreaker.CircuitBreakerError:
        raise _Away("The database is away; try again in a moment.") from None


class _Away(Outage):
    """No connection to the database can be had, or it broke."""


@cache
def breaker() -> pybreaker.CircuitBreaker:
    """A database that is away is asked once a second, not by every request; those in between fail at once."""
    return pybreaker.CircuitBreaker(
        fail_max=2, reset_timeout=1, throw_new_error_on_trip=False,
        exclude=[lambda error: not isinstance(error, _Away)],
    )  # fmt: skip


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise Outage("Too many requests need the database at once; try again in a moment.") from error
    except (DBAPIError, psycopg2.Error) as error:
        outage = _outage(error.orig if isinstance(error, DBAPIError) else error)
        if outage is None:
            raise
        raise outage from error


_OF_CONNECTION_OR_SERVER = (psycopg2.OperationalError, psycopg2.InterfaceError)


def _outage(error: BaseException | None) -> Outage | None:
    # What the server says has a class of its own. A bare one comes from libpq: the connection broke just when
    # an answer was due.
    bare = type(error) is psycopg2.DatabaseError
    if not isinstance(error, psycopg2.Error) or not (bare or isinstance(error, _OF_CONNECTION_OR_SERVER)):
        return None
    cause, sqlstate = str(error).strip()[:200], error.pgcode or ""
    # No SQLSTATE: not connected; 08: the connection broke; 57P: the server stops, starts or has crashed.
    if not sqlstate or sqlstate.startswith(("08", "57P")):
        return _Away("The database does not answer; try again in a moment.", cause=cause)
    # A lock held too long, a deadlock, a full disk.
    return Outage("The database could not do this now; try again in a moment.", cause=cause)
