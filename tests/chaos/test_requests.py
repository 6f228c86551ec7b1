"""Requests sent again, sent at once, and cut off: nothing is started twice, charged twice or passed by.

The web tier is the real one, gunicorn with two processes; requests come from many threads at once.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text

from ecg import quotas, videos
from ecg.cli.client import Account, Api
from ecg.db import transaction
from ecg.errors import Conflict, EcgError, InvalidMedia, LeaseLost, QuotaExceeded
from ecg.jobs import attempts, lifecycle
from ecg.web.app import create_app
from tests.chaos import faults
from tests.jobs.builders import job_of, make_job, make_user
from tests.web.person import PASSWORD, Person
from tests.web.serving import web

FULL = os.environ.get("ECG_CHAOS") == "full"
PARALLEL, SUBMITS = 50, 100
FAILED_JOBS = 500 if FULL else 60
KILLED_ROUNDS = 10 if FULL else 2
LOST_ANSWERS = 10 if FULL else 3
RACES = 200 if FULL else 30
RANDOM_STEPS = 4000 if FULL else 400

pytestmark = pytest.mark.usefixtures("database")

GUNICORN = ("-m", "gunicorn", "--worker-class", "gthread", "--threads", "8", "--workers", "2",
            "--no-control-socket", "--bind", "127.0.0.1:{port}")  # fmt: skip


def no_limits(**limits: int) -> dict[str, str]:
    """Settings in which only these limits hold."""
    none = {"per_day": 0, "per_month": 0, "at_once": 0, "per_minute": 0}
    return {f"ECG_RENDERS_{name.upper()}": str(limit) for name, limit in {**none, **limits}.items()}


@dataclass(frozen=True)
class Sender:
    """Someone who can ask for renders of an analysed video."""

    person: Person
    video_id: str

    @classmethod
    def new(cls) -> Sender:
        person = Person(create_app(), f"{uuid.uuid4()}@example.org")
        return cls(person, person.analysed_video()[0])

    def post(self, url: str, key: str | None, **more: Any) -> requests.Response:
        headers = {**self.person.headers, **({"Idempotency-Key": key} if key else {})}
        return requests.post(f"{url}/api/render/create", json={"videoId": self.video_id, **more},
                             headers=headers, timeout=60)  # fmt: skip

    def post_until_accepted(self, url: str, key: str) -> requests.Response:
        """As a client does whose server goes away."""
        deadline_s = time.monotonic() + 60
        while time.monotonic() < deadline_s:
            with suppress(requests.RequestException):
                answer = self.post(url, key)
                if answer.status_code != 503:
                    return answer
            time.sleep(0.05)
        raise AssertionError("the web tier did not come back")


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each of the calls came to when all are made at the same moment; errors of ours are outcomes."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait(60)
        try:
            return call()
        except EcgError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def number(query: str, **values: Any) -> int:
    with transaction() as session:
        return int(session.scalar(text(query), values) or 0)


def renders() -> int:
    return number("SELECT count(*) FROM jobs WHERE kind = 'render'")


def assert_ledger_is_balanced() -> None:
    """Every counter is the sum of its period's lines, and no job has two lines of a kind."""
    with transaction() as session:
        wrong = session.execute(text("""
            WITH lines AS (
                SELECT user_id, resource, to_char(day, form) AS period, sum(amount) AS used
                FROM quota_entries, (VALUES ('YYYY-MM-DD'), ('YYYY-MM')) AS forms (form)
                GROUP BY user_id, resource, period
            )
            SELECT * FROM lines FULL JOIN quotas USING (user_id, resource, period)
            WHERE lines.used IS DISTINCT FROM quotas.used
        """)).all()  # fmt: skip
    assert not wrong
    assert number("SELECT coalesce(min(used), 0) FROM quotas") >= 0
    assert number("SELECT count(*) - count(DISTINCT (job_id, kind)) FROM quota_entries") == 0


def test_fifty_equal_requests_at_once_are_one_job_and_one_charge() -> None:
    """R20: 50 parallel equal POSTs = 1 job, 1 charge, 50 equal answers; another body = 422."""
    ann = Sender.new()
    with web() as tier:
        sent = at_once(*[lambda: ann.post(tier.url, "the key")] * PARALLEL)
        assert Counter(answer.status_code for answer in sent) == {202: PARALLEL}
        assert len({answer.content for answer in sent}) == 1
        assert sum(answer.headers.get("Idempotent-Replayed") == "true" for answer in sent) == PARALLEL - 1
        other = ann.post(tier.url, "the key", strength=0.5)
        assert (other.status_code, other.json()["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert renders() == number("SELECT sum(amount) FROM quota_entries") == 1
    assert_ledger_is_balanced()


def test_an_answer_lost_right_after_the_commit_is_given_when_the_request_is_repeated(tmp_path: Path) -> None:
    """R20: a web process dies between commit and answer; the retry gets the answer, nothing is done twice."""
    ann, folder = Sender.new(), tmp_path / "faults"
    folder.mkdir()
    with web(*GUNICORN, "tests.chaos.web:app", **{faults.FOLDER: str(folder)}, **no_limits()) as tier:
        for times in range(1, LOST_ANSWERS + 1):
            faults.arm(folder, "create.after_commit")
            with pytest.raises(requests.ConnectionError):
                ann.post(tier.url, f"key {times}")
            assert renders() == times, "it was committed"
            answer = ann.post_until_accepted(tier.url, f"key {times}")
            assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (202, "true")
            job = ann.person.get(f"/api/jobs/{answer.json()['jobId']}")
            assert job.json["status"] == "queued"
            assert renders() == times
        # The command line is such a client.
        faults.arm(folder, "create.after_commit")
        api = Api(tier.url, Account(ann.person.email, PASSWORD))
        api.sign_in()
        started = api.start("/api/render/create", videoId=ann.video_id)
        assert faults.left(folder) == 0
        assert renders() == LOST_ANSWERS + 1
        assert api.ask("GET", started["status_url"])["status"] == "queued"
    assert_ledger_is_balanced()


def test_killing_the_web_tier_under_load_neither_loses_nor_doubles_a_request() -> None:
    """R20: `kill -9` of all web processes again and again; jobs = keys, and later replays say the same."""
    ann, kept = Sender.new(), {}
    with web(**no_limits()) as tier:
        for lap in range(KILLED_ROUNDS):
            keys = [f"{lap}-{n}" for n in range(20)]
            # Not before some of them are committed: more in each round.
            enough = renders() + 1 + 3 * lap % len(keys)

            def kill(enough: int = enough) -> None:
                while renders() < enough:
                    time.sleep(0.001)
                tier.kill_workers()

            sent = at_once(kill, *[lambda key=key: ann.post_until_accepted(tier.url, key) for key in keys])
            assert Counter(answer.status_code for answer in sent[1:]) == {202: len(keys)}
            kept |= dict(zip(keys, (answer.content for answer in sent[1:]), strict=True))
        for key, content in random.Random(7).sample(sorted(kept.items()), 10):
            assert ann.post(tier.url, key).content == content
    assert renders() == len(kept) == len(set(kept.values()))
    assert number("SELECT sum(amount) FROM quota_entries") == len(kept)
    assert_ledger_is_balanced()


@pytest.mark.parametrize("limit", ["per_day", "per_month", "at_once"])
def test_a_hundred_renders_asked_for_at_once_do_not_pass_a_limit_of_ten(limit: str) -> None:
    """R21: cap 10, 100 parallel submits = exactly 10 accepted, 90 × 429, ledger sum = 10."""
    ann = Sender.new()
    with web(**no_limits(**{limit: 10})) as tier:
        sent = at_once(*[lambda: ann.post(tier.url, None)] * SUBMITS)
    assert Counter(answer.status_code for answer in sent) == {202: 10, 429: SUBMITS - 10}
    refused = {answer.json()["error"]["details"]["period"] for answer in sent if answer.status_code == 429}
    assert refused == {limit.removeprefix("per_")}
    assert renders() == number("SELECT sum(amount) FROM quota_entries") == 10
    assert_ledger_is_balanced()


@dataclass(frozen=True)
class Owner:
    """Someone with a video, at the level of the record."""

    user_id: str
    video_id: str

    @classmethod
    def new(cls) -> Owner:
        analysis = job_of(make_job())
        return cls(analysis.user_id, analysis.video_id)

    def render(self, limits: quotas.Limits) -> str:
        """A render that is at work, or `QuotaExceeded`."""
        with transaction() as session:
            return videos.render(session, self.user_id, self.video_id, analysis_id="", scenario_key=None,
                                 style="", strength=1.0, options={}, limits=limits)  # fmt: skip


def cancel(job_id: str) -> None:
    with transaction() as session:
        lifecycle.cancel(session, job_id)


def requeue(job_id: str) -> None:
    with transaction() as session:
        lifecycle.requeue(session, job_id)


def refund(job_id: str) -> None:
    with transaction() as session:
        quotas.refund(session, job_id)


def fail(job_id: str) -> None:
    """Let a step that is ready fail for good."""
    if claimed := claim_ready(job_id):
        with transaction() as session:
            attempts.fail(session, claimed.step_id, claimed.fence, InvalidMedia("No."),
                          attempts.Limits(1, 1, 1))  # fmt: skip


def finish(job_id: str) -> None:
    """Work off all steps that are there to be had."""
    while claimed := claim_ready(job_id):
        with transaction() as session:
            attempts.finish(session, claimed.step_id, claimed.fence, result={})


def claim_ready(job_id: str) -> attempts.Claim | None:
    with transaction() as session:
        ready = text("SELECT id FROM steps WHERE job_id = :job AND status = 'ready' ORDER BY id LIMIT 1")
        step_id = session.scalar(ready, {"job": job_id})
    if step_id is None:
        return None
    with transaction() as session:
        return attempts.claim(session, step_id, worker="test", lease_s=60)


def test_a_render_that_fails_and_is_cancelled_at_once_is_refunded_once() -> None:
    """R21: refund on failure exactly once, also when failures, cancels and refunds race."""
    owner = Owner.new()
    for _ in range(RACES):
        job = owner.render(quotas.Limits())
        outcomes = at_once(*[partial(end, job) for end in (fail, cancel, refund, refund)])
        assert all(outcome is None or outcome.http_status == 409 for outcome in outcomes), outcomes
        assert number("SELECT sum(amount) FROM quota_entries WHERE job_id = :job", job=job) == 0
        assert number("SELECT max(used) FROM quotas") == 0
    assert_ledger_is_balanced()


def test_whatever_happens_in_whatever_order_the_ledger_is_balanced_and_the_limit_holds() -> None:
    """R21: random charges, ends and requeues by four at once; ledger sum = used <= cap at every moment."""
    owners, cap = [Owner.new() for _ in range(2)], 5
    limits, jobs = quotas.Limits(per_day=cap, at_once=4), {owner: [] for owner in owners}
    ends = {"fail": fail, "cancel": cancel, "finish": finish, "requeue": requeue}
    seen: list[int] = []

    def act(seed: int) -> Counter[str]:
        chance, done = random.Random(seed), Counter[str]()
        for _ in range(RANDOM_STEPS // 4):
            owner, what = chance.choice(owners), chance.choice(["charge", "charge", *ends])
            try:
                if what == "charge":
                    jobs[owner].append(owner.render(limits))
                elif jobs[owner]:
                    ends[what](chance.choice(jobs[owner]))
                done[what] += 1
            except (Conflict, LeaseLost, QuotaExceeded):
                done[f"{what} refused"] += 1
            seen.append(number("SELECT max(used) FROM quotas"))
            assert_ledger_is_balanced()
        return done

    counted = sum(at_once(*[lambda seed=seed: act(seed) for seed in range(4)]), Counter())
    assert all(counted[what] for what in ("charge", "charge refused", *ends)), counted
    assert max(seen) == cap


def state_of_everything() -> list[str]:
    """A digest of every table that jobs are in."""
    with transaction() as session:
        return [session.scalar(text(f"SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM {table} AS t"))
                for table in ("jobs", "steps", "events")]  # fmt: skip


def requeue_command(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "ecg.cli", "jobs", "requeue", "--code", "INVALID_MEDIA",
                             *options], stdout=subprocess.PIPE, text=True)  # fmt: skip


def test_two_who_requeue_the_same_failed_jobs_give_each_one_new_attempt() -> None:
    """R18: 500 failed jobs, two CLI processes = 500 new attempts exactly; --dry-run writes nothing."""
    user = make_user()
    failed = [make_job(user) for _ in range(FAILED_JOBS)]
    for job in failed:
        fail(job)
    before = state_of_everything()
    dry, _ = requeue_command("--dry-run").communicate(timeout=120)
    assert f"{FAILED_JOBS} jobs would be requeued." in dry
    assert dry.count("ingest: INVALID_MEDIA: No.") == FAILED_JOBS, "it says why each of them failed"
    assert state_of_everything() == before

    both = [requeue_command() for _ in range(2)]
    told = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    lines = Counter(line.split()[1].rstrip(":") for text_ in told for line in text_.splitlines())
    assert lines["requeued"] == FAILED_JOBS
    assert set(lines) <= {"requeued", "left"}
    assert number("SELECT count(*) FROM events WHERE kind = 'requeued'") == FAILED_JOBS
    claims = [attempt(job) for job in failed * 2]
    assert sum(claims) == FAILED_JOBS
    fences = "SELECT count(*) FROM steps WHERE name = 'ingest' AND status = 'running' AND fence = 2"
    assert number(fences) == FAILED_JOBS


def attempt(job_id: str) -> bool:
    """Whether a worker that looks at the first step gets it."""
    with transaction() as session:
        step_id = session.scalar(text("SELECT id FROM steps WHERE job_id = :job AND name = 'ingest'"),
                                 {"job": job_id})  # fmt: skip
        return attempts.claim(session, step_id, worker="test", lease_s=600) is not None
