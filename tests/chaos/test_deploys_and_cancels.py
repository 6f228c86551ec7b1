"""Workers that are asked to end, and jobs that are: what is short ends well, what is long stops at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ecg.db import transaction
from ecg.jobs import lifecycle
from tests.chaos import reaper
from tests.chaos.cluster import Cluster, Member
from tests.chaos.conftest import Record
from tests.chaos.fakes import CHILD_OF
from tests.chaos.scale import REPEAT, size

#: How long a worker waits at SIGTERM for its step to end: ten seconds in production.
SOFT_S = 10.0 if REPEAT else 2.0
#: What it may take beyond that until it is gone.
END_S = 8.0
SOFT = {} if REPEAT else {"ECG_CHAOS_SOFT_SHUTDOWN_S": str(SOFT_S)}
#: Demanded of a cancel: no process of the step is left.
GONE_S = 5.0


@pytest.fixture(scope="module")
def cluster_of_module() -> Iterator[Cluster]:
    """Two workers with the intervals of production, which decide how soon a cancel is heard."""
    made = Cluster(workers=2, patient=True, **SOFT)
    with made.running():
        yield made


@pytest.fixture
def deployed(cluster_of_module: Cluster) -> Iterator[Cluster]:
    with cluster_of_module.fresh():
        yield cluster_of_module


def test_rolling_restarts_under_load_lose_nothing_and_let_short_steps_finish(
    deployed: Cluster, record: Record
):
    """R12: 20 rolling restarts: 0 lost, 0 dup, exit <= grace, no step is done twice."""
    how = size("R12")
    with load(deployed, how.n, how.step_s):
        exits_s = [restart(deployed, deployed.workers[turn % 2]) for turn in range(how.times)]
    tail_s = deployed.wait(120 + how.n)
    account = deployed.account().check()
    record("R12", account, restarts=how.times, longest_exit_s=max(exits_s), tail_s=round(tail_s, 1))
    assert max(exits_s) <= SOFT_S + END_S
    assert account.re_executed == 0, "a short step was not let finish"
    assert counted(deployed) == (0, 0, 0)


@contextmanager
def load(cluster: Cluster, n: int, step_s: float) -> Iterator[None]:
    """At any time about so many jobs are open."""
    over = threading.Event()

    def top_up() -> None:
        while not over.wait(0.2):
            if (missing := n - (len(cluster.accepted) - cluster.ended())) > 0:
                cluster.submit(missing, fake={"sleep_s": step_s})

    thread = threading.Thread(target=top_up)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def restart(cluster: Cluster, worker: Member) -> float:
    """SIGTERM, and a new one when it is gone, as a deploy does; the dispatcher is replaced meanwhile."""
    claims = "SELECT count(*) FROM steps WHERE status = 'running' AND worker LIKE :pid"
    (pool,) = worker.pool_processes()
    cluster.wait_for(claims, 60, pid=f"%:{pool.pid}")
    cluster.dispatchers[0].terminate()
    took_s = end(worker)
    worker.start()
    worker.wait_ready()
    return took_s


def end(worker: Member) -> float:
    """SIGTERM; how many seconds it took to end."""
    began_s = time.monotonic()
    worker.terminate(again=False)
    assert worker.process
    worker.process.wait(120)
    return round(time.monotonic() - began_s, 1)


def counted(cluster: Cluster) -> tuple[int, int, int]:
    """Errors, outages and losses of all steps."""
    (row,) = cluster.rows("SELECT sum(errors), sum(outages), sum(losses) FROM steps")
    return tuple(row)


def test_a_long_step_is_handed_back_at_a_restart_and_another_worker_takes_it_at_once(
    deployed: Cluster, record: Record
):
    """R12: long ones requeue at once when their grace is over, neither as an error nor as a loss."""
    (job,) = deployed.submit(fake={"by_step": {"transcribe": {"sleep_s": 300, "children": 2, "first": 1}}})
    deployed.wait_for_step(job, "transcribe")
    (held,) = wait_for_starts(deployed, job, "transcribe", 1)
    worker = next(worker for worker in deployed.workers if worker.incarnation == held.member)
    asked_s = time.monotonic()
    exit_s = end(worker)
    taken = wait_for_starts(deployed, job, "transcribe", 2)[-1]
    taken_s = round(taken.at_s - asked_s, 1)
    assert taken.member != held.member
    assert taken_s <= SOFT_S + 5
    assert not left_of(deployed, f"{held.step_id}-{held.fence}")
    deployed.wait(60)
    worker.start()
    worker.wait_ready()
    account = deployed.account().check()
    record("R12 long", account, exit_s=exit_s, taken_after_s=taken_s)
    assert exit_s <= SOFT_S + END_S
    assert counted(deployed) == (0, 0, 0)
    assert account.re_executed == 1
    told = deployed.scalar("SELECT count(*) FROM events WHERE data->>'status' = 'handed back'")
    assert told == 1


def wait_for_starts(cluster: Cluster, job: str, step: str, n: int, timeout_s: float = 60.0) -> list:
    """The first n attempts at a step, once their bodies run."""
    until_s = time.monotonic() + timeout_s
    while len(found := [e for e in cluster.entries() if (e.what, e.job, e.step) == ("start", job, step)]) < n:
        assert time.monotonic() < until_s, cluster.state()
        time.sleep(0.02)
    return found


def left_of(cluster: Cluster, attempt: str) -> list[int]:
    """Processes below a step's own that an attempt at it has started."""
    return [pid for pid, env in reaper.marked(cluster.mark).items() if env.get(CHILD_OF) == attempt]


@pytest.mark.parametrize("how", ["sleep_s", "deaf_s"])
def test_five_seconds_after_a_cancel_no_process_of_the_step_is_left(
    deployed: Cluster, record: Record, how: str
):
    """R17: grandchildren end too, also when the step hears no signal; its worker works on."""
    gone_s = []
    for _ in range(size("R17").times):
        (job,) = deployed.submit(fake={"by_step": {"ingest": {how: 300, "children": 3}}})
        (held,) = wait_for_starts(deployed, job, "ingest", 1)
        attempt = f"{held.step_id}-{held.fence}"
        until_s = time.monotonic() + 30
        while len(left_of(deployed, attempt)) < 3 * 4:  # each a guard, a shell and its two children
            assert time.monotonic() < until_s, left_of(deployed, attempt)
            time.sleep(0.02)
        gone_s.append(time_to_stop(deployed, job, attempt))
        deployed.submit(len(deployed.workers), fake={"sleep_s": 0.05})
        deployed.wait(120)
    account = deployed.account().check(healthy=False)
    record(f"R17 {how}", account, gone_after_s=gone_s)
    assert account.cancelled == len(gone_s)
    assert account.failed == account.re_executed == 0
    assert max(gone_s) <= GONE_S


def time_to_stop(cluster: Cluster, job: str, attempt: str) -> float:
    """Cancel; seconds until no process of the attempt is left."""
    began_s = time.monotonic()
    cancel(job)
    while left_of(cluster, attempt):
        assert time.monotonic() - began_s < 60, cluster.state()
        time.sleep(0.02)
    return round(time.monotonic() - began_s, 1)


def cancel(job: str) -> None:
    with transaction() as session:
        lifecycle.cancel(session, job)


def test_what_is_cancelled_while_the_workers_are_down_never_starts(deployed: Cluster, record: Record):
    """R17: one job waits with its message sent, one was at work when its worker died; neither goes on."""
    (running,) = deployed.submit(fake={"by_step": {"ingest": {"sleep_s": 300}}})
    wait_for_starts(deployed, running, "ingest", 1)
    for worker in deployed.workers:
        worker.kill(again=False)
    (waiting,) = deployed.submit()
    deployed.wait_for("SELECT published_at IS NOT NULL FROM steps WHERE job_id = :job AND name = 'ingest'",
                      job=waiting)  # fmt: skip
    for job in (running, waiting):
        cancel(job)
    for worker in deployed.workers:
        worker.start()
    (after,) = deployed.submit()
    deployed.wait(120)
    with deployed.redis_client() as client:
        assert not client.llen("media"), "the message is still to be looked at"
    account = deployed.account().check(healthy=False)
    record("R17 down", account)
    assert (account.cancelled, account.done, account.re_executed) == (2, 1, 0)
    assert {entry.job for entry in deployed.entries()} == {running, after}
