"""How many renders a user may ask for: per day, per month (both UTC, by the database's clock), at once; how
many analyses at once; and how many bytes his videos may take.

A charge is one line in the ledger and one more in the counters of its day and its month; a refund takes
both back. The counters are what limits, the ledger is why they stand where they do, and the sum of a
period's lines is its counter.

Order of locks, the same everywhere: a video's row, the rows of its jobs, its user's row, the counter of
a day, that of a month. Whoever refunds several jobs in one transaction locks all of them first.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ecg.config import Settings
from ecg.errors import QuotaExceeded
from ecg.models import ACTIVE_JOBS, Job, JobKind, User, Video

RENDERS, ANALYSES, BYTES = "renders", "analyses", "bytes"
#: What a job of a kind uses up.
RESOURCES = {JobKind.RENDER: RENDERS, JobKind.ANALYSIS: ANALYSES}


@dataclass(frozen=True)
class Limits:
    """Most renders of one user, per day, per month and at once, most analyses at once, and most bytes of his
    videos; 0: no limit. ``file_bytes``: what a file counts for whose size is not known before it is here.
    """

    per_day: int = 0
    per_month: int = 0
    at_once: int = 0
    analyses_at_once: int = 0
    user_bytes: int = 0
    file_bytes: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits that the settings set."""
        return cls(settings.renders_per_day, settings.renders_per_month, settings.renders_at_once,
                   settings.analyses_at_once, settings.user_bytes, settings.max_upload_bytes)  # fmt: skip


def charge(session: Session, *, user_id: str, job_id: str, limits: Limits) -> None:
    """Charge a render to its user, in the transaction that has just created it; once per job.

    Raises `QuotaExceeded`, with which the transaction must end. `User.unlimited` is charged and never
    refused. The user's row is locked to the end of the transaction, so his charges come one by one.
    """
    if _is_unlimited(session, user_id):
        limits = Limits()
    day = session.scalar(_CHARGE, {"user": user_id, "job": job_id, "resource": RENDERS})
    if day is None:
        return
    _count(session, user_id, str(day), limits.per_day, "day", _midnight(day + datetime.timedelta(days=1)))
    _count(session, user_id, _month(day), limits.per_month, "month", _midnight(_next_month(day)))
    _check_at_once(session, user_id, JobKind.RENDER, limits.at_once)


def check_analyses(session: Session, user_id: str, limits: Limits) -> None:
    """Refuse an analysis that its transaction has just created, if it is one too many."""
    if limits.analyses_at_once and not _is_unlimited(session, user_id):
        _check_at_once(session, user_id, JobKind.ANALYSIS, limits.analyses_at_once)


def check_bytes(session: Session, video: Video, limits: Limits) -> None:
    """Refuse a video that its transaction has just added, if its user's videos would take too many bytes."""
    if not limits.user_bytes or _is_unlimited(session, video.user_id):
        return
    taken, most = _bytes_taken(session, video.user_id, limits.file_bytes, video.id), limits.user_bytes
    size_bytes = limits.file_bytes if video.size_bytes is None else video.size_bytes
    if taken + size_bytes > most:
        raise _refused(f"Your videos take {taken} bytes, this one may take {size_bytes}, and {most} is "
                       "the most for all; delete one that you no longer need, then try again.",
                       "kept", most, taken, None, BYTES)  # fmt: skip


def _bytes_taken(session: Session, user_id: str, file_bytes: int, other_than: str | None = None) -> int:
    values = {"user": user_id, "file": file_bytes, "other": other_than}
    return session.scalar(_BYTES_TAKEN, values) or 0


# What is on its way counts as announced, or as the largest that is taken. A fetch that failed left nothing.
_BYTES_TAKEN = text("""
    SELECT CAST(sum(coalesce(size_bytes, :file)) AS bigint) FROM videos
    WHERE user_id = :user AND id IS DISTINCT FROM CAST(:other AS uuid) AND (
        size_bytes IS NOT NULL
        OR EXISTS (SELECT FROM uploads WHERE uploads.video_id = videos.id)
        OR EXISTS (SELECT FROM jobs WHERE jobs.video_id = videos.id AND jobs.status IN ('queued', 'running')))
""")


def _is_unlimited(session: Session, user_id: str) -> bool | None:
    """Whether no quota holds for the user, whose row is locked to the end of the transaction."""
    return session.scalar(select(User.unlimited).where(User.id == user_id).with_for_update(key_share=True))


_CHARGE = text("""
    INSERT INTO quota_entries (user_id, job_id, resource, kind, amount, day)
    VALUES (:user, :job, :resource, 'charge', 1, (clock_timestamp() AT TIME ZONE 'UTC')::date)
    ON CONFLICT (job_id, kind) DO NOTHING
    RETURNING day
""")


def _count(
    session: Session, user_id: str, period: str, limit: int, name: str, resets_at: datetime.datetime
) -> None:
    values = {"user": user_id, "resource": RENDERS, "period": period, "limit": limit}
    if session.scalar(_COUNT, values) is None:
        raise _refused(f"You have started {limit} renders this {name}, which is the most; start the next one "
                       f"after {resets_at:%Y-%m-%d %H:%M} UTC.", name, limit, limit, resets_at)  # fmt: skip


# The condition is checked on the row as it is once it is locked, whoever charges or refunds meanwhile.
_COUNT = text("""
    INSERT INTO quotas (user_id, resource, period, used) VALUES (:user, :resource, :period, 1)
    ON CONFLICT (user_id, resource, period) DO UPDATE SET used = quotas.used + 1
        WHERE :limit = 0 OR quotas.used < :limit
    RETURNING used
""")


def _check_at_once(session: Session, user_id: str, kind: JobKind, limit: int) -> None:
    """The new job is among those counted; whatever else its user starts now waits for us."""
    if not limit:
        return
    active = select(func.count()).select_from(Job).where(
        Job.user_id == user_id, Job.kind == kind, Job.status.in_(ACTIVE_JOBS)
    )  # fmt: skip
    others = (session.scalar(active) or 0) - 1
    if others >= limit:
        what = RESOURCES[kind]
        raise _refused(f"{others} of your {what} are waiting or running, and {limit} may be at once; wait "
                       "until one is done, or cancel one.", "at_once", limit, others, None, what)  # fmt: skip


def _refused(message: str, period: str, limit: int, used: int, resets_at: datetime.datetime | None,
             resource: str = RENDERS) -> QuotaExceeded:  # fmt: skip
    details: dict[str, Any] = {"resource": resource, "period": period, "limit": limit, "used": used,
                               "resets_at": resets_at and resets_at.isoformat()}  # fmt: skip
    return QuotaExceeded(message, **details)


def refund(session: Session, job_id: str) -> None:
    """Take back what a job was charged: once, however often it fails or is cancelled.

    For the transaction that ends the job, which holds the job's row. Jobs that were not charged, such as
    analyses, are left alone. A job that is requeued after its refund is not charged again: that it had to
    be requeued was not its user's doing.
    """
    charged = session.execute(_REFUND, {"job": job_id}).one_or_none()
    if charged is not None:
        for period in (str(charged.day), _month(charged.day)):
            session.execute(_UNCOUNT, {"user": charged.user_id, "resource": charged.resource,
                                       "period": period})  # fmt: skip


_REFUND = text("""
    INSERT INTO quota_entries (user_id, job_id, resource, kind, amount, day)
    SELECT user_id, job_id, resource, 'refund', -amount, day FROM quota_entries
    WHERE job_id = :job AND kind = 'charge'
    ON CONFLICT (job_id, kind) DO NOTHING
    RETURNING user_id, resource, day
""")

_UNCOUNT = text("""
    UPDATE quotas SET used = used - 1 WHERE user_id = :user AND resource = :resource AND period = :period
""")


@dataclass(frozen=True)
class Standing:
    """How much of an allowance is used and left; ``limit`` and ``left`` are ``None`` where there is no limit.

    ``resets_at``: when it starts anew; ``None`` for what is at once, which ends with the jobs, and for bytes,
    which are kept until their video is deleted.
    """

    resource: str
    period: str
    used: int
    limit: int | None
    left: int | None
    resets_at: datetime.datetime | None


def standing(session: Session, user_id: str, limits: Limits) -> list[Standing]:
    """What the user has used of each of his allowances."""
    found = session.execute(_STANDING, {"user": user_id, "resource": RENDERS}).one()
    taken = _bytes_taken(session, user_id, limits.file_bytes)
    if found.unlimited:
        limits = Limits()
    tomorrow, next_month = found.day + datetime.timedelta(days=1), _next_month(found.day)
    return [
        _standing(RENDERS, "day", found.of_day, limits.per_day, _midnight(tomorrow)),
        _standing(RENDERS, "month", found.of_month, limits.per_month, _midnight(next_month)),
        _standing(RENDERS, "at_once", found.renders, limits.at_once, None),
        _standing(ANALYSES, "at_once", found.analyses, limits.analyses_at_once, None),
        _standing(BYTES, "kept", taken, limits.user_bytes, None),
    ]


def _standing(
    resource: str, period: str, used: int, limit: int, resets_at: datetime.datetime | None
) -> Standing:
    # A limit that was lowered may be passed already.
    left = max(0, limit - used) if limit else None
    return Standing(resource, period, used, limit or None, left, resets_at)


_STANDING = text("""
    WITH today AS (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day),
    counted AS (SELECT period, used FROM quotas WHERE user_id = :user AND resource = :resource),
    active AS (SELECT kind FROM jobs WHERE user_id = :user AND status IN ('queued', 'running'))
    SELECT day, users.unlimited,
           coalesce((SELECT used FROM counted WHERE period = to_char(day, 'YYYY-MM-DD')), 0) AS of_day,
           coalesce((SELECT used FROM counted WHERE period = to_char(day, 'YYYY-MM')), 0) AS of_month,
           (SELECT count(*) FROM active WHERE kind = 'render') AS renders,
           (SELECT count(*) FROM active WHERE kind = 'analysis') AS analyses
    FROM today, users WHERE users.id = :user
""")


def _month(day: datetime.date) -> str:
    return f"{day:%Y-%m}"


def _next_month(day: datetime.date) -> datetime.date:
    return (day.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC)
