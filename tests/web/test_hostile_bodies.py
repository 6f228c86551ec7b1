"""Whatever is sent, the answer is one of ours, and soon."""

from __future__ import annotations

import gzip
import json
import re
import time
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pytest
import requests
from flask import Flask
from werkzeug.test import TestResponse

from ecg.web.app import MAX_BODY_BYTES
from tests.web.person import Person
from tests.web.serving import web
from tests.web.test_access import BODIES, filled, ids_of, kind, routes

SOON_S = 20.0
LONG = 100_000
#: Bodies that are no JSON object, or were not sent as one.
RAW: list[tuple[bytes, dict[str, str]]] = [
    (b"[" * LONG, {}),
    (b'{"a":' * LONG, {}),
    (b'{"a":' * LONG + b"1" + b"}" * LONG, {}),
    (b'{"a": ' + b"9" * 5000 + b"}", {}),
    (b'{"a": NaN}', {}),
    (b'{"a": -Infinity}', {}),
    (b'{"a": 1}\x00', {}),
    (b'\xef\xbb\xbf{"a": 1}', {}),
    ('{"a": "é"}'.encode("latin-1"), {}),
    ('{"a": 1}'.encode("utf-16"), {}),
    (json.dumps(dict.fromkeys(map(str, range(LONG)))).encode(), {}),
    (gzip.compress(b'{"a": 1}'), {"Content-Encoding": "gzip"}),
    (b'{"a": 1}', {"Content-Type": "text/plain"}),
    (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}),
    (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}),
    (b"<a/>", {"Content-Type": "application/xml"}),
]
DEEP: Any = None
for _ in range(400):
    DEEP = {"a": [DEEP]}
#: What no field may be surprised by.
ODD: list[Any] = [
    None, True, "", "a\x00b", "a\nb", "\ud800", -1, 2**63, 10**400, -1e308, [], [0], {}, {"": 0}, DEEP, "NaN",
]  # fmt: skip
LARGE: list[Any] = [
    [0] * LONG, "x" * LONG, [{}] * LONG, {str(number): number for number in range(LONG // 5)}, ["x"] * LONG,
]  # fmt: skip
#: Names in an address that no file, row or log line can have.
NAMES = ["%00", "a%00b", "%0a", "%ff", "%ed%a0%80", "a" * 3000, "..%2f..%2fetc%2fpasswd", "%F0%9F%92%A9"]


@dataclass(frozen=True)
class Operation:
    """An operation that takes a JSON body: which fields there are, and a good one."""

    method: str
    path: str
    fields: list[str]
    good: dict[str, Any]


@pytest.fixture
def operations(app: Flask, ann: Person) -> list[Operation]:
    ids, document = ids_of(ann), app.test_client().get("/openapi.json").json
    found = []
    for route in routes(app):
        method, _, rule = route.partition(" ")
        told = document["paths"].get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule), {}).get(method.lower(), {})
        content = told.get("requestBody", {}).get("content", {}).get("application/json")
        if content:
            schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
            own = ids[kind(route)]
            good = {name: filled(str(value), own) for name, value in BODIES.get(route, {}).items()}
            found.append(Operation(method, filled(rule, own), list(schema.get("properties", {})), good))
    assert len(found) > 12
    return found


def send(person: Person, asked: Operation, body: bytes | str, **headers: str) -> TestResponse:
    sent = {"Content-Type": "application/json", "If-Match": "*", **person.headers, **headers}
    begun_s = time.monotonic()
    answer = person.client.open(asked.path, method=asked.method, data=body, headers=sent)
    what = f"{asked.method} {asked.path} with {body[:60]!r}"
    assert time.monotonic() - begun_s < SOON_S, what
    check(answer, what)
    return answer


def check(answer: TestResponse, what: str) -> None:
    assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:300]}"
    if answer.status_code >= 400:
        assert set(answer.json["error"]) >= {"code", "message", "details"}, what
        assert len(answer.data) < 10_000, what


def test_a_body_that_is_no_object_of_ours_is_refused(ann: Person, operations: list[Operation]) -> None:
    asked = next(operation for operation in operations if operation.method == "PUT")
    for body, headers in RAW:
        answer = send(ann, asked, body, **headers)
        assert 400 <= answer.status_code < 500, (body[:20], answer.text)


def test_any_field_may_hold_anything(ann: Person, operations: list[Operation]) -> None:
    for asked in operations:
        for field in asked.fields:
            for value in ODD:
                send(ann, asked, json.dumps({**asked.good, field: value}))


def test_all_fields_may_be_large(ann: Person, operations: list[Operation]) -> None:
    for asked in operations:
        for values in (LARGE, LARGE[1:]):
            send(ann, asked, json.dumps({**asked.good, **dict(zip(asked.fields, cycle(values)))}))


def test_of_a_field_that_comes_twice_the_last_one_counts(ann: Person) -> None:
    sent = {**ann.headers, "Content-Type": "application/json"}
    made = ann.client.post("/api/keys", data=b'{"name": "a", "name": "b"}', headers=sent)
    assert (made.status_code, made.json["name"]) == (201, "b")


def test_any_name_may_stand_in_an_address(app: Flask, ann: Person) -> None:
    ids = ids_of(ann)
    for route in routes(app):
        method, _, rule = route.partition(" ")
        for name in NAMES if re.search(r"<(path:)?\w+>", rule) else NAMES[:1]:
            path = filled(re.sub(r"<(path:)?\w+>", name, rule), ids[kind(route)])
            query = "&".join(f"{field}={name}" for field in ("token", "style", "page", "format", "timezone"))
            for asked in (path, f"{path}?{query}"):
                check(ann.client.open(asked, method=method, headers=ann.headers), f"{method} {asked[:300]}")


def test_a_body_that_comes_in_pieces_is_read_up_to_the_limit(ann: Person) -> None:
    """Such a body does not say how long it is."""
    with web(ECG_WEB_PROCESSES="1") as served:
        headers = {**ann.headers, "Content-Type": "application/json"}

        def post(*pieces: bytes) -> requests.Response:
            return requests.post(f"{served.url}/api/keys", data=iter(pieces), headers=headers, timeout=60)

        assert post(b'{"name":', b' "mine"}').status_code == 201
        assert post(b'{"name":').json()["error"]["code"] == "BAD_REQUEST"
        # It is cut off at the limit.
        answer = post(*[b" " * 1024**2] * (MAX_BODY_BYTES // 1024**2), b'{"name": "mine"}')
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_REQUEST")
