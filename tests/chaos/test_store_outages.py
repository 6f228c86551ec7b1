"""R15: the store is full, busy or silent in the middle of a step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from ecg import config
from ecg.config import settings
from ecg.db import transaction
from ecg.models import Artifact, JobStatus, StepStatus
from ecg.storage import s3, store
from ecg.tasks.step import keeper, run_step, scratch_root
from ecg.tasks.upkeep import sweep_orphans
from ecg.tasks.work import Outcome, Work
from tests.chaos.scale import FULL
from tests.jobs.builders import job_of, make_job, step_of
from tests.storage.s3_server import FaultyLink, a_bucket, an_s3_server
from tests.storage.tiny_disk import a_tiny_disk, fill

_SIZES = {"first.bin": 100_000, "second.bin": 400_000}


@pytest.fixture(autouse=True)
def _keeper(database: str) -> Iterator[None]:
    keeper.cache_clear()
    yield
    keeper().close()
    keeper.cache_clear()


@pytest.fixture
def disk(database: str) -> Iterator[Path]:
    """The store, on a disk of its own of 1 MiB."""
    with a_tiny_disk(settings().store_dir, 1 << 20):
        yield settings().store_dir


@pytest.fixture(scope="module")
def s3_server() -> Iterator[FaultyLink]:
    with an_s3_server() as link:
        yield link


@pytest.fixture
def link(database: str, s3_server: FaultyLink, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyLink]:
    """The way to the store in a bucket, which this process's settings name."""
    monkeypatch.setenv("ECG_S3_BUCKET", a_bucket(s3_server.url, monkeypatch))
    monkeypatch.setenv("ECG_S3_ENDPOINT_URL", s3_server.url)
    config.settings.cache_clear()
    yield s3_server
    s3_server.heal()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_READ_S", 0.5)
    monkeypatch.setattr(s3, "_PAUSE_S", 0.5)


def test_a_step_that_finds_the_disk_full_waits_and_ends_when_there_is_room(disk: Path):
    job = make_job()
    list(store(settings()).keys(""))
    ballast = fill(disk)
    for outages in (1, 2, 3, 4):
        work_on(job, leave_files)
        assert_waiting(job, outages)
        assert list(store(settings()).keys("")) == []
    ballast.unlink()
    work_on(job, leave_files)
    assert_done(job)


def test_a_file_that_fits_no_more_is_not_there_and_the_one_before_it_is_whole(disk: Path):
    job = make_job()
    store(settings()).put("elsewhere/ballast", a_file(disk.parent, 700_000))
    work_on(job, leave_files)
    assert_waiting(job, 1)
    left = set(store(settings()).keys("analyzed/"))
    assert {key.rpartition("/")[2] for key in left} == {"first.bin"}
    assert {store(settings()).size(key) for key in left} == {_SIZES["first.bin"]}
    assert list((disk / ".unfinished").iterdir()) == []
    sweep_orphans(grace_s=0)
    assert list(store(settings()).keys("analyzed/")) == []
    store(settings()).delete("elsewhere/ballast")
    work_on(job, leave_files)
    assert_done(job)


def test_a_part_kept_before_the_disk_was_full_is_there_when_the_step_goes_on(disk: Path):
    job, done = make_job(), []

    def in_parts(work: Work) -> Outcome:
        for name in ("part-1.json", "part-2.json"):
            if work.part(name) is None:
                work.keep_part(name, a_file(work.scratch, 300_000))
                done.append(name)
        return Outcome()

    store(settings()).put("elsewhere/ballast", a_file(disk.parent, 600_000))
    work_on(job, in_parts)
    assert_waiting(job, 1, parts={"part-1.json"})
    sweep_orphans(grace_s=0)
    store(settings()).delete("elsewhere/ballast")
    work_on(job, in_parts)
    assert done == ["part-1.json", "part-2.json"]
    assert step_of(job, "ingest").status == StepStatus.DONE
    sweep_orphans(grace_s=0)
    assert list(store(settings()).keys("")) == []


def test_a_step_that_cannot_read_what_it_needs_waits_until_the_store_is_back():
    job = make_job()
    work_on(job, leave_files)
    folder = settings().store_dir

    def read(work: Work) -> Outcome:
        path = work.input("ingest", "second.bin")
        assert path.stat().st_size == _SIZES["second.bin"]
        return Outcome()

    folder.rename(folder.with_name("away"))
    work_on(job, read, "prosody")
    assert_waiting(job, 1, "prosody", parts=set())
    folder.with_name("away").rename(folder)
    work_on(job, read, "prosody")
    assert step_of(job, "prosody").status == StepStatus.DONE


@pytest.mark.parametrize("fault", ["busy", "silent"])
@pytest.mark.usefixtures("impatient")
def test_a_step_outlives_a_store_that_is_busy_or_silent(link: FaultyLink, fault: str):
    outlive(link, fault, times=5)


@pytest.mark.skipif(not FULL, reason="takes minutes; ECG_CHAOS=full runs it")
@pytest.mark.timeout(1200)
def test_a_step_outlives_a_store_that_is_silent_for_longer_than_we_wait_in_production(link: FaultyLink):
    outlive(link, "silent", times=2)


@pytest.mark.parametrize("requests", range(1, 8))
def test_a_store_that_fails_between_any_two_requests_shows_nothing_partial(link: FaultyLink, requests: int):
    """A large file takes a request to begin, one for each part, and one to end."""
    job = make_job()

    def leave_a_large_file(work: Work) -> Outcome:
        return Outcome({"large.bin": a_file(work.scratch, 40_000_000), "small.bin": a_file(work.scratch, 9)})

    link.fail("busy", after=requests - 1)
    work_on(job, leave_a_large_file)
    link.heal()
    found = {key.rpartition("/")[2]: store(settings()).size(key) for key in store(settings()).keys("")}
    assert found in ({}, {"large.bin": 40_000_000}, {"large.bin": 40_000_000, "small.bin": 9})
    if step_of(job, "ingest").status != StepStatus.DONE:
        assert_waiting(job, 1)
        work_on(job, leave_a_large_file)
    assert_done(job, {"large.bin": 40_000_000, "small.bin": 9})


def outlive(link: FaultyLink, fault: str, times: int) -> None:
    job = make_job()
    link.fail(fault)
    for outages in range(1, times + 1):
        work_on(job, leave_files)
        assert_waiting(job, outages)
    link.heal()
    time.sleep(s3._PAUSE_S)  # the backoff of a step is longer
    assert list(store(settings()).keys("")) == []
    work_on(job, leave_files)
    assert_done(job)


def work_on(job: str, body: Callable[[Work], Outcome], name: str = "ingest") -> None:
    """Take the step again, without waiting for the end of its backoff."""
    with transaction() as session:
        session.execute(text("UPDATE steps SET not_before = clock_timestamp() WHERE job_id = :job"),
                        {"job": job})  # fmt: skip
    run_step(body, step_of(job, name).id)


def leave_files(work: Work) -> Outcome:
    return Outcome({name: a_file(work.scratch, size, name) for name, size in _SIZES.items()}, {"kept": True})


def a_file(folder: Path, size_bytes: int, name: str = "a-file") -> Path:
    path = folder / f"{name}-{size_bytes}"
    path.write_bytes(b"\1" * size_bytes)
    return path


def artifacts_of(job: str) -> dict[str, Artifact]:
    query = select(Artifact).where(Artifact.job_id == job)
    with transaction() as session:
        return {found.name: found for found in session.scalars(query)}


def assert_waiting(job: str, outages: int, name: str = "ingest", parts: set[str] | None = None) -> None:
    """The step will be tried again, nothing counts against it, and nobody sees a result."""
    step = step_of(job, name)
    assert (step.status, step.outages, step.errors, step.losses) == (StepStatus.READY, outages, 0, 0)
    assert step.error["code"] == "STORE_UNAVAILABLE"
    assert step.not_before is not None
    assert step.result is None
    assert job_of(job).status == JobStatus.RUNNING
    named = {found for found, artifact in artifacts_of(job).items() if artifact.step_id == step.id}
    assert named == (parts or set())
    assert list(scratch_root().iterdir()) == []


def assert_done(job: str, sizes: dict[str, int] = _SIZES) -> None:
    """The step ended, each file that the record names is whole, and after the sweep there is no other."""
    assert step_of(job, "ingest").status == StepStatus.DONE
    assert step_of(job, "ingest").errors == 0
    named = artifacts_of(job)
    assert {name: store(settings()).size(artifact.key) for name, artifact in named.items()} == sizes
    assert {name: artifact.size_bytes for name, artifact in named.items()} == sizes
    sweep_orphans(grace_s=0)
    store(settings()).sweep()
    assert set(store(settings()).keys("")) == {artifact.key for artifact in named.values()}
