"""The word that must be lit at a frame is lit at that frame, from start to end, at any rate, by any clock."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ecg.browser.capture import CaptureBrowser
from ecg.media.frames import frames_at
from ecg.media.probe import Limits, probe
from tests.browser.conftest import make_browser
from tests.media import clips
from tests.stages.rendering import lit_at_once, moment_in, rendered

WORDS = ["One", "two", "three", "four", "five", "six"]
CORNER = (8, 8, 40, 40)


@pytest.fixture(scope="module")
def browser() -> Iterator[CaptureBrowser]:
    with make_browser() as browser:
        yield browser


def flashing(path: Path, moments_s: list[float], *, fps: str, seconds: float, clock: str = "") -> Path:
    """A clip that is dark, then at each of these moments in turn bright and dark. ``clock``: more filters."""
    times = "+".join(f"gte(T,{moment_s - 1e-6:.9f})" for moment_s in moments_s)
    shown = f"color=black:s=320x180:r={fps}:d={seconds}{clock},geq=lum='40+160*mod({times},2)':cb=128:cr=128"
    clips.ffmpeg("-f", "lavfi", "-i", shown, "-f", "lavfi", "-i", f"sine=d={seconds}",
                 "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-video_track_timescale", 90000,
                 "-c:v", "libx264", "-preset", "ultrafast", "-crf", 12, "-pix_fmt", "yuv420p",
                 "-c:a", "aac", path)  # fmt: skip
    return path


def spread(frames: int) -> list[int]:
    """Frames at the start, in the middle and at the end, none at an even distance from the next."""
    middle = frames // 2
    return [7, 20, middle - 1, middle + 12, frames - 20, frames - 4]


def just_before(frames: list[int], fps: Fraction) -> list[float]:
    """Times at which the frames are those to be lit: some exactly theirs, some a little earlier."""
    early = [Fraction(0), Fraction(9, 10), Fraction(1, 2), Fraction(0), Fraction(1, 10), Fraction(0)]
    return [float((frame - part) / fps) for frame, part in zip(frames, early, strict=True)]


def seen(path: Path, frames: list[int], fps: Fraction, place: tuple[int, int, int, int]) -> list[np.ndarray]:
    """What these frames show there."""
    pictures = frames_at(path, [moment_in(frame, fps) for frame in frames], place)
    return [picture.astype(int) for picture in pictures]


def blueness(picture: np.ndarray) -> float:
    """How blue a word is: 0 as long as it is white."""
    return float((picture[..., 2] - picture[..., 0]).clip(0).mean())


def places(scenario: dict, size: tuple[int, int], browser: CaptureBrowser) -> list[tuple[int, int, int, int]]:
    with browser.open(scenario, *size) as session:
        (cue,) = session.inventory(0.0, scenario["duration_s"])["cues"]
    return [tuple(word["rect"]) for word in cue["words"]]


def steps_in_brightness(path: Path, frames: list[tuple[int, int]], fps: Fraction) -> list[float]:
    """How much brighter the source's own picture is at the second frame of each pair."""
    levels = [picture.mean() for picture in seen(path, [n for pair in frames for n in pair], fps, CORNER)]
    return [float(after - before) for before, after in zip(levels[::2], levels[1::2], strict=True)]


def assert_lit_in_time(
    video: Path, fps: Fraction, lit: list[int], where: list[tuple[int, int, int, int]]
) -> None:
    for frame, place in zip(lit, where, strict=True):
        earlier, then, later = map(blueness, seen(video, [frame - 1, frame, frame + 3], fps, place))
        assert earlier < 3, f"lit before frame {frame}"
        assert then > 0.7 * later > 10, f"not lit at frame {frame}"


@pytest.mark.parametrize("rate", [
    "30000/1001", "60", *(pytest.param(rate, marks=pytest.mark.long) for rate in ("25", "30", "50")),
])  # fmt: skip
def test_words_are_lit_at_their_frames(browser: CaptureBrowser, tmp_path: Path, rate: str):
    fps, seconds = Fraction(rate), 4.0
    lit = spread(round(seconds * fps))
    times_s = just_before(lit, fps)
    source = flashing(tmp_path / "a.mp4", times_s, fps=rate, seconds=seconds)
    scenario = lit_at_once(WORDS, times_s, seconds)
    video, plan = rendered(source, scenario, tmp_path, browser)
    assert Fraction(plan.fps) == fps
    assert_lit_in_time(video, fps, lit, places(scenario, (320, 180), browser))
    steps = steps_in_brightness(video, [(frame - 1, frame) for frame in lit], fps)
    for number, (frame, step) in enumerate(zip(lit, steps, strict=True)):
        assert step * (-1) ** number > 100, f"the picture of frame {frame} is not its own"


def test_words_are_lit_at_their_frames_on_both_sides_of_a_seam(browser: CaptureBrowser, tmp_path: Path):
    fps, seconds, lit = Fraction(25), 12.0, [40, 249, 250, 251, 270, 290]
    times_s = just_before(lit, fps)
    source = flashing(tmp_path / "a.mp4", times_s, fps="25", seconds=seconds)
    scenario = lit_at_once(WORDS, times_s, seconds)
    video, _ = rendered(source, scenario, tmp_path, browser, edges=[250])
    assert_lit_in_time(video, fps, lit, places(scenario, (320, 180), browser))


def test_a_phone_s_unsteady_clock_moves_no_word(browser: CaptureBrowser, tmp_path: Path):
    """Its pictures come up to 12 ms late, and some not at all; captions keep to the clock."""
    seconds, moments_s = 5.0, [0.31, 0.9, 2.4, 3.0, 4.3, 4.8]
    unsteady = ",settb=1/90000,setpts='PTS+if(N,random(1)*0.012,0)/TB',select='mod(n,37)-36'"
    source = flashing(tmp_path / "a.mp4", moments_s, fps="30", seconds=seconds, clock=unsteady)
    info = probe(source, Limits())
    scenario = lit_at_once(WORDS, moments_s, seconds)
    video, plan = rendered(source, scenario, tmp_path, browser)
    fps = Fraction(plan.fps)
    lit = [int(np.ceil(moment_s * fps)) for moment_s in moments_s]
    assert info.fps == fps
    assert_lit_in_time(video, fps, lit, places(scenario, (320, 180), browser))
    steps = steps_in_brightness(video, [(frame - 2, frame + 1) for frame in lit], fps)
    for number, (frame, step) in enumerate(zip(lit, steps, strict=True)):
        assert step * (-1) ** number > 100, f"the picture is far from its time at frame {frame}"
