"""Sweeping: only what nobody needs any more."""

from __future__ import annotations

import os
import threading
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import select, text

from ecg import accounts, audit, projects
from ecg.config import settings
from ecg.db import transaction
from ecg.errors import NotFound
from ecg.jobs import lifecycle
from ecg.jobs.attempts import Claim, NewArtifact
from ecg.models import Artifact, AuditEntry, IdempotencyKey, Job, Upload, Video, VideoStatus
from ecg.storage import store
from ecg.tasks import upkeep
from ecg.tasks.step import keeper, run_step, scratch_root
from ecg.tasks.upkeep import sweep, sweep_orphans
from ecg.tasks.work import Outcome, Work
from tests.jobs.builders import claim, finish, make_job, make_user, step_of

pytestmark = pytest.mark.usefixtures("database")


def scratch_of(step_id: int, fence: int) -> str:
    folder = scratch_root() / f"{step_id}-{fence}-abc"
    folder.mkdir()
    hour_ago = time.time() - 3600
    os.utime(folder, (hour_ago, hour_ago))
    return folder.name


def test_the_scratch_folder_of_a_dead_attempt_goes_and_that_of_a_running_one_stays():
    running = claim(make_job(), "ingest")
    kept = scratch_of(running.step_id, running.fence)
    scratch_of(running.step_id, running.fence - 1)
    scratch_of(999_999, 1)
    odd = scratch_root() / "not an attempt"
    odd.mkdir()
    sweep()
    assert {folder.name for folder in scratch_root().iterdir()} == {kept, odd.name}


def test_temporary_files_go_a_day_after_their_job_has_ended(tmp_path):
    ended, active = make_job(), make_job()
    piece = tmp_path / "chunk.mp4"
    piece.write_bytes(b"x")
    shelf = store(settings())
    for job in (ended, active):
        shelf.put(f"temp/{job}/1-1/chunk.mp4", piece)
    with transaction() as session:
        lifecycle.cancel(session, ended)
    sweep()
    assert len(list(shelf.keys("temp/"))) == 2, "a job that ended just now may still be requeued"
    with transaction() as session:
        session.execute(text("UPDATE jobs SET finished_at = finished_at - interval '2 days'"))
    sweep()
    assert list(shelf.keys("temp/")) == [f"temp/{active}/1-1/chunk.mp4"]


def test_files_of_attempts_that_came_to_nothing_go_and_those_of_the_record_stay(tmp_path: Path):
    done, running, failed = make_job(), make_job(), make_job()
    committed = claim(done, "ingest")
    kept = [put(tmp_path, committed, "sound.wav"), put(tmp_path, claim(running, "ingest"), "sound.wav")]
    finish(committed, artifacts=[NewArtifact("sound.wav", kept[0], 1)])
    put(tmp_path, committed, "never-named.wav")
    given_up = claim(failed, "ingest")
    put(tmp_path, given_up, "sound.wav", shelf="rendered")
    put(tmp_path, given_up, "part.json", shelf="temp")
    with transaction() as session:
        lifecycle.cancel(session, failed)
    sweep()
    assert len(all_keys()) == 5, "the files are younger than the grace"
    sweep_orphans(grace_s=0)
    assert all_keys() == set(kept)
    sweep_orphans(grace_s=0)
    assert all_keys() == set(kept)


def test_files_of_an_attempt_before_the_one_that_runs_go(tmp_path: Path):
    job = make_job()
    first = claim(job, "ingest")
    old = put(tmp_path, first, "sound.wav")
    with transaction() as session:
        session.execute(text("UPDATE steps SET status = 'ready' WHERE id = :id"), {"id": first.step_id})
    new = put(tmp_path, claim(job, "ingest"), "sound.wav")
    assert old != new
    sweep_orphans(grace_s=0)
    assert all_keys() == {new}


def test_files_grow_old_before_they_are_swept(tmp_path: Path):
    put(tmp_path, claim(gone := make_job(), "ingest"), "sound.wav")
    with transaction() as session:
        lifecycle.cancel(session, gone)
    (path,) = (settings().store_dir / key for key in all_keys())
    sweep()
    assert path.exists()
    os.utime(path, (time.time() - 3700,) * 2)
    sweep()
    assert not path.exists()


def test_sweeping_at_any_moment_takes_nothing_from_steps_at_work():
    over, swept = threading.Event(), []

    def go_on_sweeping() -> None:
        while not over.is_set():
            sweep_orphans(grace_s=0)
            swept.append(1)

    sweeper = threading.Thread(target=go_on_sweeping)
    sweeper.start()
    try:
        for _ in range(40):
            run_step(leave_files, step_of(make_job(), "ingest").id)
    finally:
        over.set()
        sweeper.join()
        keeper().close()
        keeper.cache_clear()
    assert len(swept) > 5
    with transaction() as session:
        named = set(session.scalars(select(Artifact.key)))
    assert len(named) == 40 * 3
    assert all_keys() == named


def test_what_is_no_file_of_ours_is_left_alone_and_one_that_resists_stops_nothing(tmp_path: Path):
    odd = ["analyzed/readme.txt", "analyzed/not-a-job/1-1/x", f"analyzed/{uuid.uuid4()}/one-two/x",
           f"temp/{uuid.uuid4()}/{10**30}-1/x", "uploads/somebody/something/source",
           "elsewhere/x"]  # fmt: skip
    for key in odd:
        store(settings()).put(key, a_file(tmp_path))
    orphans = [f"analyzed/{uuid.uuid4()}/{number}-1/x" for number in range(20)]
    for key in orphans:
        store(settings()).put(key, a_file(tmp_path))
    resisting = settings().store_dir / orphans[10]
    resisting.unlink()
    resisting.symlink_to(a_file(tmp_path))
    sweep_orphans(grace_s=0)
    assert all_keys() == {*odd, orphans[10]}


def test_a_store_of_many_files_is_swept_a_batch_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(upkeep, "_BATCH", 7)
    attempt = claim(make_job(), "ingest")
    kept = {put(tmp_path, attempt, f"piece-{number}") for number in range(40)}
    for number in range(60):
        store(settings()).put(f"rendered/{uuid.uuid4()}/{number}-1/x", a_file(tmp_path))
    sweep_orphans(grace_s=0)
    assert all_keys() == kept


def test_uploads_that_no_video_names_and_scenarios_that_no_render_names_go(tmp_path: Path):
    video = make_video()
    folder = video.upload_key.rpartition("/")[0]
    named = f"{folder}/scenario-{uuid.uuid4()}.json"
    with transaction() as session:
        job = Job(user_id=video.user_id, video_id=video.id, kind="render", params={"scenario_key": named})
        session.add(job)
    for key in (video.upload_key, named, f"{folder}/scenario-{uuid.uuid4()}.json",
                f"uploads/{video.user_id}/{uuid.uuid4()}/source",
                f"uploads/{video.user_id}/{uuid.uuid4()}/scenario-{uuid.uuid4()}.json"):  # fmt: skip
        store(settings()).put(key, a_file(tmp_path))
    sweep()
    assert len(all_keys()) == 5, "a scenario is put before its job is known"
    sweep_orphans(grace_s=0)
    assert all_keys() == {video.upload_key, named}


def test_drafts_that_neither_a_project_nor_a_render_names_go(tmp_path: Path):
    video = make_video()
    present, rendered, past = (f"{video.upload_key.rpartition('/')[0]}/project-{name}.json" for name in "abc")
    with transaction() as session:
        session.add(Job(user_id=video.user_id, video_id=video.id, kind="render",
                        params={"project_key": rendered}))  # fmt: skip
        projects.create(session, video.user_id, video.id, name="mine", key=present, size_bytes=1)
    for key in (present, rendered, past):
        store(settings()).put(key, a_file(tmp_path))
    sweep_orphans(grace_s=0)
    assert all_keys() == {present, rendered}


def test_uploads_given_up_are_forgotten_after_a_day(tmp_path: Path):
    old, in_parts, new, ready = (*(make_video() for _ in range(3)), make_video(VideoStatus.READY))
    for key in (sent_key(old), sent_key(new), ready.upload_key):
        store(settings()).put(key, a_file(tmp_path))
    parts_id = store(settings()).begin_parts(in_parts.upload_key, "video/mp4")
    with transaction() as session:
        session.execute(text("UPDATE uploads SET key = :key, parts_id = :parts WHERE video_id = :id"),
                        {"key": in_parts.upload_key, "parts": parts_id, "id": in_parts.id})  # fmt: skip
    with transaction() as session:
        session.execute(text("UPDATE videos SET created_at = created_at - interval '25 hours' "
                             "WHERE id <> :new"), {"new": new.id})  # fmt: skip
    sweep()
    with transaction() as session:
        assert set(session.scalars(select(Video.id))) == {new.id, ready.id}
    assert all_keys() == {sent_key(new), ready.upload_key}
    with pytest.raises(NotFound):
        store(settings()).parts(in_parts.upload_key, parts_id)


def test_what_a_link_brings_after_the_upload_is_complete_goes(tmp_path: Path):
    expected, complete = make_video(), make_video(VideoStatus.READY)
    copied_in_vain = f"{complete.upload_key}-0123456789abcdef"
    for key in (sent_key(expected), complete.upload_key, sent_key(complete), copied_in_vain):
        store(settings()).put(key, a_file(tmp_path))
    sweep()
    assert len(all_keys()) == 4, "a copy is put before its video is known"
    sweep_orphans(grace_s=0)
    assert all_keys() == {sent_key(expected), complete.upload_key}


def test_answers_are_kept_for_two_days():
    user = make_user()
    with transaction() as session:
        for key in ("old", "new"):
            session.add(IdempotencyKey(user_id=user, key=key, fingerprint="f", status=201, body={}))
        session.flush()
        session.execute(text("UPDATE idempotency_keys SET created_at = created_at - interval '49 hours' "
                             "WHERE key = 'old'"))  # fmt: skip
    sweep()
    with transaction() as session:
        assert session.scalars(select(IdempotencyKey.key)).all() == ["new"]


def test_the_audit_log_is_kept_for_a_year_and_used_states_until_they_count_for_nothing():
    here = audit.Client(None, "a test")
    with transaction() as session:
        for email in ("old@example.org", "new@example.org"):
            audit.note(session, audit.Act.SIGN_IN_FAILED, here, email=email)
        session.execute(text("UPDATE audit_entries SET created_at = created_at - interval '366 days' "
                             "WHERE email = 'old@example.org'"))  # fmt: skip
        for state, lifetime_s in (("old", -1), ("new", 600)):
            assert accounts.use_state(session, state, lifetime_s=lifetime_s)
    sweep()
    with transaction() as session:
        assert session.scalars(select(AuditEntry.email)).all() == ["new@example.org"]
        assert accounts.use_state(session, "old", lifetime_s=600)
        assert not accounts.use_state(session, "new", lifetime_s=600)


def test_half_files_of_a_killed_process_go(tmp_path: Path):
    store(settings()).put("temp/somebody/x", a_file(tmp_path))
    half = settings().store_dir / ".unfinished" / "half"
    half.write_bytes(b"x")
    os.utime(half, (0, 0))
    sweep()
    assert not half.exists()


def test_a_store_that_is_away_does_not_keep_the_rest_from_being_swept():
    settings().store_dir.parent.mkdir(parents=True, exist_ok=True)
    settings().store_dir.write_text("a file where the store should be")
    scratch_of(999_999, 1)
    user = make_user()
    with transaction() as session:
        session.add(IdempotencyKey(user_id=user, key="old", fingerprint="f", status=201, body={}))
        session.flush()
        session.execute(text("UPDATE idempotency_keys SET created_at = created_at - interval '49 hours'"))
    sweep()
    assert list(scratch_root().iterdir()) == []
    with transaction() as session:
        assert session.scalars(select(IdempotencyKey.key)).all() == []


def a_file(folder: Path) -> Path:
    path = folder / "a file"
    path.write_bytes(b"x")
    return path


def put(folder: Path, attempt: Claim, name: str, shelf: str = "analyzed") -> str:
    """Put a file as the attempt would; returns its key."""
    key = f"{shelf}/{attempt.job_id}/{attempt.step_id}-{attempt.fence}/{name}"
    store(settings()).put(key, a_file(folder))
    return key


def all_keys() -> set[str]:
    return set(store(settings()).keys(""))


def leave_files(work: Work) -> Outcome:
    paths = [work.out(f"{number}.txt") for number in range(3)]
    for path in paths:
        path.write_text("la la la")
    return Outcome({path.name: path for path in paths})


def make_video(status: VideoStatus = VideoStatus.UPLOADING) -> Video:
    user_id, video_id = make_user(), str(uuid.uuid4())
    video = Video(id=video_id, user_id=user_id, status=status, filename="talk.mp4", content_type="video/mp4",
                  upload_key=f"uploads/{user_id}/{video_id}/source")  # fmt: skip
    with transaction() as session:
        session.add(video)
        session.flush()
        if status == VideoStatus.UPLOADING:
            session.add(Upload(video_id=video_id, key=sent_key(video)))
    return video


def sent_key(video: Video) -> str:
    return f"temp/{video.id}/sent"
