"""Workers that die in every way there is: what they had taken is done by others, once."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from tests.chaos import ledger
from tests.chaos.account import Account
from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Record
from tests.chaos.report import at
from tests.chaos.scale import FULL, REPEAT, rounds, size

POISONS = ("exit", "segfault", "memory", "kill_worker")
MAX_LOSSES = 3 if FULL else 1


@pytest.mark.calm
@pytest.mark.parametrize("nth", rounds("R1"))
def test_workers_killed_in_turn_lose_nothing_and_do_nothing_twice(cluster: Cluster, record: Record, nth: int):
    """R1: the whole group of a worker is killed every two or three seconds, the two in turn."""
    how = size("R1")
    cluster.submit(how.n, fake={"sleep_s": how.step_s})
    undisturbed_s = cluster.wait(300)
    cluster.account().check()
    cluster.reset()
    cluster.submit(how.n, fake={"sleep_s": how.step_s})
    began_s = time.monotonic()
    kills = kill_in_turn(cluster, how.every_s)
    took_s = time.monotonic() - began_s
    account = cluster.account().check()
    record("R1", account, kills=kills, undisturbed_s=round(undisturbed_s, 1))
    assert account.re_executed >= 1, "no kill has met a step"
    if FULL:
        assert took_s <= 3 * undisturbed_s


def kill_in_turn(cluster: Cluster, every_s: float, most_s: float = 600.0) -> int:
    """Kill a worker each ``every_s`` until all jobs have ended; how many were killed."""
    kills, began_s = 0, time.monotonic()
    while cluster.ended() < len(cluster.accepted):
        assert time.monotonic() - began_s < most_s, cluster.state()
        late_s = time.monotonic() - began_s - (kills + 1) * every_s
        # Two or three kills might meet no step at all: the first waits a moment for both workers to have one.
        if late_s > 1 or (late_s > 0 and (kills > 0 or _all_work(cluster))):
            cluster.workers[kills % len(cluster.workers)].kill()
            kills += 1
        time.sleep(0.05)
    return kills


def _all_work(cluster: Cluster) -> bool:
    return cluster.scalar("SELECT count(*) FROM steps WHERE status = 'running'") >= len(cluster.workers)


def test_all_workers_killed_at_once_at_half_time_repeat_only_what_was_in_flight(record: Record):
    """R2: re-executions are at most as many as steps were running at the kill."""
    how = size("R2")
    with Cluster(workers=4 if FULL else 2) as cluster:
        cluster.submit(how.n, fake={"sleep_s": how.step_s})
        while cluster.ended() < how.n / 2:
            time.sleep(0.05)
        for worker in cluster.workers:
            worker.kill(again=False)
        in_flight = cluster.scalar("SELECT count(*) FROM steps WHERE status = 'running'")
        for worker in cluster.workers:
            worker.start()
        cluster.wait(600)
        account = cluster.account().check()
        record("R2", account, in_flight=in_flight)
        assert account.re_executed <= in_flight


@pytest.mark.calm
def test_a_job_that_kills_its_workers_fails_with_its_error_and_holds_nobody_up(record: Record):
    """R10: its workers die by os._exit, a segfault, want of memory, or as a whole."""
    how = size("R10")
    with Cluster(ECG_MAX_LOSSES=str(MAX_LOSSES)) as cluster:
        cluster.submit(how.n, fake={"sleep_s": 0.05})
        undisturbed_s = cluster.wait(120)
        # One after the other tells which of them holds others up; the short form has no time for that.
        for poisons in [(poison,) for poison in POISONS] if FULL else [POISONS]:
            cluster.reset()
            poisoned = [cluster.submit(fake={"by_step": {"ingest": {"do": way}}})[0] for way in poisons]
            took_s = cluster.wait(120, cluster.submit(how.n, fake={"sleep_s": 0.05}))
            cluster.wait(120)
            assert_poisoned(cluster, poisoned)
            account = cluster.account().check(healthy=False)
            added_s = round(took_s - undisturbed_s, 1)
            record("R10", account, poison="+".join(poisons), added_s=added_s)
            assert account.failed == len(poisons)
            assert added_s <= 10 or not FULL


def assert_poisoned(cluster: Cluster, jobs: Sequence[str]) -> None:
    """Each has failed in its first step, for want of a worker that survives it."""
    for job in jobs:
        (row,) = cluster.rows("SELECT status, error FROM jobs WHERE id = :job", job=job)
        assert (row.status, row.error["code"], row.error["step"]) == ("failed", "WORKER_LOST", "ingest")
        assert row.error["details"]["losses"] == MAX_LOSSES


@pytest.mark.parametrize("patient", [False, True] if REPEAT else [False])
def test_what_a_killed_worker_held_is_claimed_again_soon(record: Record, patient: bool):
    """R11: from the kill to the next claim p95 <= 30 s and at most 45 s, also with production's intervals."""
    kills = size("R11").n
    with Cluster(workers=min(kills, 5), patient=patient) as cluster:
        recoveries: list[float] = []
        while len(recoveries) < kills:
            recoveries += kill_all_in_their_steps(cluster)
        account = cluster.account().check()
        record("R11 production" if patient else "R11", account, kills=kills)
        assert sorted(account.recovery_s) == sorted(recoveries)
        assert (at(0.95, recoveries) or 0) <= 30
        assert max(recoveries) <= 45


def kill_all_in_their_steps(cluster: Cluster) -> list[float]:
    """Each worker takes a step and is killed in it; how long each step waited for its next claim."""
    began = len(cluster.entries())
    for worker in cluster.workers:
        worker.wait_ready()
    jobs = cluster.submit(len(cluster.workers), fake={"by_step": {"ingest": {"sleep_s": 300, "first": 1}}})
    while len(cluster.entries()) < began + len(jobs):
        time.sleep(0.02)
    for worker in cluster.workers:
        worker.kill()
    cluster.wait(120, jobs)
    deaths = {name: s for worker in cluster.workers for name, s in worker.deaths.items()}
    return ledger.recoveries(cluster.entries()[began:], deaths)


def test_the_account_knows_what_is_wrong(cluster: Cluster):
    """An account that could not fail would prove nothing: here a job has vanished."""
    (lost,) = cluster.submit(1)
    cluster.wait(30)
    assert cluster.account().check().done == 1
    with pytest.raises(AssertionError):
        broken(cluster, lost).check()


def broken(cluster: Cluster, job: str) -> Account:
    """The account after a job's row and its steps' rows have vanished."""
    from ecg.db import transaction
    from ecg.models import Job

    with transaction() as session:
        session.delete(session.get_one(Job, job))
    account = cluster.account()
    assert account.lost == 1
    return account
