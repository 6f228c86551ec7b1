"""How often one may ask, whatever web process is asked, and how sign-ins end in all of them."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import requests
from flask import Flask

from ecg import config
from tests.web.person import PASSWORD, Person
from tests.web.serving import Web, web

PROCESSES = 4


@pytest.fixture
def limited(made: Callable[..., Flask]) -> Callable[..., Flask]:
    """Makes the web tier of this process, with these settings; nothing has been counted yet."""
    redis.Redis.from_url(config.settings().redis_url).flushdb()
    return made


@pytest.fixture
def served(database: str) -> Iterator[Web]:
    limits = {"ECG_RENDERS_PER_MINUTE": "20", "ECG_SIGN_INS_PER_MINUTE": "3"}
    with web(ECG_WEB_PROCESSES=str(PROCESSES), **limits) as tier:
        yield tier


def at_once(count: int, ask: Callable[[int], requests.Response]) -> list[requests.Response]:
    with ThreadPoolExecutor(16) as threads:
        return list(threads.map(ask, range(count)))


def statuses(answers: list[requests.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def sign_in(url: str, email: str, password: str = "wrong wrong", **headers: str) -> requests.Response:
    body = {"email": email, "password": password}
    return requests.post(f"{url}/api/auth/login", json=body, headers=headers, timeout=60)


def test_of_200_requests_to_four_processes_exactly_the_limit_is_taken(served: Web, ann: Person) -> None:
    def ask(number: int) -> requests.Response:
        headers = {**ann.headers, "X-Forwarded-For": f"10.0.0.{number}"}
        unknown = {"videoId": str(uuid.uuid4())}
        return requests.post(f"{served.url}/api/render/create", json=unknown, headers=headers, timeout=60)

    answers = at_once(200, ask)
    assert statuses(answers) == {404: 20, 429: 180}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "RATE_LIMITED"
    assert refused.json()["error"]["details"]["limit"] == 20
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_a_made_up_address_does_not_help_to_guess_passwords(served: Web) -> None:
    def guess(number: int) -> requests.Response:
        forwarded = {"X-Forwarded-For": f"10.0.{number}.1"}
        return sign_in(served.url, f"{number}@example.org", **forwarded)

    assert statuses(at_once(40, guess)) == {401: 18, 429: 22}


def test_of_20_uses_of_a_refresh_token_in_several_processes_one_counts(served: Web, ann: Person) -> None:
    def refresh(token: str) -> requests.Response:
        return requests.post(f"{served.url}/api/auth/refresh", json={"refresh_token": token}, timeout=60)

    answers = at_once(20, lambda _: refresh(ann.tokens["refresh_token"]))
    assert statuses(answers) == {200: 1, 401: 19}
    won = next(answer for answer in answers if answer.ok).json()
    assert refresh(won["refresh_token"]).status_code == 401, "the sign-in has ended"


def test_an_access_token_is_refused_everywhere_as_soon_as_its_sign_in_ends(served: Web, ann: Person) -> None:
    def ask(_: int) -> requests.Response:
        return requests.get(f"{served.url}/api/auth/me", headers=ann.headers, timeout=60)

    assert statuses(at_once(40, ask)) == {200: 40}
    body = {"refresh_token": ann.tokens["refresh_token"]}
    assert requests.post(f"{served.url}/api/auth/logout", json=body, timeout=60).ok
    assert statuses(at_once(40, ask)) == {401: 40}


def test_an_account_takes_only_so_many_guesses_a_minute(limited: Callable[..., Flask]) -> None:
    app = limited(sign_ins_per_minute=3)
    ann, bob = Person(app, "guessed@example.org"), Person(app, "spared@example.org")

    def status(email: str, password: str) -> int:
        body = {"email": email, "password": password}
        return app.test_client().post("/api/auth/login", json=body).status_code

    assert [status(ann.email.upper(), "wrong wrong") for _ in range(3)] == [401, 401, 401]
    assert status(ann.email, PASSWORD) == 429
    assert status(bob.email, PASSWORD) == 200
    assert ann.get("/api/auth/me").status_code == 200, "who is signed in stays so"


def test_users_do_not_use_up_each_others_limits(limited: Callable[..., Flask]) -> None:
    app = limited(analyses_per_minute=2)
    ann, bob = Person(app, "ann@example.org"), Person(app, "bob@example.org")
    videos = {person.email: person.video() for person in (ann, bob)}

    def ask(person: Person) -> int:
        return person.post(f"/api/videos/{videos[person.email]}/analyze").status_code

    assert ask(ann) == 202
    assert ann.post("/api/upload-video/request-process", fileKey="uploads/x").status_code == 404
    assert ask(ann) == 429, "the two ways to ask for an analysis share a limit"
    assert ask(bob) == 202


def test_asking_what_an_address_takes_is_not_counted(limited: Callable[..., Flask]) -> None:
    client = limited(renders_per_minute=1, sign_ins_per_minute=1).test_client()
    for path in ("/api/render/create", "/api/auth/login"):
        assert [client.options(path).status_code for _ in range(8)] == [200] * 8


def test_a_proxy_that_is_ours_is_believed(limited: Callable[..., Flask]) -> None:
    app = limited(sign_ins_per_minute=1, proxies=1)

    def status(client: str, claimed: str = "") -> int:
        forwarded = {"X-Forwarded-For": f"{claimed}, {client}" if claimed else client}
        body = {"email": f"{uuid.uuid4()}@example.org", "password": "wrong wrong"}
        return app.test_client().post("/api/auth/login", json=body, headers=forwarded).status_code

    assert [status("192.0.2.1", claimed=f"192.0.2.{n}") for n in range(100, 107)] == [401] * 6 + [429]
    assert status("192.0.2.2") == 401


def test_guesses_are_counted_while_redis_is_away(
    limited: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    app = limited(sign_ins_per_minute=3)
    body = {"email": "ann@example.org", "password": "wrong wrong"}

    def status() -> int:
        return app.test_client().post("/api/auth/login", json=body).status_code

    begun = time.monotonic()
    assert [status() for _ in range(4)] == [401, 401, 401, 429]
    assert time.monotonic() - begun < 30
