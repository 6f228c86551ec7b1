"""A source of another shape than the result: all of it between bars, its middle, or all of it on a blur."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecg.errors import BadRequest
from ecg.media.frames import decode_frame
from ecg.media.picture import LAYOUTS
from tests.media import clips
from tests.media.renders import YELLOW, burn_all

RED, LIME, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def bands(path: Path, *options: object) -> Path:
    """320×180: 70 pixels red, 180 lime, 70 blue."""
    sources = ["color=red:s=70x180", "color=lime:s=180x180", "color=blue:s=70x180"]
    graph = ";".join(f"{source}:r=10:d=0.6[{n}]" for n, source in enumerate(sources))
    clips.ffmpeg("-filter_complex", f"{graph};[0][1][2]hstack=3", *options, "-preset", "ultrafast", "-crf", 8,
                 *([] if "-pix_fmt" in options else ["-pix_fmt", "yuv420p"]), path)  # fmt: skip
    return path


def off(picture: np.ndarray, color: tuple[int, int, int]) -> float:
    """How far the worst channel of the worst pixel is off."""
    return float(np.abs(picture.astype(int) - color).max())


def shown(source: Path, layout: str, size: tuple[int, int], **options: object) -> np.ndarray:
    out = burn_all(
        source, source.with_name(f"{layout}.mp4"), layout=layout, size=size, quality=100, **options
    )
    return decode_frame(out, 0.3)


def test_fill_shows_the_middle_and_nothing_else(tmp_path: Path):
    picture = shown(bands(tmp_path / "a.mp4"), "fill", (180, 180))
    assert off(picture[4:-4, 4:-4], LIME) < 12


def test_fill_enlarges_until_both_sides_are_covered(tmp_path: Path):
    # 180 of 320 pixels wide, of which a strip of 101 remains: lime is all there is.
    picture = shown(bands(tmp_path / "a.mp4"), "fill", (180, 320))
    assert picture.shape == (320, 180, 3)
    assert off(picture[4:-4, 4:-4], LIME) < 12


def test_fill_of_a_rotated_source_cuts_the_upright_picture(tmp_path: Path):
    stored = bands(tmp_path / "stored.mp4")
    clips.ffmpeg("-i", stored, "-c", "copy", "-metadata:s:v:0", "rotate=270", tmp_path / "a.mp4")
    picture = shown(tmp_path / "a.mp4", "fill", (180, 180))
    assert off(picture[4:-4, 4:-4], LIME) < 12


def test_fill_of_pixels_that_are_not_square_stretches_nothing(tmp_path: Path):
    # A white square on screen: 55 stored pixels wide, 80 high, as each is 16/11 wide.
    square = "drawbox=x=(iw-55)/2:y=(ih-80)/2:w=55:h=80:color=white:t=fill,setsar=16/11"
    source = clips.video(tmp_path / "a.mp4", source="color", size="360x288", seconds=0.6, fps="10",
                         picture=("-vf", square))  # fmt: skip
    white = shown(source, "fill", (288, 288))[:, :, 1] > 128
    assert white[144].sum() == pytest.approx(80, abs=3)
    assert white[:, 144].sum() == pytest.approx(80, abs=3)


def test_fill_of_an_odd_size_leaves_no_edge(tmp_path: Path):
    odd = ("-vf", "format=yuv444p,pad=321:181:color=white", "-pix_fmt", "yuv444p")
    source = clips.video(tmp_path / "a.mp4", source="color=white", seconds=0.6, fps="10", picture=odd)
    assert shown(source, "fill", (180, 320))[:, :, 1].min() > 225


def test_blur_shows_all_of_the_picture_on_a_darker_soft_copy_of_itself(tmp_path: Path):
    picture = shown(bands(tmp_path / "a.mp4"), "blur", (180, 320)).astype(int)
    middle = picture[115:205]
    assert off(middle[:, 4:34], RED) < 12
    assert off(middle[:, 44:136][:, :40], LIME) < 40  # the caption box is further right, and clear
    assert off(middle[:, 146:176], BLUE) < 12
    behind = picture[10:90]
    assert 60 < behind[:, :, 1].mean() < 200
    assert behind[:, :, 1].mean() > 2 * behind[:, :, 0].mean()


def test_a_blur_is_soft(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", size="640x360", seconds=0.6, fps="10", sound=False)
    picture = shown(source, "blur", (360, 640)).astype(int)
    steps = np.abs(np.diff(picture[:, :, 1], axis=1))
    assert steps[:200].max() < 25 < steps[240:400].max()


@pytest.mark.parametrize("how", ["tv", "pc", "rgb", "10 bit"])
def test_blur_and_captions_have_their_colours_on_every_kind_of_source(tmp_path: Path, how: str):
    picture = {
        "tv": (), "10 bit": ("-pix_fmt", "yuv420p10le"), "rgb": ("-c:v", "qtrle", "-pix_fmt", "rgb24"),
        "pc": ("-vf", "scale=out_range=pc", "-pix_fmt", "yuvj420p", "-color_range", "pc"),
    }[how]  # fmt: skip
    source = clips.video(tmp_path / "a.mov", source="color=white", seconds=0.6, fps="10", picture=picture)
    shot = shown(source, "blur", (180, 320), rgba=(*YELLOW, 255))
    assert off(shot[4:16, 4:84], (153, 153, 153)) < 12
    assert off(shot[130:190, 4:176], (255, 255, 255)) < 8
    assert off(shot[28:52, 98:142], YELLOW) < 10


def test_a_source_of_the_same_shape_looks_the_same_in_every_layout(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", size="640x360", seconds=0.6, fps="10", sound=False)
    pictures = [shown(source, layout, (320, 180)) for layout in LAYOUTS]
    assert all(np.array_equal(picture, pictures[0]) for picture in pictures)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_very_long_shape_is_rendered_too(tmp_path: Path, layout: str):
    source = clips.video(tmp_path / "a.mp4", size="2048x16", seconds=0.6, fps="10", sound=False)
    assert shown(source, layout, (180, 320)).shape == (320, 180, 3)


def test_a_layout_nobody_knows_is_refused(tmp_path: Path, clip: Path):
    with pytest.raises(BadRequest, match="no layout 'zoom'; use fit, fill, blur"):
        burn_all(clip, tmp_path / "o.mp4", layout="zoom")
