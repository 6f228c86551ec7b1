"""Which ready steps get a message next: a bounded number per queue, shared fairly among users."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from ecg.db import Prepared
from ecg.jobs.graphs import task_name


@dataclass(frozen=True)
class Hint:
    """A message to send: look at this step. ``task_id`` tells repeated messages apart."""

    step_id: int
    queue: str
    task: str
    task_id: str


def step_of(task_id: str) -> int:
    """The step that a message's ``task_id`` names; 0 when it is none of ours."""
    number = task_id.partition("-")[0]
    return int(number) if number.isdigit() else 0


def unclaimed(session: Session, queue: str) -> int:
    """How many steps of a queue are published and wait for a worker."""
    return _unclaimed.row(session, queue=queue).n


_unclaimed = Prepared("ecg_unclaimed", """
    SELECT count(*) AS n FROM steps WHERE queue = :queue AND status = 'ready' AND published_at IS NOT NULL
""")


def take(session: Session, queue: str, room: int) -> list[Hint]:
    """Mark up to ``room`` ready steps of a queue as published.

    The caller commits before it sends, so no row is locked while it talks to the broker; what could
    not be sent is given back with `give_back`. A user's n-th open step comes after every other
    user's (n-1)-th, so one who queues 500 does not hold up one who queues a single job.
    """
    rows = _take(session, queue=queue, room=room)
    return [Hint(r.id, queue, task_name(queue, r.name), f"{r.id}-{r.fence}-{r.publications}") for r in rows]


# Reads of the 10,000 steps that may wait only the first few of each user, by the index; waits for no lock.
_take = Prepared("ecg_take", """
    WITH RECURSIVE users (id) AS (
        (SELECT user_id FROM steps WHERE queue = :queue AND status = 'ready' AND published_at IS NULL
         ORDER BY user_id LIMIT 1)
        UNION ALL
        SELECT (SELECT user_id FROM steps
                WHERE queue = :queue AND status = 'ready' AND published_at IS NULL AND user_id > users.id
                ORDER BY user_id LIMIT 1)
        FROM users WHERE users.id IS NOT NULL
    ), held AS (
        SELECT user_id, count(*) AS n FROM steps
        WHERE queue = :queue AND (status = 'running' OR (status = 'ready' AND published_at IS NOT NULL))
        GROUP BY user_id
    ), turns AS (
        SELECT mine.id,
               coalesce(held.n, 0) + row_number() OVER (PARTITION BY users.id ORDER BY mine.id) AS turn
        FROM users LEFT JOIN held ON held.user_id = users.id, LATERAL (
            SELECT id FROM steps
            WHERE queue = :queue AND status = 'ready' AND published_at IS NULL AND user_id = users.id
              AND (not_before IS NULL OR not_before <= clock_timestamp())
            ORDER BY id LIMIT :room
        ) AS mine
    ), next AS (
        SELECT id, turn FROM turns ORDER BY turn, id LIMIT :room
    ), free AS (
        SELECT id FROM steps
        WHERE id IN (SELECT id FROM next) AND status = 'ready' AND published_at IS NULL
        FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE steps SET published_at = clock_timestamp(), publications = publications + 1
        FROM next JOIN free ON free.id = next.id WHERE steps.id = next.id
        RETURNING steps.id, steps.name, steps.fence, steps.publications, next.turn
    )
    SELECT * FROM taken ORDER BY turn, id
""")


def give_back(session: Session, step_ids: Collection[int]) -> None:
    """Unmark steps whose message could not be sent."""
    session.execute(
        text("UPDATE steps SET published_at = NULL WHERE id = ANY (:ids) AND status = 'ready'"),
        {"ids": list(step_ids)},
    )


def forget_lost_messages(
    session: Session, queue: str, in_queue: Collection[int], older_than_s: float
) -> int:
    """Unmark published steps that nobody claimed and whose message the broker does not have.

    ``in_queue``: the steps whose message it has, asked for before this transaction began. The age
    leaves a worker the time between taking a message and claiming its step.
    """
    forgotten = session.execute(_FORGET, {"queue": queue, "there": list(in_queue), "age": older_than_s})
    return len(forgotten.all())


_FORGET = text("""
    UPDATE steps SET published_at = NULL
    WHERE queue = :queue AND status = 'ready' AND id <> ALL (CAST(:there AS bigint[]))
      AND published_at < clock_timestamp() - make_interval(secs => :age)
    RETURNING id
""")
