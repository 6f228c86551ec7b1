"""Webhooks by REST: made, shown, rotated, tested and deleted, each by its owner alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from ecg.db import transaction
from ecg.webhooks.registry import MOST_WEBHOOKS
from tests.web.person import Person, fail
from tests.web.test_keys import by, make
from tests.webhooks.receiver import Receiver, delivering, receiver, wait_until

__all__ = ["receiver"]
URL = "https://example.org/ecg"
PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def made(person: Person, url: str = URL, **given: object) -> dict:
    answer = person.post("/api/webhooks", url=url, **given)
    assert answer.status_code == 201, answer.text
    return answer.json


def told(person: Person, webhook_id: str) -> list[dict]:
    return person.get(f"/api/webhooks/{webhook_id}/deliveries").json["deliveries"]


def test_a_webhook_is_made_and_its_secret_shown_once(ann: Person) -> None:
    webhook = made(ann, description="mine")
    assert webhook["secret"].startswith("whsec_")
    assert webhook["events"] == ["job.cancelled", "job.done", "job.failed"]
    path = f"/api/webhooks/{webhook['id']}"
    for answer in (ann.get("/api/webhooks"), ann.get(path)):
        assert webhook["secret"] not in answer.text
        assert "secret" not in re.findall(r'"(\w+)":', answer.text)
    shown = ann.get(path).json
    assert shown == {name: value for name, value in webhook.items() if name != "secret"}
    assert (shown["url"], shown["description"], shown["disabled_at"]) == (URL, "mine", None)


BAD = (
    {}, {"url": ""}, {"url": "example.org"}, {"url": "ftp://example.org/"}, {"url": "file:///etc/passwd"},
    {"url": "https://user:word@example.org/"}, {"url": "https://example.org:99999/"},
    {"url": "https://example.org:22/"}, {"url": "http://example.org:5432/"}, {"url": "http://a b/\n"},
    {"url": "https://example.org/" + "a" * 2000}, {"url": URL, "events": []},
    {"url": URL, "events": ["job.started"]}, {"url": URL, "events": ["ping"]}, {"url": URL, "secret": "mine"},
    {"url": URL, "user_id": "b"}, {"url": URL, "description": "a" * 201},
)  # fmt: skip


def test_a_bad_webhook_is_not_made(ann: Person) -> None:
    for body in BAD:
        refused = ann.post("/api/webhooks", **body)
        assert refused.status_code == 400, body
        assert refused.json["error"]["code"] == "BAD_REQUEST"
    assert ann.get("/api/webhooks").json["webhooks"] == []


def test_nobody_has_more_webhooks_than_the_most(ann: Person, bob: Person) -> None:
    for _ in range(MOST_WEBHOOKS):
        last = made(ann)
    refused = ann.post("/api/webhooks", url=URL)
    assert refused.status_code == 409
    assert made(bob)
    assert ann.delete(f"/api/webhooks/{last['id']}").status_code == 204
    assert made(ann)


def test_the_end_of_a_job_is_listed_newest_first_and_by_page(ann: Person) -> None:
    webhook = made(ann, events=["job.done", "job.failed"])["id"]
    _, done = ann.analysed_video()
    failed = ann.analysis(ann.video())
    fail(failed)
    cancelled = ann.analysis(ann.video())
    ann.post(f"/api/jobs/{cancelled}/cancel")
    newest, oldest = told(ann, webhook)
    assert (newest["job_id"], newest["event"]) == (failed, "job.failed")
    assert newest["payload"]["job"]["error"]["code"] == "INVALID_MEDIA"
    assert (oldest["job_id"], oldest["event"]) == (done, "job.done")
    assert oldest["status"] == "pending"
    second = ann.get(f"/api/webhooks/{webhook}/deliveries", page=2, limit=1).json
    assert second["total"] == 2
    assert [delivery["id"] for delivery in second["deliveries"]] == [oldest["id"]]


def test_a_deleted_webhook_is_gone_with_all_it_was_to_be_told(ann: Person) -> None:
    webhook = made(ann)["id"]
    ann.analysed_video()
    assert ann.delete(f"/api/webhooks/{webhook}").status_code == 204
    for path in ("", "/deliveries"):
        assert ann.get(f"/api/webhooks/{webhook}{path}").status_code == 404
    assert ann.delete(f"/api/webhooks/{webhook}").status_code == 404
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM deliveries")) == 0


def test_nobody_else_sees_or_changes_a_webhook(ann: Person, bob: Person) -> None:
    webhook = made(ann)["id"]
    ann.analysed_video()
    [event] = told(ann, webhook)
    path, own = f"/api/webhooks/{webhook}", made(bob)["id"]
    for answer in (
        bob.get(path), bob.delete(path), bob.post(f"{path}/rotate"), bob.post(f"{path}/test"),
        bob.get(f"{path}/deliveries"), bob.post(f"{path}/deliveries/{event['id']}/redeliver"),
        bob.post(f"/api/webhooks/{own}/deliveries/{event['id']}/redeliver"),
    ):  # fmt: skip
        assert answer.status_code == 404
    assert [one["id"] for one in bob.get("/api/webhooks").json["webhooks"]] == [own]
    assert ann.get(path).json["old_secret_until"] is None
    assert told(ann, webhook) == [event]
    bob.analysed_video()
    assert told(ann, webhook) == [event]


def test_a_rotated_webhook_has_another_secret_and_for_a_while_both(ann: Person) -> None:
    webhook = made(ann)
    rotated = ann.post(f"/api/webhooks/{webhook['id']}/rotate", overlap_s=60)
    assert rotated.status_code == 200
    assert rotated.json["secret"].startswith("whsec_")
    assert rotated.json["secret"] != webhook["secret"]
    assert rotated.json["old_secret_until"] > webhook["created_at"]
    for overlap_s in (-1, 604_801, "soon", False, True):
        assert ann.post(f"/api/webhooks/{webhook['id']}/rotate", overlap_s=overlap_s).status_code == 400


def test_a_test_is_sent_one_at_a_time_and_no_test_is_a_job(ann: Person) -> None:
    path = f"/api/webhooks/{made(ann)['id']}/test"
    sent = ann.post(path)
    assert sent.status_code == 201
    assert (sent.json["event"], sent.json["status"], sent.json["job_id"]) == ("ping", "pending", None)
    assert ann.post(path).status_code == 409


def test_an_event_is_sent_again_under_its_own_id(
    receiver: Receiver, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = made(ann, receiver.url)["id"]
    ann.analysed_video()
    with delivering(monkeypatch):
        wait_until(lambda: told(ann, webhook)[0]["status"] == "delivered", "it has arrived")
        [event] = told(ann, webhook)
        assert (event["attempts"], event["last_status"], event["next_attempt_at"]) == (1, 200, None)
        again = ann.post(f"/api/webhooks/{webhook}/deliveries/{event['id']}/redeliver")
        assert again.status_code == 200
        wait_until(lambda: len(receiver.requests) == 2, "it has arrived again")
    assert set(receiver.event_ids) == {event["id"]}


def test_keys_that_write_may_manage_webhooks_and_those_that_read_see_them(app: Flask, ann: Person) -> None:
    writes, reads = make(ann)["key"], make(ann, "read")["key"]
    webhook = by(app, writes, "POST", "/api/webhooks", url=URL)
    assert webhook.status_code == 201
    path = f"/api/webhooks/{webhook.json['id']}"
    assert by(app, reads, "GET", path).status_code == 200
    assert by(app, reads, "DELETE", path).status_code == 403
    assert by(app, reads, "POST", f"{path}/rotate").status_code == 403
    assert by(app, writes, "DELETE", path).status_code == 204


def test_the_snippet_of_the_page_tells_real_calls_from_others(
    receiver: Receiver, ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = made(ann, receiver.url)
    ann.analysed_video()
    with delivering(monkeypatch):
        wait_until(lambda: receiver.requests, "it has arrived")
    [request] = receiver.requests
    snippet = next(code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
                   if "compare_digest" in code)  # fmt: skip
    assert len(snippet.splitlines()) <= 16
    check = tmp_path / "check.py"
    ours = "import sys\nprint(is_from_ecg(sys.argv[1], sys.stdin.buffer.read(), sys.argv[2]))\n"
    check.write_text(f"{snippet}\n{ours}")
    header, secret = request.headers["ECG-Signature"], webhook["secret"]
    moment = int(header.partition(",")[0].removeprefix("t="))
    for told_header, body, by_secret, real in (
        (header, request.body, secret, True),
        (header, request.body + b" ", secret, False),
        (header.replace(str(moment), str(moment + 1)), request.body, secret, False),
        (header.replace(str(moment), str(moment - 301)), request.body, secret, False),
        (header, request.body, "whsec_other", False),
        ("", request.body, secret, False),
    ):  # fmt: skip
        ran = subprocess.run([sys.executable, "-I", check, told_header, by_secret], input=body,
                             capture_output=True, check=True)  # fmt: skip
        assert ran.stdout.decode().strip() == str(real)
