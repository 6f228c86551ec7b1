"""One step, several who want it: only one of them ever counts."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from celery import Celery

from ecg.db import transaction
from ecg.jobs import attempts
from tests.chaos.cluster import Cluster, Member
from tests.chaos.conftest import Record
from tests.chaos.scale import FULL, size
from tests.conftest import require
from tests.jobs.builders import claim, events_of, job_of, make_job, run, step_of

COPIES = 5
#: What the other workers do when one wakes that was taken for dead.
OTHERS = ("have finished", "are at work")
FAKETIME = [*Path("/usr").glob("lib*/faketime/libfaketimeMT.so.1"),
            *Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]  # fmt: skip


@pytest.mark.parametrize("others", [(one,) for one in OTHERS] if FULL else [OTHERS], ids=" or ".join)
def test_a_worker_frozen_past_its_lease_cannot_commit_when_it_wakes(record: Record, others: tuple[str, ...]):
    """R7: its result is rejected and its files do not count, whatever has become of its step meanwhile."""
    trials = size("R7").n
    with Cluster(workers=2 * min(trials, 3)) as cluster:
        rejected = 0
        for number, do in enumerate(others, start=1):
            while rejected < number * trials:
                rejected += freeze_every_other(cluster, do == "have finished")
        account = cluster.account().check()
        record("R7", account, trials=rejected, others=" or ".join(others))
        assert account.re_executed == rejected


def freeze_every_other(cluster: Cluster, until_all_is_done: bool) -> int:
    """Each worker takes a step; half of them are frozen in it, and wake too late; how many were."""
    for worker in cluster.workers:
        worker.wait_ready()
    began = len(cluster.entries())
    zombies = cluster.workers[::2]
    jobs = cluster.submit(len(cluster.workers), fake={"by_step": {"ingest": {"sleep_s": 3.0}}})
    wait_until(lambda: len(starts(cluster, began, fence=1)) == len(jobs), "each worker has a step")
    frozen = [process for zombie in zombies for process in zombie.family()]
    for process in frozen:
        process.suspend()
    if until_all_is_done:
        cluster.wait(60, jobs)
    else:
        wait_until(lambda: len(starts(cluster, began, fence=2)) == len(zombies), "others took the steps over")
    given_up = times_given_up(zombies)
    keepers = {keeper.pid for zombie in zombies for keeper in zombie.keepers()}
    # Their keepers sleep on: nothing but the fence stands between them and the commit.
    for process in frozen:
        if process.pid not in keepers:
            process.resume()
    turned_away = given_up + len(zombies)
    wait_until(lambda: times_given_up(zombies) == turned_away, "the late commits are rejected")
    for process in frozen:
        process.resume()
    cluster.wait(60, jobs)
    late = list(starts(cluster, began, fence=2))
    by_first = "SELECT count(*) FROM artifacts WHERE step_id = ANY(:late) AND key LIKE '%-1/%'"
    assert cluster.scalar(by_first, late=late) == 0
    committed = "SELECT result->>'fence' AS fence FROM steps WHERE id = ANY(:late)"
    assert {row.fence for row in cluster.rows(committed, late=late)} == {"2"}
    return len(late)


def starts(cluster: Cluster, began: int, fence: int) -> set[int]:
    """Steps that were started with this fence, by the ledger's lines from ``began`` on."""
    return {e.step_id for e in cluster.entries()[began:]
            if e.what == "start" and e.step == "ingest" and e.fence == fence}  # fmt: skip


def times_given_up(workers: list[Member]) -> int:
    return sum(worker.log.read_text().count("given up") for worker in workers)


def wait_until(true: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > until_s:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.05)


@pytest.mark.calm
def test_five_messages_for_one_step_make_one_claim_and_four_quick_drops(record: Record):
    """R8: copies are put into the queue by hand and taken by four workers at once."""
    n = size("R8").n
    with Cluster(workers=4) as cluster:
        (dispatcher,) = cluster.dispatchers
        # The first task of a process connects it to the database; it is not what is measured here.
        warm = cluster.submit(8, fake={"sleep_s": 0.1})
        cluster.wait(60, warm)
        dispatcher.kill(again=False)
        jobs = cluster.submit(n, fake={"by_step": {"ingest": {"sleep_s": 0.05}}})
        rows = cluster.rows("SELECT id FROM steps WHERE name = 'ingest' AND status = 'ready' ORDER BY id")
        steps = [row.id for row in rows]
        send_copies(cluster, steps, COPIES)
        taken = COPIES * n
        wait_until(lambda: len(durations_s(cluster.workers)) == taken, "every copy was taken", 120)
        claims = [e.step_id for e in cluster.entries() if e.what == "start" and e.step_id in steps]
        assert len(claims) == len(set(claims)) == n
        drops_s = sorted(seconds for by_copy in by_step(cluster.workers).values() for seconds in by_copy[:-1])
        dispatcher.start()
        cluster.wait(120, jobs)
        account = cluster.account().check()
        p95_s = drops_s[int(0.95 * len(drops_s))]
        record("R8", account, claims=n, drops=drops(cluster), drop_p95_ms=round(p95_s * 1000, 1),
               drop_max_ms=round(drops_s[-1] * 1000, 1))  # fmt: skip
        assert account.re_executed == 0
        assert drops(cluster) == len(drops_s) == (COPIES - 1) * n
        if FULL:
            assert p95_s <= 0.02


def drops(cluster: Cluster) -> int:
    """Messages whose step was not to be had any more."""
    return sum(worker.log.read_text().count("is not to be had") for worker in cluster.workers)


def send_copies(cluster: Cluster, steps: list[int], copies: int) -> None:
    # Not by celeryconfig: read here, it would keep this cluster's address for all tests to come.
    app = Celery("copies", broker=cluster.redis.service.url, set_as_current=False)
    for step in steps:
        for copy in range(copies):
            app.send_task("ecg.media.ingest", args=[step], queue="media", task_id=f"{step}-copy{copy}")
    app.close()


def durations_s(workers: list[Member]) -> list[tuple[int, float]]:
    """Step and seconds of every task that the workers' logs say has ended."""
    ended = re.compile(r"\[(\d+)-copy\d\] succeeded in ([\d.e-]+)s")
    return [(int(step), float(seconds)) for worker in workers
            for step, seconds in ended.findall(worker.log.read_text())]  # fmt: skip


def by_step(workers: list[Member]) -> dict[int, list[float]]:
    """Seconds of each step's copies, the longest (which did the work) last."""
    found: dict[int, list[float]] = {}
    for step, seconds in durations_s(workers):
        found.setdefault(step, []).append(seconds)
    return {step: sorted(seconds) for step, seconds in found.items()}


def test_a_step_longer_than_its_lease_and_the_visibility_timeout_runs_once(record: Record):
    """R9: its keeper holds the lease; messages for it that come meanwhile are dropped."""
    long_s = size("R9").span_s
    short_s = str(int(long_s / 10) if FULL else 2)
    with Cluster(ECG_LEASE_S=short_s, ECG_CHAOS_VISIBILITY_S=short_s) as cluster:
        (job,) = cluster.submit(fake={"by_step": {"ingest": {"sleep_s": long_s}}})
        cluster.wait_for_step(job, "ingest")
        send_copies(cluster, [cluster.scalar("SELECT id FROM steps WHERE name = 'ingest'")], COPIES)
        cluster.wait(long_s + 60)
        account = cluster.account().check()
        record("R9", account, drops=drops(cluster))
        assert account.re_executed == 0
        assert drops(cluster) == COPIES


def test_workers_whose_clocks_are_an_hour_off_work_as_any_other(record: Record):
    """R14: one is an hour ahead, one behind; leases are the database's matter, so nothing runs twice."""
    require(FAKETIME, "libfaketime is not installed")
    how = size("R14")
    off = {"LD_PRELOAD": str(FAKETIME[0]) if FAKETIME else "", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with Cluster(workers=0) as cluster:
        for hours in ("+1h", "-1h"):
            cluster.add_worker(FAKETIME=hours, **off)
        for worker in cluster.workers:
            worker.wait_ready()
        cluster.submit(how.n, fake={"sleep_s": how.step_s, "by_step": {"diarize": {"sleep_s": 0.0}}})
        cluster.submit(2, fake={"by_step": {"transcribe": {"sleep_s": 3.0}}})  # longer than the lease
        cluster.wait(300)
        now_s = time.time() - time.monotonic()
        hours_off = {e.member: round((e.clock_s - e.at_s - now_s) / 3600) for e in cluster.entries()}
        account = cluster.account().check()
        record("R14", account)
        assert sorted(hours_off.values()) == [-1, 1], "the clocks were not off"
        assert account.re_executed == 0


@pytest.mark.usefixtures("database")
def test_two_parents_that_finish_at_the_same_moment_let_the_next_step_run_exactly_once():
    """No reconciler is there to mend what they would miss of each other."""
    for _ in range(size("last two parents").n):
        job = make_job()
        run(job, "ingest")
        run(job, "prosody")
        finish_together([claim(job, "diarize"), claim(job, "transcribe")])
        merges = [claim(job, "merge"), claim(job, "merge")]
        assert [bool(merge) for merge in merges] == [True, False], step_of(job, "merge").status
        finish_together([merges[0], merges[0]])
        assert job_of(job).status == "done"
        told = [event.data["status"] for event in events_of(job, "step") if event.data["step"] == "merge"]
        assert told == ["running", "done"]
        assert len(events_of(job, "done")) == 1


def finish_together(claims: list[attempts.Claim | None]) -> None:
    """Each in a thread and a transaction of its own, which stays open until the others have got as far."""
    began, written = threading.Barrier(len(claims)), threading.Barrier(len(claims))
    errors: list[BaseException] = []

    def finish(claimed: attempts.Claim) -> None:
        try:
            with transaction() as session:
                began.wait(10)
                attempts.finish(session, claimed.step_id, claimed.fence, result={})
                # One that waits for the other's lock never gets here in time, and need not.
                try:
                    written.wait(0.03)
                except threading.BrokenBarrierError:
                    return
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=finish, args=(claimed,)) for claimed in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
