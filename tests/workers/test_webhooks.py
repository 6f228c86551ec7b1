"""The deliverer: each event arrives, whatever receivers and processes do, and nothing else waits for it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import psutil
import pytest
from sqlalchemy import text

from ecg import __version__, guard, signatures
from ecg.config import settings
from ecg.db import transaction
from ecg.errors import Unauthorized
from ecg.jobs.attempts import backoff_s
from ecg.models import Webhook
from ecg.webhooks import outbox, registry
from tests.client import Client
from tests.conftest import LiveStack
from tests.jobs.builders import job_of, make_user
from tests.test_egress import PUBLIC, Canary, inside
from tests.webhooks.receiver import (
    Receiver,
    a_port,
    deliveries,
    delivering,
    finished_job,
    hours_pass,
    make_webhook,
    may_be_called,
    receiver,
    receiving,
    wait_until,
    webhook_of,
)
from workers.webhooks import Deliverer

__all__ = ["a_port", "inside", "receiver"]
#: Calls that find nobody: as many as in more than a day.
DOWN_FOR = 60


def all_are(webhook: str, status: str) -> bool:
    return {told.status for told in deliveries(webhook)} == {status}


def test_what_a_receiver_gets_is_signed_with_its_secret_and_names_the_event(receiver: Receiver, monkeypatch):
    webhook, user, secret = make_webhook(receiver.url)
    with delivering(monkeypatch):
        job = finished_job(user)
        wait_until(lambda: all_are(webhook, "delivered"), "it is delivered")
    [request], [told] = receiver.requests, deliveries(webhook)
    assert request.told["job"]["id"] == job
    assert request.event_id == told.id == request.told["event_id"]
    assert request.headers["ECG-Event"] == "job.done"
    assert request.headers["User-Agent"] == f"ECG/{__version__}"
    assert request.headers["Content-Type"] == "application/json"
    header = request.headers["ECG-Signature"]
    assert signatures.verify(header, request.body, [secret])
    for tampered in (request.body + b" ", request.body.replace(b"done", b"lost"), b""):
        with pytest.raises(Unauthorized):
            signatures.verify(header, tampered, [secret])
    moment = int(header.partition(",")[0].removeprefix("t="))
    for other in (moment - 1, moment + 1, moment + 299):
        with pytest.raises(Unauthorized):
            signatures.verify(header.replace(str(moment), str(other)), request.body, [secret])
    with pytest.raises(Unauthorized):
        signatures.verify(header, request.body, [secret], now_s=moment + signatures.WINDOW_S + 1)


def test_a_receiver_that_is_long_away_gets_each_event_once_and_no_job_waits_for_it(
    a_port: int, monkeypatch: pytest.MonkeyPatch
):
    webhook, user, _ = make_webhook(f"http://{PUBLIC}:{a_port}/ecg")
    jobs = [finished_job(user)]
    with delivering(monkeypatch):
        while (called := sum(told.attempts for told in deliveries(webhook))) < DOWN_FOR:
            if called > 10 * len(jobs):
                jobs.append(finished_job(user))
            hours_pass()
        assert len(jobs) > 5
        assert {job_of(job).status for job in jobs} == {"done"}
        assert all_are(webhook, "pending")
        assert webhook_of(webhook).failing_since is not None
        with receiving(a_port) as back:
            # Again and again: a call may be under way that found nobody.
            wait_until(lambda: hours_pass() or all_are(webhook, "delivered"), "all is delivered")
    assert sorted(request.told["job"]["id"] for request in back.requests) == sorted(jobs)
    assert len(set(back.event_ids)) == len(back.event_ids) == len(jobs)
    assert webhook_of(webhook).failing_since is None


def test_a_receiver_that_is_away_is_called_less_and_less(database: str):
    _, user, _ = make_webhook(f"http://{PUBLIC}:80/")
    finished_job(user)
    deliverer = Deliverer(settings())
    pauses = []
    for attempt in range(1, 20):
        with transaction() as session:
            [call] = outbox.take(session, 1, busy_users=set(), hold_s=60)
        assert call.attempt == attempt
        patience = deliverer._patience(call)
        pauses.append(patience["again_s"])
        assert patience["rest_s"] <= 3600
        with transaction() as session:
            outbox.missed(session, call, None, "away", **patience)
        hours_pass()
    assert 5 <= pauses[0] <= 10
    assert all(later <= 4 * sooner for sooner, later in pairwise(pauses))
    assert all(later >= sooner for sooner, later in pairwise(pauses[:8]))
    assert all(1800 <= pause <= 3600 for pause in pauses[9:])
    assert len(set(pauses[9:])) > 5, "not all at the same time"
    assert backoff_s(1, 10.0, 3600.0) != backoff_s(1, 10.0, 3600.0)


@contextmanager
def a_deliverer() -> Iterator[guard.Guarded]:
    """In a process of its own, as it is deployed."""
    process = guard.spawn([sys.executable, "-m", "workers.webhooks"], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def test_an_event_whose_deliverer_is_killed_in_the_middle_arrives_all_the_same(receiver: Receiver):
    webhook, user, _ = make_webhook(receiver.url)
    job, let_go = finished_job(user), threading.Event()
    receiver.pause = lambda: let_go.wait(30)
    with a_deliverer() as process:
        wait_until(lambda: receiver.requests, "the call has begun")
        [python] = psutil.Process(process.pid).children()
        python.kill()
    let_go.set()
    assert [told.status for told in deliveries(webhook)] == ["pending"]
    with transaction() as session:
        assert outbox.take(session, 9, busy_users=set(), hold_s=60) == [], "the dead one's time is not over"
    hours_pass()
    with a_deliverer():
        wait_until(lambda: all_are(webhook, "delivered"), "another has delivered it")
    assert [told.attempts for told in deliveries(webhook)] == [2]
    assert len(receiver.requests) == 2
    assert {request.told["job"]["id"] for request in receiver.requests} == {job}
    assert len(set(receiver.event_ids)) == 1, "a receiver knows it by its id"
    assert len({request.body for request in receiver.requests}) == 1


def test_a_deliverer_that_is_asked_to_stop_ends_its_calls_first(receiver: Receiver):
    webhook, user, _ = make_webhook(receiver.url)
    finished_job(user)
    asked = threading.Event()
    receiver.pause = lambda: asked.wait(30)
    with a_deliverer() as process:
        wait_until(lambda: receiver.requests, "the call has begun")
        process.terminate()
        asked.set()
        assert process.wait(30) == 0
    assert all_are(webhook, "delivered")
    assert len(receiver.requests) == 1


def test_a_slow_receiver_holds_up_nobody_elses(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    let_go = threading.Event()
    with receiving(pause=lambda: let_go.wait(30)) as slow:
        may_be_called(monkeypatch, receiver.port, slow.port)
        held, slow_user, _ = make_webhook(slow.url)
        for _ in range(5):
            finished_job(slow_user)
        with delivering(monkeypatch):
            wait_until(lambda: slow.requests, "the slow one is called")
            quick, user, _ = make_webhook(receiver.url)
            for _ in range(5):
                finished_job(user)
            wait_until(lambda: all_are(quick, "delivered"), "the others are through")
            assert len(slow.requests) == 1, "one thread is held by one user"
            let_go.set()
            wait_until(lambda: all_are(held, "delivered"), "the slow one too")


def test_no_call_goes_inside(inside: Canary, database: str, monkeypatch: pytest.MonkeyPatch):
    may_be_called(monkeypatch, inside.port)
    user = make_user()
    hosts = ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "2130706433", "127.1",
             "0.0.0.0", "169.254.169.254", "[64:ff9b::7f00:1]")  # fmt: skip
    made = [make_webhook(f"http://{host}:{inside.port}/", user)[0] for host in hosts]
    finished_job(user)
    with delivering(monkeypatch):
        wait_until(lambda: all(deliveries(one)[0].last_error for one in made), "all have been tried")
    assert inside.visits == []
    for one in made:
        [told] = deliveries(one)
        assert (told.status, told.last_status) == ("pending", None)
        assert "only public ones" in (told.last_error or "")


def test_while_two_secrets_count_both_verify_and_afterwards_the_old_one_does_not(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    webhook, user, old = make_webhook(receiver.url)
    with transaction() as session:
        _, new = registry.rotate(session, settings(), user, webhook, 3600)
    with delivering(monkeypatch):
        finished_job(user)
        wait_until(lambda: all_are(webhook, "delivered"), "the first is delivered")
        during = receiver.requests[-1]
        with transaction() as session:
            session.execute(text("UPDATE webhooks SET old_secret_until = now() - interval '1 second'"))
        finished_job(user)
        wait_until(lambda: len(receiver.requests) == 2, "the second is delivered")
    header, after = "ECG-Signature", receiver.requests[-1]
    assert during.headers[header].count("v1=") == 2
    for secret in (old, new):
        assert signatures.verify(during.headers[header], during.body, [secret])
    assert signatures.verify(after.headers[header], after.body, [new])
    with pytest.raises(Unauthorized):
        signatures.verify(after.headers[header], after.body, [old])


def test_a_deleted_webhook_is_called_no_more(a_port: int, monkeypatch: pytest.MonkeyPatch):
    webhook, user, _ = make_webhook(f"http://{PUBLIC}:{a_port}/ecg")
    with delivering(monkeypatch):
        finished_job(user)
        wait_until(lambda: deliveries(webhook)[0].last_error, "it has been tried")
        with transaction() as session:
            registry.remove(session, user, webhook)
        hours_pass()
        with receiving(a_port) as back:
            kept, other, _ = make_webhook(back.url)
            finished_job(user)
            finished_job(other)
            wait_until(lambda: all_are(kept, "delivered"), "the other one is called")
            assert [request.event_id for request in back.requests] == [deliveries(kept)[0].id]


def test_a_webhook_whose_secret_cannot_be_read_says_so(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    webhook, user, _ = make_webhook(receiver.url)
    finished_job(user)
    monkeypatch.setenv("ECG_SECRET_KEY", "another")
    settings.cache_clear()
    with delivering(monkeypatch):
        wait_until(lambda: deliveries(webhook)[0].last_error, "it is told")
    assert "rotate" in deliveries(webhook)[0].last_error
    assert receiver.requests == []


def test_a_running_ecg_has_a_deliverer_which_calls_nothing_inside(stack: LiveStack):
    person = Client(stack.url)
    webhook = person.post("/api/webhooks", url="http://127.0.0.1:8443/").json()["id"]
    person.post(f"/api/webhooks/{webhook}/test")
    path = f"/api/webhooks/{webhook}/deliveries"
    wait_until(lambda: person.get(path).json()["deliveries"][0]["status"] == "failed", "it was tried")
    assert "only public ones" in person.get(path).json()["deliveries"][0]["last_error"]


def test_a_test_reaches_the_receiver(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    webhook, _, secret = make_webhook(receiver.url)
    with transaction() as session:
        sent = outbox.ping(session, session.get_one(Webhook, webhook))
    with delivering(monkeypatch):
        wait_until(lambda: all_are(webhook, "delivered"), "it has arrived")
    [request] = receiver.requests
    assert (request.event_id, request.headers["ECG-Event"]) == (sent.id, "ping")
    assert request.told["webhook_id"] == webhook
    assert signatures.verify(request.headers["ECG-Signature"], request.body, [secret])
