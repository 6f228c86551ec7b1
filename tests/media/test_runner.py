"""The guarded runner: what it returns, what it raises, and that nothing of a child is left."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ecg.errors import CommandFailed, EngineUnavailable, ServiceUnavailable, TimeoutExceeded
from ecg.media import runner
from tests.media import clips

ENDLESS = ["ffmpeg", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "null", "-"]
RAW = ["-f", "rawvideo", "-pix_fmt", "rgba", "-video_size", "64x64", "-framerate", "25", "-i", "pipe:0"]


def test_what_the_command_wrote_to_stdout_comes_back():
    assert runner.run(["echo", "hello"], timeout_s=10) == b"hello\n"


def test_a_failing_command_tells_its_arguments_exit_code_and_last_words():
    with pytest.raises(CommandFailed, match="No such file") as failure:
        runner.run(["ffmpeg", "-i", "file:/no/such/file.mp4", "-f", "null", "-"], timeout_s=10)
    assert failure.value.details["exit_code"] == 1
    assert "file:/no/such/file.mp4" in failure.value.details["argv"]
    assert "/no/such/file.mp4: No such file or directory" in failure.value.details["stderr_tail"]


def test_a_tool_that_is_not_installed_is_named():
    with pytest.raises(EngineUnavailable, match="no-such-ffmpeg is not installed"):
        runner.run(["no-such-ffmpeg"], timeout_s=10)


def test_a_command_past_its_time_is_stopped_with_all_below_it(children_left: Callable[[], list[str]]):
    start = time.monotonic()
    with pytest.raises(TimeoutExceeded, match=r"after 0\.5 s"):
        runner.run(["sh", "-c", "sleep 60 & sleep 60"], timeout_s=0.5)
    assert time.monotonic() - start < 5
    assert not children_left()


def test_only_the_end_of_endless_complaints_is_kept():
    with pytest.raises(CommandFailed) as failure:
        runner.run(["sh", "-c", "yes 'a long complaint' | head -c 20000000 >&2; exit 1"], timeout_s=20)
    assert 100 < len(failure.value.details["stderr_tail"]) < 50_000


def test_a_memory_limit_is_a_clean_failure():
    with pytest.raises(CommandFailed):
        runner.run(
            [sys.executable, "-c", "bytearray(1 << 30)"],
            timeout_s=20,
            usage=runner.Usage(memory_bytes=1 << 29),
        )


def test_a_cpu_limit_ends_a_command_that_spins():
    with pytest.raises(CommandFailed) as failure:
        runner.run(["sh", "-c", "while :; do :; done"], timeout_s=20, usage=runner.Usage(cpu_s=1))
    assert failure.value.details["exit_code"] == 128 + signal.SIGXCPU


def test_a_file_limit_stops_a_command_that_writes_too_much(tmp_path: Path):
    out = tmp_path / "big.raw"
    with pytest.raises(CommandFailed):
        runner.run(
            ["ffmpeg", "-f", "lavfi", "-i", "testsrc2=s=640x360:d=10", "-f", "rawvideo", f"file:{out}"],
            timeout_s=20, usage=runner.Usage(file_bytes=2_000_000),
        )  # fmt: skip
    assert out.stat().st_size <= 2_000_000


def test_a_full_disk_is_a_reason_to_try_again():
    with pytest.raises(ServiceUnavailable, match="disk is full"):
        runner.run(["ffmpeg", "-f", "lavfi", "-i", "sine=d=1", "-f", "wav", "/dev/full"], timeout_s=20)


def test_progress_rises_to_one(tmp_path: Path):
    seen: list[float] = []
    runner.run(
        ["ffmpeg", "-re", "-f", "lavfi", "-i", "sine=d=1.2", str(tmp_path / "out.wav")],
        timeout_s=20, on_progress=seen.append, duration_s=1.2,
    )  # fmt: skip
    assert len(seen) >= 3
    assert seen == sorted(seen)
    assert seen[0] < 0.7
    assert seen[-1] == pytest.approx(1.0)


def test_secrets_of_the_environment_do_not_reach_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ECG_SECRET_KEY", "hush")
    assert b"hush" not in runner.run(["env"], timeout_s=10)


def test_no_child_is_left_when_a_signal_handler_raises(children_left: Callable[[], list[str]]):
    class Shutdown(Exception):
        pass

    def stop(*_: object) -> None:
        raise Shutdown

    previous = signal.signal(signal.SIGUSR1, stop)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    try:
        with pytest.raises(Shutdown):
            runner.run(ENDLESS, timeout_s=30)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert not children_left()


def test_leaving_a_listing_early_ends_its_command(children_left: Callable[[], list[str]]):
    listing = runner.lines(["sh", "-c", "while :; do echo line; done"], timeout_s=30)
    assert next(listing) == "line"
    listing.close()
    assert not children_left()


def test_frames_fed_in_are_all_encoded(tmp_path: Path):
    out = tmp_path / "out.mkv"
    with runner.Feed(["ffmpeg", *RAW, "-c:v", "ffv1", str(out)], timeout_s=30) as feed:
        for number in range(10):
            feed.write(bytes([number * 20]) * (64 * 64 * 4))
    assert len(clips.stamps_s(out)) == 10


def feed_for_ever(feed: runner.Feed, frame_bytes: int = 64 * 64 * 4) -> None:
    with feed:
        while True:
            feed.write(bytes(frame_bytes))


def test_a_feed_whose_ffmpeg_died_says_what_ffmpeg_said(tmp_path: Path):
    argv = ["ffmpeg", *RAW, "-c:v", "no_such_codec", str(tmp_path / "out.mkv")]
    with pytest.raises(CommandFailed, match="no_such_codec") as failure:
        feed_for_ever(runner.Feed(argv, timeout_s=30))
    assert failure.value.details["exit_code"] == 1
    assert "Unknown encoder 'no_such_codec'" in failure.value.details["stderr_tail"]


def test_a_feed_whose_ffmpeg_ends_before_the_last_frame_is_a_failure(tmp_path: Path):
    argv = ["ffmpeg", *RAW, "-frames:v", "3", "-c:v", "ffv1", str(tmp_path / "out.mkv")]
    with pytest.raises(CommandFailed, match="stopped reading"):
        feed_for_ever(runner.Feed(argv, timeout_s=30))


def test_a_feed_whose_ffmpeg_stops_reading_is_stopped_at_its_time(children_left: Callable[[], list[str]]):
    start = time.monotonic()
    with pytest.raises(TimeoutExceeded):
        feed_for_ever(runner.Feed(["sleep", "60"], timeout_s=0.5), 1 << 20)
    assert time.monotonic() - start < 5
    assert not children_left()


def test_a_feed_is_ended_when_its_caller_fails(tmp_path: Path, children_left: Callable[[], list[str]]):
    def interrupted() -> None:
        with runner.Feed(["ffmpeg", *RAW, "-c:v", "ffv1", str(tmp_path / "out.mkv")], timeout_s=30) as feed:
            feed.write(bytes(64 * 64 * 4))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not children_left()
