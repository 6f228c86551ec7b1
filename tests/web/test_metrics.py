"""What Prometheus is told: by whom it may be read, over all web processes, and how much work there is."""

from __future__ import annotations

import re

import pytest
import requests
from flask import Flask

from ecg import config
from ecg.web.app import create_app
from tests.web.person import Person, work_off
from tests.web.serving import web


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    monkeypatch.setenv("ECG_METRICS_TOKEN", "let me see")
    config.settings.cache_clear()


def read(text: str, name: str, **labels: str) -> float:
    """A figure; 0 when there is none of these labels."""
    for found in re.finditer(rf"^{name}{{(.*)}} (\S+)$", text, re.MULTILINE):
        if labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', found[1])).items():
            return float(found[2])
    return 0.0


@pytest.mark.parametrize("sent", [
    {}, {"Authorization": "Bearer let me"}, {"Authorization": "Bearer"}, {"Authorization": "Basic ?"},
    {"Authorization": "Basic bGV0IG1lIHNlZTo="},  # as the user's name
])  # fmt: skip
def test_nobody_reads_the_figures_without_the_token(app: Flask, ann: Person, sent: dict[str, str]) -> None:
    for headers in (sent, ann.headers):
        answer = app.test_client().get("/metrics", headers=headers)
        assert answer.status_code == 401
        assert "ecg_" not in answer.text


def test_where_no_token_is_set_nobody_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECG_METRICS_TOKEN", "")
    config.settings.cache_clear()
    for sent in ("Bearer ", "Basic Og==", "Basic dTo="):
        answer = create_app().test_client().get("/metrics", headers={"Authorization": sent})
        assert answer.status_code == 401


def test_jobs_and_steps_are_counted(app: Flask, ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    ann.analysis(video_id)
    done = ann.render(video_id)
    work_off(done)
    text = app.test_client().get("/metrics", auth=("prometheus", "let me see")).text
    assert read(text, "ecg_jobs", kind="analysis", status="done") == 1
    assert read(text, "ecg_jobs", kind="analysis", status="queued") == 1
    assert read(text, "ecg_jobs", kind="render", status="done") == 1
    assert read(text, "ecg_steps", queue="media", status="ready") == 1
    assert "ecg_queue_messages{" in text


def test_answers_are_counted_over_all_web_processes() -> None:
    with web() as running:
        for _ in range(40):  # over both processes: each request is a connection of its own
            assert requests.get(f"{running.url}/api/videos", timeout=10).status_code == 401
        requests.request("MADEUP", f"{running.url}/no/where", timeout=10)
        texts = [requests.get(f"{running.url}/metrics", headers={"Authorization": "Bearer let me see"},
                              timeout=10).text for _ in range(4)]  # fmt: skip
    for text in texts:
        count = read(text, "ecg_http_request_seconds_count", method="GET", route="/api/videos", status="401")
        assert count == 40
        assert read(text, "ecg_http_request_seconds_count", method="other", route="none") == 1
