"""One call: to public addresses only, whatever the webhook's address says; what counts is who was called."""

from __future__ import annotations

import time

import pytest

from ecg.egress import resolve
from ecg.webhooks import calling
from ecg.webhooks.calling import Answer, post
from tests.test_egress import PRIVATE, PUBLIC, SPELLINGS, Canary, inside, listening, policy
from tests.webhooks.receiver import receiving

__all__ = ["inside"]
REFUSED = Answer(None, "The address leads to where ECG does not go: only public ones are called.")


def called(url: str, *canaries: Canary, resolve_=resolve) -> Answer:
    return post(url, b"{}", {"Content-Type": "application/json"}, policy(*canaries), resolve_)


def test_body_and_headers_arrive_as_they_were_sent() -> None:
    with receiving() as receiver:
        body = '{"event": "job.done", "ä": "한"}'.encode()
        assert post(receiver.url, body, {"ECG-Event": "job.done"}, policy(receiver)) == Answer(200, None)
        [request] = receiver.requests
        assert request.body == body
        assert request.headers["ECG-Event"] == "job.done"
        assert "Proxy-Authorization" not in request.headers


@pytest.mark.parametrize(("status", "arrives"), [
    (200, True), (201, True), (204, True), (299, True), (300, False), (302, False), (308, False),
    (400, False), (404, False), (410, False), (429, False), (500, False), (503, False),
])  # fmt: skip
def test_only_2xx_means_received(status: int, arrives: bool) -> None:
    with receiving(answer=status) as receiver:
        answer = called(receiver.url, receiver)
    assert answer.status == status
    assert (answer.why is None) == arrives
    assert answer.why is None or str(status) in answer.why


def test_no_spelling_of_an_own_address_is_called(inside: Canary) -> None:
    for host in SPELLINGS:
        for scheme in ("http", "https"):
            answer = called(f"{scheme}://{host}:{inside.port}/", inside)
            assert answer.status is None, host
            assert answer.why
    assert inside.visits == []


def test_no_name_that_leads_inside_is_called(inside: Canary) -> None:
    names = {f"host{number}.example": address for number, address in enumerate(PRIVATE)}
    for name, address in names.items():
        for scheme in ("http", "https"):
            url = f"{scheme}://{name}:{inside.port}/"
            assert called(url, inside, resolve_=lambda host, _: [names[host]]) == REFUSED, address
    assert inside.visits == []


def test_a_name_that_leads_elsewhere_the_next_time_gains_nothing(inside: Canary) -> None:
    with listening(PUBLIC, inside.port) as outside:
        addresses = [PUBLIC, "127.0.0.1"] * 3
        answers = [
            called(f"http://rebinding.example:{inside.port}/", outside, resolve_=lambda *_, a=address: [a])
            for address in addresses
        ]
        assert [answer.status for answer in answers] == [200, None] * 3
        both = called(f"http://both.example:{inside.port}/", outside, resolve_=lambda *_: addresses)
    assert both == REFUSED
    assert inside.visits == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_neither_inside_nor_outside(inside: Canary, status: int) -> None:
    with listening(PUBLIC) as outside:
        for host in ("127.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", PUBLIC):
            port = outside.port if host == PUBLIC else inside.port
            outside.answer = status, {"Location": f"http://{host}:{port}/latest/meta-data"}, b""
            answer = called(f"http://{PUBLIC}:{outside.port}/hook", inside, outside)
            assert answer.status == status
            assert "redirects are not followed" in (answer.why or "")
    assert inside.visits == []
    assert set(outside.visits) == {"connected", "/hook"}


def test_a_receiver_that_is_away_is_told_from_one_that_answers() -> None:
    with receiving() as gone:
        port = gone
    for scheme in ("http", "https"):
        answer = called(f"{scheme}://{PUBLIC}:{port.port}/", port)
        assert answer.status is None
        assert answer.why


def test_a_receiver_that_takes_its_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "TIMEOUT_S", 0.3)
    with receiving(pause=lambda: time.sleep(1.5)) as receiver:
        began_s = time.monotonic()
        answer = called(receiver.url, receiver)
        assert time.monotonic() - began_s < 1.4
    assert answer == Answer(None, "It did not answer within 0.3 s.")


def test_what_a_receiver_says_is_not_read() -> None:
    with listening(PUBLIC) as outside:
        outside.answer = 200, {}, b"x" * 20_000_000
        assert called(f"http://{PUBLIC}:{outside.port}/", outside) == Answer(200, None)
