"""What a user has had done: his jobs per day and month, of his own time zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from ecg.errors import BadRequest

_ZONE = re.compile(r"[A-Za-z]+([_-][A-Za-z]+)*(/[\w+-]+)*", re.ASCII)


def periods(session: Session, user_id: str, *, zone: str, days: int, months: int) -> Sequence[Any]:
    """His jobs of the last days and months, by the moment they were asked for; the newest period first.

    A row per period and kind of job. Jobs that were deleted with their video are not counted any more.
    Raises `BadRequest` for a time zone that the database does not know.
    """
    unknown = f"There is no time zone {zone!r}; send a name such as Asia/Seoul."
    # Postgres would take `UTC+9` too, for nine hours to the west.
    if not _ZONE.fullmatch(zone):
        raise BadRequest(unknown, timezone=zone)
    try:
        session.execute(text("SELECT now() AT TIME ZONE :zone"), {"zone": zone})
    except DataError:
        raise BadRequest(unknown, timezone=zone) from None
    asked = {"user": user_id, "zone": zone, "days": days - 1, "months": months - 1}
    return session.execute(_PERIODS, asked).all()


# Cancelled jobs are no failures: their user wanted it so.
_PERIODS = text("""
    SELECT unit, CAST(date_trunc(unit, created_at AT TIME ZONE :zone) AS date) AS begins, kind,
           count(*) AS jobs,
           count(*) FILTER (WHERE status = 'done') AS done,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
           CAST(count(*) FILTER (WHERE status = 'done') AS float)
               / nullif(count(*) FILTER (WHERE status IN ('done', 'failed')), 0) AS success_share,
           coalesce(sum(extract(epoch FROM finished_at - started_at)), 0) AS processing_s,
           coalesce(sum(media_s) FILTER (WHERE status = 'done'), 0) / 60 AS media_minutes
    FROM (VALUES ('day', make_interval(days => :days)), ('month', make_interval(months => :months)))
        AS period (unit, back)
    JOIN jobs ON jobs.user_id = :user AND jobs.created_at >=
        (date_trunc(unit, now() AT TIME ZONE :zone) - back) AT TIME ZONE :zone
    GROUP BY unit, begins, kind
    ORDER BY unit, begins DESC, kind
""")
