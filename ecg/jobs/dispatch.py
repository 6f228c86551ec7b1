"""Which ready steps get a message next: a bounded window per queue, shared fairly among users."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from ecg.jobs.graphs import task_name


@dataclass(frozen=True)
class Hint:
    """A message to send: look at this step. ``task_id`` tells repeated messages apart."""

    step_id: int
    queue: str
    task: str
    task_id: str


def take(session: Session, queue: str, window: int) -> list[Hint]:
    """Mark up to a window of ready steps of a queue as published.

    The caller commits before it sends, so no row is locked while it talks to the broker; what could
    not be sent is given back with `give_back`. A user's n-th open step comes after every other
    user's (n-1)-th, so one who queues 500 does not hold up one who queues a single job.
    """
    rows = session.execute(_TAKE, {"queue": queue, "window": window})
    return [Hint(r.id, queue, task_name(queue, r.name), f"{r.id}-{r.fence}-{r.publications}") for r in rows]


_TAKE = text("""
    WITH held AS (
        SELECT jobs.user_id, count(*) AS n FROM steps JOIN jobs ON jobs.id = steps.job_id
        WHERE steps.queue = :queue
          AND (steps.status = 'running' OR (steps.status = 'ready' AND steps.published_at IS NOT NULL))
        GROUP BY jobs.user_id
    ), room AS (
        SELECT greatest(0, :window - count(*)) AS n FROM steps
        WHERE queue = :queue AND status = 'ready' AND published_at IS NOT NULL
    ), turns AS (
        SELECT steps.id, coalesce(held.n, 0) + row_number()
               OVER (PARTITION BY jobs.user_id ORDER BY steps.id) AS turn
        FROM steps JOIN jobs ON jobs.id = steps.job_id LEFT JOIN held ON held.user_id = jobs.user_id
        WHERE steps.queue = :queue AND steps.status = 'ready' AND steps.published_at IS NULL
          AND jobs.status IN ('queued', 'running')
          AND (steps.not_before IS NULL OR steps.not_before <= clock_timestamp())
    ), next AS (
        SELECT id FROM turns ORDER BY turn, id LIMIT (SELECT n FROM room)
    )
    UPDATE steps SET published_at = clock_timestamp(), publications = publications + 1
    FROM next WHERE steps.id = next.id AND steps.status = 'ready' AND steps.published_at IS NULL
    RETURNING steps.id, steps.name, steps.fence, steps.publications
""")


def give_back(session: Session, step_ids: Collection[int]) -> None:
    """Unmark steps whose message could not be sent."""
    session.execute(
        text("UPDATE steps SET published_at = NULL WHERE id = ANY (:ids) AND status = 'ready'"),
        {"ids": list(step_ids)},
    )


def forget_lost_messages(session: Session, queue: str, older_than_s: float) -> int:
    """Unmark published steps that nobody claimed; call it only when the broker's queue is empty.

    Steps waiting in a queue that is not empty are just waiting. The wait doubles with every
    publication, so a message that is slow rather than lost is not multiplied.
    """
    forgotten = session.execute(
        text("""
            UPDATE steps SET published_at = NULL
            WHERE queue = :queue AND status = 'ready'
              AND published_at < clock_timestamp()
                  - make_interval(secs => :age * power(2, least(publications, 6) - 1))
            RETURNING id
        """),
        {"queue": queue, "age": older_than_s},
    )
    return len(forgotten.all())
