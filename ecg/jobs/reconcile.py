"""Brings back what died on the way: expired leases, and active jobs with nothing left to run."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from ecg.jobs import lifecycle

# An arbitrary number; whoever holds it is the one reconciler.
_LOCK = 7_305_001


def expired(session: Session, limit: int = 200) -> list[int]:
    """Running steps whose lease has run out, or none when another reconciler is at work."""
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}):
        return []
    return list(session.scalars(_EXPIRED, {"limit": limit}))


_EXPIRED = text("""
    SELECT id FROM steps WHERE status = 'running' AND lease_expires_at < clock_timestamp()
    ORDER BY lease_expires_at LIMIT :limit
""")


def stalled(session: Session, limit: int = 200) -> list[str]:
    """Active jobs none of whose steps is ready or running: their promotion was missed."""
    return list(session.scalars(_STALLED, {"limit": limit}))


_STALLED = text("""
    SELECT id FROM jobs WHERE status IN ('queued', 'running') AND NOT EXISTS (
        SELECT FROM steps WHERE job_id = jobs.id AND status IN ('ready', 'running'))
    LIMIT :limit
""")


def restart(session: Session, job_id: str) -> None:
    """Let a stalled job go on, or end it when all its steps have ended."""
    lifecycle.go_on(session, lifecycle.lock(session, job_id))
