"""What dies in the middle of a chunk: it is mended inside the step, or fails it so that it is tried again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ecg.browser.capture import CaptureBrowser
from ecg.errors import CommandFailed, Outage
from ecg.stages import render
from ecg.stages.render import Plan, Span
from tests.browser.conftest import make_browser
from tests.browser.test_capture import descendants, process_of
from tests.processes import named
from tests.stages.captioned import TEXT, make_source, spoken
from tests.stages.rendering import chunk, prepared, witness_of
from tests.storage.tiny_disk import a_tiny_disk

#: Far more frames than Chromium is ever ahead of the encoder: it still draws when a fault comes.
SECONDS = 20.0


@pytest.fixture(scope="module")
def others() -> set[int]:
    """Processes that were there before the browser, another Chromium's among them."""
    return descendants(os.getpid())


@pytest.fixture(scope="module")
def browser(others: set[int]) -> Iterator[CaptureBrowser]:
    with make_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan, Path]:
    """A source, the plan of its render and what is drawn."""
    folder = tmp_path_factory.mktemp("job")
    source = make_source(folder / "a.mp4", "noise", seconds=SECONDS)
    return source, *prepared(source, spoken(f"{TEXT} " * 4), folder, quality=100)


def ffmpegs() -> list[psutil.Process]:
    """Those that this process runs, or has left to run."""
    return named("ffmpeg")


def kill_an_ffmpeg() -> None:
    """As soon as there is one: on a busy machine its guard may still be starting it."""
    until_s = time.monotonic() + 20
    while not (running := ffmpegs()) and time.monotonic() < until_s:
        time.sleep(0.01)
    running[0].kill()


def once_at(share: float, fault: Callable[[], object]) -> Callable[[float], None]:
    """A listener to progress that lets the fault happen there."""
    left = [fault]

    def on_progress(done: float) -> None:
        if left and done >= share:
            left.pop()()

    return on_progress


def in_the_middle(job: tuple[Path, Plan, Path], out: Path, browser: CaptureBrowser,
                  fault: Callable[[], object] = lambda: None) -> dict:  # fmt: skip
    source, plan, scenario = job
    return chunk(source, plan, scenario, Span(0, plan.frames), out, browser, once_at(0.1, fault))


@pytest.mark.parametrize("role", [b"browser", b"renderer"])
def test_a_chromium_that_dies_is_replaced_inside_the_step(
    browser: CaptureBrowser, others: set[int], job: tuple[Path, Plan, Path], tmp_path: Path, role: bytes
):
    def die() -> None:
        os.kill(process_of(role, descendants(os.getpid()) - others), signal.SIGKILL)

    undisturbed, out = tmp_path / "undisturbed.mp4", tmp_path / "chunk.mp4"
    in_the_middle(job, undisturbed, browser)
    figures = in_the_middle(job, out, browser, die)
    assert figures["restarts"] == 1
    assert figures["frames"] == job[1].frames
    assert out.read_bytes() == undisturbed.read_bytes()
    source, plan, _ = job
    render.assemble([out], [witness_of(out)], [figures], source, plan, tmp_path / "video.mp4")


def test_an_ffmpeg_that_is_killed_fails_the_step_so_that_it_is_tried_again(
    browser: CaptureBrowser, job: tuple[Path, Plan, Path], tmp_path: Path
):
    begun = time.monotonic()
    with pytest.raises(CommandFailed) as found:
        in_the_middle(job, tmp_path / "chunk.mp4", browser, kill_an_ffmpeg)
    assert found.value.details["exit_code"] == 128 + signal.SIGKILL
    assert found.value.retryable
    assert time.monotonic() - begun < 30
    assert not ffmpegs()
    assert in_the_middle(job, tmp_path / "again.mp4", browser)["restarts"] == 0


def test_a_full_disk_fails_the_step_as_an_outage(
    browser: CaptureBrowser, job: tuple[Path, Plan, Path], tmp_path: Path
):
    disk = tmp_path / "disk"
    with a_tiny_disk(disk, 300_000):
        with pytest.raises(Outage, match="full") as found:
            in_the_middle(job, disk / "chunk.mp4", browser)
        assert not ffmpegs()
    assert found.value.retryable
    assert in_the_middle(job, tmp_path / "again.mp4", browser)["restarts"] == 0
