"""The database: one engine per process, one ``with transaction()`` per use case, one commit per ``with``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from ecg.config import settings
from ecg.errors import Outage


def make_engine(url: str) -> Engine:
    """An engine whose connections are checked before use and never wait for ever."""
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": 5,
            # A half-open connection is noticed within a minute, a stuck lock within 30 s.
            "keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 4,
            "options": "-c lock_timeout=30000 -c statement_timeout=60000 -c timezone=UTC",
        },
    )  # fmt: skip


@cache
def engine() -> Engine:
    """The engine of this process."""
    return make_engine(settings().database_url)


@contextmanager
def transaction() -> Iterator[Session]:
    """One use case: commits at the end, rolls back on any exception.

    A database that is away raises `Outage`, which callers may retry.
    """
    try:
        with Session(engine(), expire_on_commit=False) as session, session.begin():
            yield session
    except OperationalError as error:
        raise _unavailable(error) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _unavailable(error) from error
        raise


def _unavailable(error: DBAPIError) -> Outage:
    return Outage(
        "The database does not answer; try again in a moment.", cause=str(error.orig).strip()[:200]
    )
