"""The whole OpenAPI document, fuzzed against the running web tier by Schemathesis with all its checks.

Two people share nothing: each one's things are asked for as the other, too (`object_level_authorization`).
They send API keys, which outlive what the requests do to accounts; a third, who signs in anew when his
token counts no more, asks for what is for people only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.web.person import PASSWORD, Person, work_off
from tests.web.serving import Web, web

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def served(app: Flask, tmp_path: Path) -> Iterator[tuple[Web, Path]]:
    """The web tier without limits, two people who have one thing of each kind, and who is who."""
    people = [Person(app, f"{name}@example.org") for name in ("ann", "bob", "carol")]
    who = [{"name": person.email, "fixedHeaders": [header("Authorization", f"Bearer {key(person)}")]}
           for person in people[:2]]  # fmt: skip
    for person in people[:2]:
        furnish(person)
    who.append({"name": people[2].email, "loginEndpointAuth": {
        "endpoint": "/api/auth/login", "verb": "POST", "contentType": "application/json",
        "payloadRaw": json.dumps({"email": people[2].email, "password": PASSWORD}),
        "token": {"extractFrom": "body", "extractSelector": "/access_token", "sendIn": "header",
                  "sendName": "Authorization", "sendTemplate": "Bearer {token}"},
    }})  # fmt: skip
    (tmp_path / "who.json").write_text(json.dumps({"auth": who}))
    quotas = ("RENDERS_PER_DAY", "RENDERS_PER_MONTH", "RENDERS_AT_ONCE", "USER_BYTES")
    unlimited = {f"ECG_{name}": "0" for name in quotas}
    with web(ECG_EGRESS_PORTS="9", ECG_SYNC_S="1", **unlimited) as running:
        yield running, tmp_path


def header(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def key(person: Person) -> str:
    return person.post("/api/keys", name="fuzz").json["key"]


def furnish(person: Person) -> None:
    video_id, _ = person.analysed_video()
    work_off(person.render(video_id))
    person.render(video_id)
    person.post("/api/projects", video_id=video_id)
    person.post("/api/webhooks", url="https://example.org/ecg")


def fuzz(served: tuple[Web, Path], *arguments: str, timeout_s: float) -> None:
    running, folder = served
    command = [Path(sys.executable).with_name("schemathesis"), "--no-color", "--config-file", CONFIG, "run",
               f"{running.url}/openapi.json", *arguments]  # fmt: skip
    run = subprocess.run(command, env={**os.environ, "FUZZ_WHO": str(folder / "who.json")}, text=True,
                         capture_output=True, timeout=timeout_s, cwd=folder)  # fmt: skip
    if out := os.environ.get("FUZZ_OUT"):
        Path(out).write_text(run.stdout + run.stderr)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_few_requests_of_every_kind_find_nothing(served: tuple[Web, Path]) -> None:
    fuzz(served, "--max-examples", "1", "--max-time", "30", timeout_s=150)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_minutes_of_requests_find_nothing(served: tuple[Web, Path]) -> None:
    fuzz(served, "--max-time", "600", timeout_s=800)
