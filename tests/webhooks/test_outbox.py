"""What is written where jobs end, who may take it, and what becomes of it."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import text

from ecg.config import settings
from ecg.db import transaction
from ecg.errors import InvalidMedia
from ecg.jobs import attempts, lifecycle
from ecg.models import Webhook
from ecg.tasks import upkeep
from ecg.webhooks import outbox, registry
from ecg.webhooks.outbox import Call
from tests.jobs.builders import claim, job_of, make_job, make_user
from tests.webhooks.receiver import deliveries, finished_job, hours_pass, make_webhook, webhook_of

URL = "https://example.org/ecg"

pytestmark = pytest.mark.usefixtures("database")


def take(most: int = 10, busy: set[str] = frozenset(), hold_s: float = 60.0) -> list[Call]:  # type: ignore[assignment]
    with transaction() as session:
        return outbox.take(session, most, busy_users=busy, hold_s=hold_s)


def miss(call: Call, status: int | None = 503, give_up_s: float = 86400.0) -> None:
    with transaction() as session:
        outbox.missed(session, call, status, "It was away.", again_s=600, rest_s=300, give_up_s=give_up_s)


def arrive(call: Call) -> None:
    with transaction() as session:
        outbox.arrived(session, call, 200)


def fail_a_job(user_id: str) -> str:
    job_id = make_job(user_id)
    claimed = claim(job_id, "ingest")
    with transaction() as session:
        attempts.fail(session, claimed.step_id, claimed.fence, InvalidMedia("No speech was found."),
                      attempts.Limits(3, 3, 3))  # fmt: skip
    return job_id


def cancel_a_job(user_id: str) -> str:
    job_id = make_job(user_id)
    with transaction() as session:
        lifecycle.cancel(session, job_id)
        lifecycle.cancel(session, job_id)
    return job_id


@pytest.mark.parametrize(("end", "event"), [
    (finished_job, "job.done"), (fail_a_job, "job.failed"), (cancel_a_job, "job.cancelled"),
])  # fmt: skip
def test_the_end_of_a_job_is_told_once_to_each_webhook_of_its_user(end, event: str) -> None:
    webhook, user, _ = make_webhook(URL)
    other, _, _ = make_webhook(URL, user)
    strangers, _, _ = make_webhook(URL)
    job = end(user)
    assert deliveries(strangers) == []
    [told], [also] = deliveries(webhook), deliveries(other)
    assert told.id != also.id
    assert (told.kind, told.job_id, told.status) == (event, job, "pending")
    body = json.loads(told.payload)
    assert (body["event_id"], body["event"]) == (told.id, event)
    row = job_of(job)
    assert body["job"]["id"] == job
    assert body["job"]["status"] == event.removeprefix("job.")
    assert body["job"]["error"] == row.error
    assert body["job"]["progress"] == row.percent
    assert body["job"]["finished_at"].endswith("+00:00")


def test_what_is_rolled_back_is_not_told() -> None:
    webhook, user, _ = make_webhook(URL)
    job = make_job(user)
    with transaction() as session:
        lifecycle.cancel(session, job)
        session.rollback()
    assert deliveries(webhook) == []


def test_a_webhook_is_told_only_what_it_asked_for() -> None:
    webhook, user, _ = make_webhook(URL, events=["job.failed"])
    finished_job(user)
    failed = fail_a_job(user)
    assert [told.job_id for told in deliveries(webhook)] == [failed]


def test_a_requeued_job_that_ends_again_is_another_event() -> None:
    webhook, user, _ = make_webhook(URL)
    job = cancel_a_job(user)
    with transaction() as session:
        lifecycle.requeue(session, job)
    with transaction() as session:
        lifecycle.cancel(session, job)
    assert len({told.id for told in deliveries(webhook)}) == 2


def test_a_job_ends_although_its_users_webhook_is_deleted_at_that_moment() -> None:
    webhook, user, _ = make_webhook(URL)
    job, ended = make_job(user), threading.Event()

    def end() -> None:
        with transaction() as session:
            lifecycle.cancel(session, job)
        ended.set()

    with transaction() as session:
        registry.remove(session, user, webhook)
        ending = threading.Thread(target=end)
        ending.start()
        assert not ended.wait(0.3), "it does not know yet whether the webhook is there"
    ending.join(10)
    assert ended.is_set()
    assert job_of(job).status == "cancelled"


def test_settling_a_call_does_not_hold_up_the_end_of_a_job() -> None:
    _, user, _ = make_webhook(URL)
    finished_job(user)
    [call] = take()
    with transaction() as session:
        outbox.missed(session, call, 503, "no", again_s=1, rest_s=1, give_up_s=9)
        with transaction() as other:
            other.execute(text("SET LOCAL lock_timeout = '1s'"))
            outbox.announce(other, call_job(call))


def call_job(call: Call) -> str:
    return json.loads(call.payload)["job"]["id"]


def test_an_event_that_was_taken_is_due_again_when_its_time_is_over() -> None:
    _, user, _ = make_webhook(URL)
    finished_job(user)
    [first] = take(hold_s=60)
    assert take() == []
    hours_pass()
    [second] = take()
    assert (first.event_id, first.attempt, second.attempt) == (second.event_id, 1, 2)


def test_several_who_take_at_once_get_different_events() -> None:
    for _ in range(20):
        finished_job(make_webhook(URL)[1])
    got: list[Call] = []
    threads = [threading.Thread(target=lambda: got.extend(take(5))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got += take(100)
    assert len(got) == 20
    assert len({call.event_id for call in got}) == 20


def test_a_user_is_served_by_one_thread_at_a_time_and_the_longest_due_first() -> None:
    busy, patient = make_webhook(URL)[1], make_webhook(URL)[1]
    waiting = [finished_job(busy) for _ in range(3)]
    finished_job(patient)
    taken = take()
    assert {call.user_id for call in taken} == {busy, patient}
    assert len(taken) == 2
    assert waiting[0] in {call_job(call) for call in taken}
    assert take(busy={busy}) == []
    assert [call_job(call) for call in take(busy={patient})] == [waiting[1]]
    assert len(take(0)) == 0


def test_what_was_missed_is_due_later_and_its_webhook_rests() -> None:
    webhook, user, _ = make_webhook(URL)
    finished_job(user)
    [call] = take()
    miss(call)
    finished_job(user)
    assert take() == [], "the webhook rests"
    [told, _] = deliveries(webhook)
    assert (told.status, told.last_status, told.last_error) == ("pending", 503, "It was away.")
    assert webhook_of(webhook).failing_since is not None
    hours_pass()
    [again] = take()
    assert (again.event_id, again.attempt, again.failures) == (call.event_id, 2, 2)
    arrive(again)
    found = webhook_of(webhook)
    assert (found.failures, found.failing_since, found.rests_until) == (0, None, None)
    [told, _] = deliveries(webhook)
    assert (told.status, told.last_status, told.last_error) == ("delivered", 200, None)
    assert told.delivered_at is not None


def test_who_took_too_long_has_nothing_to_say_about_a_later_attempt() -> None:
    webhook, user, _ = make_webhook(URL)
    finished_job(user)
    [slow] = take(hold_s=0)
    [quick] = take()
    miss(slow)
    assert webhook_of(webhook).failures == 0
    arrive(quick)
    miss(slow)
    assert [told.status for told in deliveries(webhook)] == ["delivered"]


def test_an_event_is_given_up_in_the_end_and_a_webhook_that_never_answers_switched_off() -> None:
    webhook, user, _ = make_webhook(URL)
    finished_job(user)
    [call] = take()
    miss(call)
    with transaction() as session:
        session.execute(text("UPDATE webhooks SET failing_since = failing_since - interval '4 days'"))
        session.execute(text("UPDATE deliveries SET created_at = created_at - interval '4 days'"))
    hours_pass()
    finished_job(user)
    [call] = take()
    miss(call, None, give_up_s=3 * 86400.0)
    found = webhook_of(webhook)
    assert found.disabled_at is not None
    assert found.disabled_why == "It was away."
    assert sorted(told.status for told in deliveries(webhook)) == ["failed", "pending"]
    hours_pass()
    assert take() == [], "what is switched off is not called"
    finished_job(user)
    assert len(deliveries(webhook)) == 2, "nor told anything"


def test_a_test_that_arrives_switches_a_webhook_on_again() -> None:
    webhook, user, _ = make_webhook(URL)
    finished_job(user)
    with transaction() as session:
        session.execute(text("UPDATE webhooks SET disabled_at = now(), disabled_why = 'gone'"))
    assert take() == []
    for outcome in (miss, arrive):
        with transaction() as session:
            outbox.ping(session, session.get_one(Webhook, webhook))
        [call] = take()
        assert call.kind == "ping"
        outcome(call)
        if outcome is miss:
            assert take() == [], "a test is not repeated"
            assert webhook_of(webhook).disabled_at is not None
    assert webhook_of(webhook).disabled_at is None
    assert [call.kind for call in take()] == ["job.done"]


def test_both_secrets_sign_until_the_old_one_ends() -> None:
    webhook, user, first = make_webhook(URL)
    finished_job(user)

    def signing() -> list[str]:
        [call] = take(hold_s=0)
        return registry.readable(settings(), call.sealed)

    assert signing() == [first]
    with transaction() as session:
        _, second = registry.rotate(session, settings(), user, webhook, 3600)
    assert signing() == [second, first]
    with transaction() as session:
        session.execute(text("UPDATE webhooks SET old_secret_until = now() - interval '1 second'"))
    assert signing() == [second]


def test_secrets_are_not_in_the_database_and_not_readable_under_another_key(monkeypatch) -> None:
    _, user, secret = make_webhook(URL)
    with transaction() as session:
        row = session.execute(text("SELECT * FROM webhooks")).one()
    assert secret.removeprefix(registry.PREFIX) not in str(row)
    finished_job(user)
    [call] = take()
    assert registry.readable(settings(), call.sealed) == [secret]
    monkeypatch.setenv("ECG_SECRET_KEY", "another")
    settings.cache_clear()
    assert registry.readable(settings(), call.sealed) == []


def test_events_are_swept_after_a_month_and_with_their_webhook() -> None:
    webhook, user, _ = make_webhook(URL)
    finished_job(user)
    finished_job(user)
    with transaction() as session:
        oldest = deliveries(webhook)[0].id
        session.execute(text("UPDATE deliveries SET created_at = now() - interval '31 days' WHERE id = :id"),
                        {"id": oldest})  # fmt: skip
    upkeep._sweep_rows()
    assert oldest not in {told.id for told in deliveries(webhook)}
    assert len(deliveries(webhook)) == 1
    with transaction() as session:
        registry.remove(session, user, webhook)
    assert deliveries(webhook) == []


def test_events_outlive_their_job() -> None:
    webhook, _, _ = make_webhook(URL, user := make_user())
    finished_job(user)
    with transaction() as session:
        session.execute(text("DELETE FROM videos"))
    assert len(deliveries(webhook)) == 1
