"""The keeper of a lease: a real process beside a real worker process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from ecg.db import transaction
from ecg.jobs import lifecycle
from tests.jobs.builders import claim, make_job, step_of

LEASE_S = 5
WORKER = """
import sys, time
from ecg.errors import EcgError
from ecg.jobs.keeper import LeaseKeeper
step_id, fence = int(sys.argv[1]), int(sys.argv[2])
try:
    with LeaseKeeper().hold(step_id, fence):
        print("holding", flush=True)
        exec(sys.argv[3])
except EcgError as error:
    print(error.code, flush=True)
"""


@pytest.fixture
def job(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ECG_LEASE_S", str(LEASE_S))
    monkeypatch.setenv("ECG_RENEW_S", "0.3")
    return make_job()


def hold(job: str, body: str = "time.sleep(60)") -> subprocess.Popen[str]:
    claimed = claim(job, "ingest", lease_s=LEASE_S)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(claimed.step_id), str(claimed.fence), body],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "holding\n"
    return process


def lease_left_s(job: str) -> float:
    with transaction() as session:
        query = "SELECT extract(epoch FROM lease_expires_at - clock_timestamp()) FROM steps WHERE id = :id"
        return float(session.scalar(text(query), {"id": step_of(job, "ingest").id}))


def test_a_lease_is_kept_while_a_native_call_holds_the_interpreter(job: str):
    # A regular expression that backtracks holds the interpreter lock for far longer than the lease.
    worker = hold(job, "import re; re.match(r'(a+)+$', 'a' * 34 + 'b')")
    time.sleep(LEASE_S * 1.6)
    assert lease_left_s(job) > 0.5
    worker.kill()


def test_a_worker_that_is_killed_stops_renewing(job: str):
    worker = hold(job)
    worker.send_signal(signal.SIGKILL)
    deadline_s = time.monotonic() + 4 * LEASE_S
    while lease_left_s(job) > 0:
        assert time.monotonic() < deadline_s, "somebody still renews it"
        time.sleep(0.2)


def test_cancelling_interrupts_the_work_within_seconds(job: str):
    worker = hold(job)
    with transaction() as session:
        lifecycle.cancel(session, job)
    assert worker.stdout.readline() == "LEASE_LOST\n"
    assert worker.wait(5) == 0


def test_an_import_is_not_interrupted_but_the_work_after_it(job: str, tmp_path: Path):
    """Half a module would be left to all later steps of the process."""
    (tmp_path / "slow.py").write_text("import time; time.sleep(1.2); print('imported', flush=True)")
    worker = hold(job, f"sys.path.insert(0, {str(tmp_path)!r}); import slow; time.sleep(60)")
    with transaction() as session:
        lifecycle.cancel(session, job)
    assert worker.stdout.readline() == "imported\n"
    assert worker.stdout.readline() == "LEASE_LOST\n"
    assert worker.wait(5) == 0


def test_work_that_passes_its_deadline_is_interrupted(job: str):
    worker = hold(job)
    with transaction() as session:
        session.execute(text("UPDATE steps SET deadline_at = clock_timestamp()"))
    assert worker.stdout.readline() == "TIMEOUT_ERROR\n"
    assert worker.wait(5) == 0
