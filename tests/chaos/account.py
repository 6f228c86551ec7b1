"""What became of everything that was accepted: the record, the store, the ledger and the processes."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text

from ecg.config import settings
from ecg.db import transaction
from ecg.storage import store
from tests.chaos import ledger, reaper
from tests.chaos.fakes import CHILD_OF

#: Folders of the store that hold what steps made.
_SHELVES = ("analyzed/", "rendered/", "temp/")
_LONG_AGO_S = 30 * 86400


@dataclass
class Account:
    """Counts of jobs, unless said otherwise.

    ``lost``: accepted and neither done nor failed nor cancelled. ``unasked``: there, but never accepted.
    ``duplicated``: results committed more than once (steps and jobs). ``re_executed``: bodies started
    beyond the first of each step. ``orphan_files``: in the store and in no row, after the sweep;
    ``wrong_files``: in a row, but not in the store or made by another attempt than the committed one.
    ``orphan_processes``: of workers that are dead, or children of steps that have ended.
    ``recovery_s``: from each death to the next claim of what it held.
    """

    accepted: int
    done: int
    failed: int
    cancelled: int
    lost: int
    unasked: int
    duplicated: int
    steps: int
    re_executed: int
    orphan_files: list[str]
    wrong_files: list[str]
    orphan_processes: list[str]
    wall_s: float = 0.0
    recovery_s: list[float] = field(default_factory=list)

    def check(self, healthy: bool = True) -> Account:
        """Nothing lost, nothing twice, nothing left behind; and all of it done, if nothing in it was ill."""
        assert self.lost == 0, self
        assert self.accepted == self.done + self.failed + self.cancelled, self
        assert self.unasked == 0, self
        assert self.duplicated == 0, self
        assert not self.orphan_files, self
        assert not self.wrong_files, self
        assert not self.orphan_processes, self
        if healthy:
            assert self.done == self.accepted, self
        return self


def take(accepted: Iterable[str], entries: Iterable[ledger.Entry], mark: str, live: set[str]) -> Account:
    """The account of these jobs. Sweeps first, as beat would a day later.

    ``live``: members of the cluster, as `ECG_CHAOS_MEMBER` names them; ``mark``: its own mark.
    """
    jobs, entries = list(accepted), list(entries)
    sweep()
    ours = _rows("SELECT status FROM jobs WHERE id::text = ANY(:jobs)", jobs=jobs)
    by_status = Counter(row.status for row in ours)
    starts = Counter(entry.step_id for entry in entries if entry.what == "start")
    ended = {status: by_status[status] for status in ("done", "failed", "cancelled")}
    orphans, wrong = _files()
    return Account(
        accepted=len(jobs), **ended, lost=len(jobs) - sum(ended.values()),
        unasked=len(_rows("SELECT id FROM jobs WHERE id::text <> ALL(:jobs)", jobs=jobs)),
        duplicated=_committed_twice(), steps=len(starts), re_executed=sum(starts.values()) - len(starts),
        orphan_files=orphans, wrong_files=wrong, orphan_processes=orphan_processes(mark, live),
    )  # fmt: skip


def _rows(sql: str, **values: Any) -> list[Any]:
    with transaction() as session:
        return list(session.execute(text(sql), values))


def _committed_twice() -> int:
    """Steps and jobs that say more than once that they are done, and files that a step has twice."""
    steps = _rows("""
        SELECT 1 FROM (SELECT job_id, data->>'step' AS name, count(*) AS n FROM events
                       WHERE kind = 'step' AND data->>'status' = 'done' GROUP BY 1, 2) AS told
        LEFT JOIN (SELECT job_id, name, count(*) AS n FROM steps WHERE status = 'done' GROUP BY 1, 2) AS kept
            USING (job_id, name)
        WHERE told.n > coalesce(kept.n, 0)
    """)
    jobs = _rows("SELECT 1 FROM events WHERE kind = 'done' GROUP BY job_id HAVING count(*) > 1")
    files = _rows("SELECT 1 FROM artifacts GROUP BY step_id, name HAVING count(*) > 1")
    return len(steps) + len(jobs) + len(files)


def sweep() -> None:
    """Remove what nobody needs, as if a month had passed."""
    from ecg.tasks.upkeep import sweep as sweep_now

    then_s = time.time() - _LONG_AGO_S
    for root in (settings().store_dir, settings().scratch_dir):
        for folder, folders, names in os.walk(root, topdown=False):
            for name in [*folders, *names]:
                os.utime(Path(folder) / name, (then_s, then_s))
    sweep_now()


def _files() -> tuple[list[str], list[str]]:
    """Files that no row names, and rows whose file is missing or of another attempt."""
    shelf = store(settings())
    rows = _rows("""SELECT key, step_id, (steps.result->>'fence')::int AS fence
                    FROM artifacts JOIN steps ON steps.id = step_id""")  # fmt: skip
    kept = {key for prefix in _SHELVES for key in shelf.keys(prefix)}
    unfinished = settings().store_dir / ".unfinished"
    orphans = kept - {row.key for row in rows}
    orphans |= {str(path) for path in unfinished.glob("*")} if unfinished.exists() else set()
    scratch = settings().scratch_dir
    orphans |= {str(path) for path in scratch.iterdir()} if scratch.exists() else set()
    wrong = [row.key for row in rows if row.key not in kept or not _is_of(shelf, *row)]
    return sorted(orphans), wrong


def _is_of(shelf: Any, key: str, step_id: int, fence: int) -> bool:
    with shelf.open(key) as file:
        return file.readline() == f"{step_id} {fence}\n".encode()


def orphan_processes(mark: str, live: set[str], patience_s: float = 5.0) -> list[str]:
    """Processes that outlived who should have ended them; they get some time to end."""
    until_s = time.monotonic() + patience_s
    while True:
        left = [
            f"{pid} of {env.get('ECG_CHAOS_MEMBER')} {env.get(CHILD_OF, '')}"
            for pid, env in reaper.marked(mark).items()
            # A server that a test has started again carries the mark, but is no member.
            if "ECG_CHAOS_MEMBER" in env and (env["ECG_CHAOS_MEMBER"] not in live or CHILD_OF in env)
        ]
        if not left or time.monotonic() > until_s:
            return left
        time.sleep(0.1)
