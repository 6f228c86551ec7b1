"""However a video is cut into chunks, it is coded the same: key frames are counted from its start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ecg.media.encode import KEY_FRAME_EVERY
from ecg.media.formats import WEBM
from ecg.media.overlay import OverlaySpec
from ecg.media.probe import Limits, probe
from tests.media import clips
from tests.media.renders import borders, caption, render

FRAMES, FPS = 3510, Fraction(30)
OVERLAY = OverlaySpec(90, 20, 60, 40, FPS)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,510 frames that move, with a hard cut every few seconds, off the grid of key frames."""
    path = tmp_path_factory.mktemp("long") / "a.mp4"
    cuts = ("-vf", "negate=enable='lt(mod(t,7.3),3)'")
    return clips.video(path, size="160x90", fps="30", seconds=float(FRAMES / FPS), picture=cuts)


def captions(first: int) -> Iterator[memoryview]:
    """A box that changes its colour at each frame of the whole video, and is not there now and then."""
    number = first
    while True:
        yield caption(OVERLAY, (255, number * 7 % 256, 0, 255 if number % 50 < 40 else 0))
        number += 1


def pictures(path: Path) -> np.ndarray:
    """All decoded pictures, as 8-bit numbers: frames × (brightness, then colour)."""
    raw = clips.ffmpeg("-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo",
                       "-pix_fmt", "yuv420p", "-")  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(-1, 160 * 90 * 3 // 2)


def key_frames(path: Path, fps: Fraction) -> set[int]:
    """The numbers of the frames from which decoding can begin."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time,flags",
               "-of", "csv=p=0", str(path)]  # fmt: skip
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return {round(float(line.split(",")[0]) * fps) for line in listing if "K" in line.split(",")[1]}


@contextmanager
def on_one_core() -> Iterator[None]:
    """What is started meanwhile has one core: with one thread x264 codes the same picture the same way."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def rendered(source: Path, folder: Path, chunks: int, preset: str) -> Path:
    return render(
        source, folder / f"{chunks}.mp4", chunks=chunks, every=KEY_FRAME_EVERY, frames_from=captions,
        overlay=OVERLAY, preset=preset, quality=75,
    )  # fmt: skip


@pytest.fixture(scope="module", params=["veryfast", "ultrafast"])
def renders(
    request: pytest.FixtureRequest, long_clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Path]:
    """The same render in 1, 2 and 7 chunks."""
    folder = tmp_path_factory.mktemp("renders")
    with on_one_core():
        return {chunks: rendered(long_clip, folder, chunks, request.param) for chunks in (1, 2, 7)}


def test_a_key_frame_stands_at_every_250th_frame_of_the_whole(renders: dict[int, Path]):
    for path in renders.values():
        assert set(range(0, FRAMES, KEY_FRAME_EVERY)) <= key_frames(path, FPS)


# How finely x264 codes a picture depends a little on all it has coded before: so behind a border it may be
# another, until the next key frame.
WORST_DB = 34.0


@pytest.mark.parametrize("chunks", [2, 7])
def test_chunks_decode_to_the_pictures_of_the_whole_but_for_the_first_group_after_a_border(
    renders: dict[int, Path], chunks: int
):
    whole, cut = pictures(renders[1]), pictures(renders[chunks])
    assert len(cut) == len(whole) == FRAMES
    errors = differences(cut, whole)
    after_a_border = np.zeros(FRAMES, bool)
    for border in borders(FRAMES, chunks, KEY_FRAME_EVERY):
        after_a_border[border : border + KEY_FRAME_EVERY] = True
    assert not after_a_border.all()
    assert not errors[~after_a_border].any()
    assert decibels(errors.max()) > WORST_DB


def test_on_several_cores_chunks_look_like_the_whole_too(long_clip: Path, tmp_path: Path):
    """Coded twice by several threads, some B pictures are not the same, nor is what refers to them."""
    errors = differences(*(pictures(rendered(long_clip, tmp_path, n, "veryfast")) for n in (1, 7)))
    assert np.mean(errors == 0) > 0.75
    assert decibels(errors.max()) > WORST_DB


def differences(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The mean square error of each picture."""
    return ((one.astype(np.int16) - other) ** 2).mean(axis=1)


def test_no_border_between_chunks_is_coded_worse(renders: dict[int, Path], long_clip: Path):
    left = np.arange(160 * 90) % 160 < 72  # away from the captions
    original = pictures(long_clip)[:, : 160 * 90][:, left].astype(np.int16)
    whole, cut = (pictures(renders[n])[:, : 160 * 90][:, left] for n in (1, 7))
    for border in borders(FRAMES, 7, KEY_FRAME_EVERY):
        near = slice(border - 15, border + 15)
        lost = [decibels(((coded[near] - original[near]) ** 2).mean()) for coded in (whole, cut)]
        assert lost[1] > lost[0] - 0.5


def decibels(error: float) -> float:
    """PSNR of a mean square error."""
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def test_time_and_sound_do_not_depend_on_the_chunks(renders: dict[int, Path], long_clip: Path):
    sound = clips.packets_md5(long_clip, "a:0")
    for path in renders.values():
        assert clips.stamps_s(path) == pytest.approx([number / 30 for number in range(FRAMES)], abs=1e-5)
        assert clips.packets_md5(path, "a:0") == sound
        assert probe(path, Limits()).duration_s == probe(renders[1], Limits()).duration_s


def test_vp9_has_its_key_frames_at_the_same_places(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", size="160x90", fps="60", seconds=9, sound=False)
    out = render(source, tmp_path / "o.webm", chunks=2, every=KEY_FRAME_EVERY, format=WEBM)
    assert {0, 250, 500} <= key_frames(out, Fraction(60))
    assert len(pictures(out)) == 540
