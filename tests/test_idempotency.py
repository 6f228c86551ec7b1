"""Answers kept under a key, at the level of the record."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ecg import idempotency
from ecg.db import transaction
from ecg.errors import IdempotencyMismatch
from ecg.idempotency import Answer, Request
from tests.jobs.builders import make_user

pytestmark = pytest.mark.usefixtures("database")
BODY = {"z": 1, "a": {"nested": [1.5, None, "글"]}}


def a_request(fingerprint: str = "one", key: str = "key", user_id: str | None = None) -> Request:
    return Request(user_id or make_user(), key, fingerprint)


def answer(request: Request) -> Answer | None:
    with transaction() as session:
        kept = idempotency.begin(session, request)
        if kept is None:
            idempotency.keep(session, request, 202, BODY)
    return kept


def test_a_request_sent_again_gets_the_answer_of_the_first():
    request = a_request()
    assert answer(request) is None
    assert answer(request) == Answer(202, BODY)
    with transaction() as session:
        assert idempotency.answered(session, request) == Answer(202, BODY)


def test_what_is_given_back_at_once_is_what_will_be_given_later_to_the_byte():
    request = a_request()
    with transaction() as session:
        idempotency.begin(session, request)
        first = idempotency.keep(session, request, 202, BODY)
    with transaction() as session:
        later = idempotency.answered(session, request)
    assert list(first.body) == list(later.body), "even the order of the fields"


def test_a_key_belongs_to_one_request_of_one_user():
    request = a_request()
    answer(request)
    with pytest.raises(IdempotencyMismatch) as refused, transaction() as session:
        idempotency.begin(session, a_request("two", user_id=request.user_id))
    assert (refused.value.code, refused.value.http_status) == ("IDEMPOTENCY_KEY_REUSED", 422)
    assert answer(a_request("two")) is None, "another user's key of the same name is another key"


def test_work_that_fails_leaves_the_key_free():
    request = a_request()

    def work_that_fails() -> None:
        with transaction() as session:
            idempotency.begin(session, request)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work_that_fails()
    assert answer(request) is None


@pytest.mark.parametrize("first_ends_well", [True, False])
def test_an_equal_request_in_flight_is_waited_for(first_ends_well: bool):
    request, begun = a_request(), threading.Event()

    def first() -> None:
        with transaction() as session:
            idempotency.begin(session, request)
            begun.set()
            time.sleep(0.5)
            if not first_ends_well:
                raise ZeroDivisionError
            idempotency.keep(session, request, 202, BODY)

    with ThreadPoolExecutor() as threads:
        done = threads.submit(first)
        begun.wait(10)
        second = threads.submit(answer, request)
        time.sleep(0.2)
        assert not second.done()
        assert second.result(10) == (Answer(202, BODY) if first_ends_well else None)
        assert (done.exception(10) is None) == first_ends_well
