"""Single pictures come out as a viewer sees them: the right one, upright, in the right colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecg.errors import InvalidMedia
from ecg.media.frames import decode_frame, frames_at
from tests.media import clips


def test_the_picture_at_a_time_is_the_one_on_screen_then(tmp_path: Path):
    path = clips.counter(tmp_path / "a.mp4", frames=25)
    shown = frames_at(path, [9.0, 0.0, 0.04, 0.079, 0.5, 0.5, 0.96, 0.999, 5.0], (0, 0, 80, 90))
    numbers = [round((16 + float(picture.mean()) * 219 / 255 - 20) / 4) for picture in shown]
    assert numbers == [24, 0, 1, 1, 12, 12, 24, 24, 24]


def test_a_box_is_cut_out_to_the_pixel(clip: Path):
    whole = decode_frame(clip, 0.2)
    assert whole.shape == (180, 320, 3)
    assert np.array_equal(decode_frame(clip, 0.2, (101, 51, 33, 17)), whole[51:68, 101:134])


def test_a_rotated_video_is_seen_upright(tmp_path: Path):
    path = clips.rotated(tmp_path / "a.mp4", 90)
    stored = decode_frame(tmp_path / "stored.mp4", 0.2)
    assert np.abs(np.rot90(stored, -1).astype(int) - decode_frame(path, 0.2)).mean() < 1


@pytest.mark.parametrize(("size", "matrix"), [("320x180", "bt601"), ("1280x720", "bt709")])
def test_untagged_colours_are_read_as_players_do(tmp_path: Path, size: str, matrix: str):
    orange = f"color=0xff8000:s={size}:r=5:d=0.6,format=rgb24,scale=out_color_matrix={matrix}"
    clips.ffmpeg("-f", "lavfi", "-i", orange, "-pix_fmt", "yuv420p", "-crf", 4, tmp_path / "a.mp4")
    assert (
        np.abs(decode_frame(tmp_path / "a.mp4", 0.2, (10, 10, 20, 20)).astype(int) - (255, 128, 0)).max() < 6
    )


def test_a_file_without_a_picture_is_said_to_have_none(tmp_path: Path):
    with pytest.raises(InvalidMedia, match="no picture"):
        decode_frame(clips.sound(tmp_path / "a.wav"), 0.0)
