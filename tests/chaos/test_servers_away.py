"""Redis or Postgres is gone, empty, frozen or out of reach: everything waits and then goes on by itself."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
import requests

from ecg.jobs import dispatch
from tests.chaos.cluster import ALL_QUEUES, Cluster
from tests.chaos.conftest import Record
from tests.chaos.proxy import Link
from tests.chaos.report import at
from tests.chaos.scale import FULL, rounds, size
from tests.client import Client

CLIENTS = 4
#: Demanded of a worker whose Redis was frozen or cut off: from then on that it could claim again.
CLAIMS_AGAIN_S = 60.0
#: In the short run a dead connection to Redis is looked for sooner than celeryconfig says.
IMPATIENT_LINK = {} if FULL else {"ECG_CHAOS_HEALTH_CHECK_S": "2"}


@pytest.fixture(scope="module")
def cluster_of_module() -> Iterator[Cluster]:
    """Two workers, a dispatcher and a web tier, all behind a link to Redis that can be made to lie."""
    steps = Cluster.default_fake({"sleep_s": 0.05})
    made = Cluster(workers=2, web=True, proxied=True, patient=FULL, **steps, **IMPATIENT_LINK)
    with made.running():
        yield made


@pytest.fixture
def served(cluster_of_module: Cluster) -> Iterator[Cluster]:
    """The cluster of this module, as good as new."""
    with cluster_of_module.fresh():
        yield cluster_of_module


@pytest.mark.parametrize("nth", rounds("R3"))
def test_what_was_queued_in_a_broker_that_died_without_a_trace_is_queued_again(
    served: Cluster, record: Record, nth: int
):
    """R3: Redis is killed without persistence, 100 queued: all complete, first re-enqueue <= 30 s."""
    how = size("R3")
    served.submit(how.n, fake={"sleep_s": how.step_s})
    sent_again_s = []
    for kill in range(how.times):
        while served.ended() < kill * how.n / how.times:
            time.sleep(0.05)
        sent_again_s.append(lose_all_messages(served))
    served.wait(120 + how.n)
    account = served.account().check()
    record("R3", account, first_sent_again_s=sent_again_s)
    assert account.re_executed == 0
    assert max(sent_again_s) <= 30


def lose_all_messages(cluster: Cluster) -> float:
    """Kill Redis while messages are in it, and start it again with nothing.

    How many seconds after the kill the first of them was sent again.
    """
    lost = freeze_over_messages(cluster)
    died_s = time.time()
    cluster.redis.end(signal.SIGKILL)
    cluster.redis.start()
    for worker in cluster.workers:
        worker.cont()
    again = "FROM steps WHERE id = ANY(:lost) AND published_at > to_timestamp(:died)"
    cluster.wait_for(f"SELECT count(*) {again}", 60, lost=lost, died=died_s)
    first_s = cluster.scalar(f"SELECT extract(epoch FROM min(published_at)) {again}", lost=lost, died=died_s)
    return round(float(first_s) - died_s, 1)


def freeze_over_messages(cluster: Cluster) -> list[int]:
    """Stop the workers while both are busy and messages wait behind them; the steps of these."""
    busy, until_s = "SELECT count(*) = 2 FROM steps WHERE status = 'running'", time.monotonic() + 30
    while time.monotonic() < until_s:
        cluster.wait_for(busy)
        for worker in cluster.workers:
            worker.stop()
        # One that is idle may have taken a message without having looked at it.
        if cluster.scalar(busy) and (steps := steps_in_queues(cluster)):
            return steps
        for worker in cluster.workers:
            worker.cont()
        time.sleep(0.05)
    raise AssertionError(cluster.state())


def steps_in_queues(cluster: Cluster) -> list[int]:
    with cluster.redis_client() as client:
        return [dispatch.step_of(json.loads(message)["headers"]["id"])
                for queue in ALL_QUEUES.split(",") for message in client.lrange(queue, 0, -1)]  # fmt: skip


def test_emptying_redis_again_and_again_under_load_loses_no_job(served: Cluster, record: Record):
    """R4: FLUSHALL during 100 running and queued jobs: all complete."""
    how = size("R4")
    served.submit(how.n, fake={"sleep_s": how.step_s})
    flushed, until_s = 0, time.monotonic() + how.span_s
    while time.monotonic() < until_s:
        flushed += len(steps_in_queues(served))
        with served.redis_client() as client:
            client.flushall()
        time.sleep(how.every_s)
    served.wait(120 + how.n)
    account = served.account().check()
    record("R4 FLUSHALL", account, messages_flushed=flushed)
    assert flushed, "no message was there to be lost"
    assert account.re_executed == 0


def test_jobs_are_accepted_quickly_while_redis_is_down_and_done_when_it_is_back(
    served: Cluster, record: Record
):
    """R4: Redis down 60 s at submit: every 202 completes, POST p95 <= 300 ms; nothing asks for the broker."""
    how = size("R4 down")
    with nobody_at_home() as (address, callers):
        # To the web tier alone the broker is somewhere else: it must not even be looked for.
        assert served.web
        served.web.env["ECG_BROKER_URL"] = f"redis://{address}/0"
        served.web.kill()
        served.web.wait_ready()
        ann = Sender.new(served)
        served.redis.end(signal.SIGKILL)
        began_s = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as threads:
            for _ in range(how.n):
                threads.submit(ann.post, str(uuid.uuid4()))
                time.sleep(how.span_s / how.n)
        time.sleep(max(0.0, began_s + how.span_s - time.monotonic()))
        served.redis.start()
        assert Counter(answer.status for answer in ann.answers) == {202: how.n}
        served.accepted += [answer.job_id for answer in ann.answers]
        served.wait(60 + how.n)
        account = served.account().check()
        p95_ms = round(1000 * (at(0.95, [answer.took_s for answer in ann.answers]) or 0))
        record("R4", account, post_p95_ms=p95_ms, down_s=how.span_s)
        assert account.re_executed == 0
        assert p95_ms < 3000
        assert callers() == 0
        del served.web.env["ECG_BROKER_URL"]


@contextmanager
def nobody_at_home() -> Iterator[tuple[str, Callable[[], int]]]:
    """An address that takes connections and says nothing; how many have come."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        listener.setblocking(False)
        came: list[socket.socket] = []

        def callers() -> int:
            try:
                while True:
                    came.append(listener.accept()[0])
            except BlockingIOError:
                return len(came)

        yield "{}:{}".format(*listener.getsockname()), callers
        for one in came:
            one.close()


@dataclass(frozen=True)
class Answer:
    """What the web tier said to one request, and how long that took."""

    status: int
    took_s: float
    body: dict
    retry_after: str | None

    @property
    def job_id(self) -> str:
        return self.body["job_id"]


class Sender:
    """Someone with a video who asks for analyses; ``answers``: all he got."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.url, self.headers = url, headers
        self.answers: list[Answer] = []

    @classmethod
    def new(cls, cluster: Cluster) -> Sender:
        client = Client(cluster.url)
        user = cluster.scalar("SELECT id::text FROM users WHERE email = :email", email=client.email)
        url = f"{cluster.url}/api/videos/{cluster.add_video(user)}/analyze"
        return cls(url, {"Authorization": str(client.http.headers["Authorization"])})

    def post(self, key: str) -> Answer:
        began_s = time.monotonic()
        reply = requests.post(self.url, json={}, headers={**self.headers, "Idempotency-Key": key}, timeout=60)
        answer = Answer(reply.status_code, time.monotonic() - began_s, reply.json(),
                        reply.headers.get("Retry-After"))  # fmt: skip
        self.answers.append(answer)
        return answer

    def post_until_accepted(self, key: str) -> Answer:
        """As a client does that was asked to try again."""
        until_s = time.monotonic() + 60
        while (answer := self.post(key)).status != 202:
            assert time.monotonic() < until_s, answer
            time.sleep(0.1)
        return answer


def test_workers_go_on_by_themselves_after_redis_was_frozen(served: Cluster, record: Record):
    """R5: Redis SIGSTOP 90 s, then CONT: workers claim again <= 60 s after, 0 lost."""
    away_from_redis(served, record, "R5 frozen", served.redis.stop, served.redis.cont)


@pytest.mark.parametrize("figure", ["R5 half open", "R5 blip"] if FULL else ["R5 blip"])
def test_workers_go_on_by_themselves_after_their_link_to_redis_was_half_open(
    served: Cluster, record: Record, figure: str
):
    """R5: a link that drops every byte, its connections stay: workers claim again <= 60 s after, 0 lost."""
    assert served.proxy
    change = partial(setattr, served.proxy, "link")
    away_from_redis(served, record, figure, partial(change, Link.DROP), partial(change, Link.PASS))


def away_from_redis(
    cluster: Cluster, record: Record, figure: str, away: Callable[[], None], back: Callable[[], None]
) -> None:
    """Under load: every worker must claim something after Redis is back, while there is enough for all."""
    how = size(figure)
    cluster.submit(how.n, fake={"sleep_s": how.step_s})
    while cluster.ended() < how.n / 4:
        time.sleep(0.05)
    away()
    time.sleep(how.span_s)
    back()
    back_s = time.monotonic()
    waiting = {worker.incarnation for worker in cluster.workers}
    claimed_s: dict[str, float] = {}
    while waiting - set(claimed_s):
        for entry in cluster.entries():
            if entry.what == "start" and entry.at_s > back_s:
                claimed_s.setdefault(entry.member, round(entry.at_s - back_s, 1))
        assert time.monotonic() - back_s < CLAIMS_AGAIN_S, f"{claimed_s} {cluster.state()}"
        if len(cluster.accepted) - cluster.ended() < 10:
            cluster.submit(10, fake={"sleep_s": how.step_s})
        time.sleep(0.2)
    cluster.wait(120 + how.n)
    account = cluster.account().check()
    record(figure, account, away_s=how.span_s, claimed_again_s=sorted(claimed_s.values()))
    assert {worker.incarnation for worker in cluster.workers} == waiting, "a worker was started again"
    assert account.re_executed == 0


def test_a_database_that_crashes_again_and_again_costs_nothing_and_nobody_is_told_a_lie(
    served: Cluster, record: Record
):
    """R6: Postgres immediate restart every 10 s x 6, 100 jobs: 0 lost, 0 dup, typed 503, no false 202."""
    how = size("R6")
    ann = Sender.new(served)
    before = who_is_there(served)
    served.submit(how.n, fake={"sleep_s": how.step_s})
    over = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as threads:
        sending = [threads.submit(send_until, over, ann) for _ in range(CLIENTS)]
        try:
            for _ in range(how.times):
                time.sleep(how.every_s)
                served.postgres.end(signal.SIGQUIT)
                time.sleep(0.5)
                served.postgres.start()
        finally:
            over.set()
    accepted = [job for sent in sending for job in sent.result()]
    found = served.rows("SELECT id::text FROM jobs WHERE id::text = ANY(:jobs)", jobs=accepted)
    assert len(found) == len(set(accepted)) == len(accepted), "a 202 has no row"
    served.accepted += accepted
    served.wait(120 + 2 * how.n)
    account = served.account().check()
    refused = [answer for answer in ann.answers if answer.status != 202]
    record("R6", account, restarts=how.times, refused=len(refused),
           longest_answer_s=round(max(answer.took_s for answer in ann.answers), 1))  # fmt: skip
    assert refused, "no request has met the crash"
    for answer in refused:
        assert (answer.status, answer.body["error"]["code"]) == (503, "SERVICE_UNAVAILABLE"), answer
        assert set(answer.body["error"]) == {"code", "message", "details"}
        assert int(answer.retry_after or 0) >= 1
    assert who_is_there(served) == before, "a process was started again"
    assert account.re_executed == 0


def send_until(over: threading.Event, sender: Sender) -> list[str]:
    """Jobs accepted one after another until it is over."""
    jobs = []
    while not over.is_set():
        jobs.append(sender.post_until_accepted(str(uuid.uuid4())).job_id)
        time.sleep(1.0)
    return jobs


def who_is_there(cluster: Cluster) -> set[tuple[str, int]]:
    """All members, and the processes in which workers work."""
    members = {(member.incarnation, member.pid) for member in cluster.members()}
    return members | {("pool", p.pid) for worker in cluster.workers for p in worker.pool_processes()}
