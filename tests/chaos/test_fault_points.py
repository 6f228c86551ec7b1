"""Death by SIGKILL at each named point of the code: nothing is lost, nothing is done twice."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from ecg.db import transaction
from ecg.models import JobKind, User
from tests.chaos import faults
from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Record
from tests.chaos.scale import FULL, rounds, size
from tests.client import Client

SOFT_SHUTDOWN_S = 0.5
#: Most deaths are waited for until a lease or a message is known to be lost: that takes all the time.
SOON = {"ECG_LEASE_S": "1.2", "ECG_RENEW_S": "0.3", "ECG_RECONCILE_S": "0.2", "ECG_REPUBLISH_S": "0.5"}
#: Points that need something to happen on the way, as the params of the jobs that make it happen.
FAKES: dict[str, dict[str, Any]] = {
    "fail": {"by_step": {"prosody": {"do": "ServiceUnavailable", "first": 1}}},
    "keep_part": {"parts": 2},
}
#: Points that are reached only when something was lost.
OF_LOSSES = ("lose.before_commit", "lose.after_commit", "reconcile")
#: A job that holds its worker for longer than a soft shutdown waits, at every attempt.
LONG: dict[str, Any] = {"by_step": {"ingest": {"sleep_s": 6 * SOFT_SHUTDOWN_S}}}
#: Each worker is in the middle of a long step, or as many as there are such steps left.
ALL_IN_LONG_STEPS = """
    SELECT count(*) FILTER (WHERE status = 'running')
           >= least(:workers, count(*) FILTER (WHERE status <> 'done'))
    FROM steps WHERE name = 'ingest' AND job_id::text = ANY(:jobs)
"""


@pytest.fixture(scope="module")
def a_cluster_with_web() -> Iterator[Cluster]:
    cluster = Cluster(web=True, workers=3, ECG_CHAOS_SOFT_SHUTDOWN_S=str(SOFT_SHUTDOWN_S), **SOON)
    with cluster.running():
        yield cluster


@pytest.fixture
def cluster(a_cluster_with_web: Cluster) -> Iterator[Cluster]:
    with a_cluster_with_web.fresh():
        yield a_cluster_with_web


@pytest.mark.parametrize("nth", rounds("R13"))
@pytest.mark.parametrize("points", [(point,) for point in faults.POINTS] if FULL else [tuple(faults.POINTS)],
                         ids=lambda points: points[0] if len(points) == 1 else "all")  # fmt: skip
def test_death_at_a_named_point_loses_nothing_and_does_nothing_twice(
    cluster: Cluster, record: Record, points: tuple[str, ...], nth: int
):
    """R13: so many deaths at each point; each of them must have been met."""
    how = size("R13")
    for point in points:
        cluster.arm(point, how.times)
        if point in OF_LOSSES:
            cluster.arm("body", how.times)
    if any(point.startswith("create") for point in points):
        accept_by_the_api(cluster, how.n)
    else:
        cluster.submit(how.n, JobKind.RENDER, fake={"sleep_s": 0.02})
    for operation in {point.partition(".")[0] for point in points} & set(FAKES):
        cluster.submit(2 * how.times, fake={"sleep_s": 0.02, **FAKES[operation]})
    shut_down_until_all_is_released(cluster)
    cluster.wait(300)
    assert faults.left(cluster.faults) == 0, f"points not met: {faults.armed(cluster.faults)}"
    account = cluster.account().check()
    record("R13", account, points=points[0] if len(points) == 1 else len(points), times=how.times)


def accept_by_the_api(cluster: Cluster, n: int) -> None:
    """Ask for analyses until each is answered; the same key says that it is the same request."""
    person = Client(cluster.url)
    with transaction() as session:
        user = session.query(User).filter_by(email=person.email).one()
        video = cluster.add_video(user.id)
    for _ in range(n):
        cluster.accepted.append(started(person, f"/api/videos/{video}/analyze"))


def started(person: Client, path: str, timeout_s: float = 60.0) -> str:
    person.http.headers["Idempotency-Key"] = str(uuid.uuid4())
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        try:
            return person.post(path).json()["job_id"]
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"{path} was not answered in {timeout_s} s")


def shut_down_until_all_is_released(cluster: Cluster, timeout_s: float = 240.0) -> None:
    """SIGTERM to workers in the middle of long steps, as long as a death at handing back is to come."""
    until_s = time.monotonic() + timeout_s
    jobs: list[str] = []
    while any(point.startswith("release") for point in faults.armed(cluster.faults)):
        assert time.monotonic() < until_s, cluster.state()
        for worker in cluster.workers:
            worker.wait_ready()
        jobs += cluster.submit(len(cluster.workers), fake=LONG)
        cluster.wait_for(ALL_IN_LONG_STEPS, 60, workers=len(cluster.workers), jobs=jobs)
        starts = [worker.starts for worker in cluster.workers]
        for worker in cluster.workers:
            worker.terminate()
        while any(worker.starts == n for worker, n in zip(cluster.workers, starts, strict=True)):
            time.sleep(0.05)
