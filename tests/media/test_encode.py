"""Captions burnt in: where they belong, nothing else touched, every picture of the source at its time."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from ecg.errors import BadRequest, CommandFailed, ProcessingError
from ecg.media.encode import burn_command
from ecg.media.frames import decode_frame
from ecg.media.overlay import OverlaySpec
from ecg.media.picture import even_size
from ecg.media.probe import Limits, MediaInfo, probe
from tests.media import clips
from tests.media.renders import CLEAR, YELLOW, box, burn_all, caption, forever, render

LIMITS = Limits()
FRAME_SLACK = 1.01  # a frame, and what containers round
_BLOCK = 16  # an encoder's block: where the box cuts one, all of it is coded anew


def plain_transcode(source: Path, out: Path, *filters: str) -> Path:
    """What ffmpeg alone makes of the source with the settings of `burn_all`."""
    chain = ("-vf", ",".join(filters)) if filters else ()
    clips.ffmpeg("-i", source, "-an", *chain, "-c:v", "libx264", "-preset", "ultrafast", "-crf", 18,
                 "-pix_fmt", "yuv420p", out)  # fmt: skip
    return out


def psnr_outside(source: Path, coded: Path, overlay: OverlaySpec) -> float:
    """PSNR in dB of what lies outside the caption box and the blocks it cuts, over a few pictures."""
    errors = []
    for t_s in (0.42, 0.8):
        a, b = (decode_frame(path, t_s).astype(float) for path in (source, coded))
        difference = (a - b) ** 2
        rows = slice(overlay.y - _BLOCK, overlay.y + overlay.height + _BLOCK)
        difference[
            max(0, rows.start) : rows.stop, overlay.x - _BLOCK : overlay.x + overlay.width + _BLOCK
        ] = np.nan
        errors.append(np.nanmean(difference))
    return float(10 * np.log10(255**2 / np.mean(errors)))


# --- what the picture shows


@pytest.mark.parametrize(("size", "fps"), [("640x360", "25"), ("320x180", "30000/1001")])
def test_under_clear_captions_the_video_is_that_of_a_plain_transcode(tmp_path: Path, size: str, fps: str):
    source = clips.video(tmp_path / "a.mp4", size=size, fps=fps)
    plain = plain_transcode(source, tmp_path / "plain.mp4")
    ours = burn_all(source, tmp_path / "ours.mp4")
    assert clips.pictures_md5(ours) == clips.pictures_md5(plain)


def test_outside_the_caption_box_the_picture_is_as_good_as_a_plain_transcode(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", size="640x360")
    plain = plain_transcode(source, tmp_path / "plain.mp4")
    ours = burn_all(source, tmp_path / "ours.mp4", rgba=(*YELLOW, 255))
    overlay = box(Fraction(25))
    assert psnr_outside(source, ours, overlay) == pytest.approx(psnr_outside(source, plain, overlay), abs=0.1)


COLOURED = [
    ("320x180", ()), ("320x180", ("-colorspace", "bt709")), ("1280x720", ()),
    ("1280x720", ("-colorspace", "smpte170m")),
]  # fmt: skip


@pytest.mark.parametrize(("size", "tags"), COLOURED)
def test_captions_have_their_own_colour_in_their_box_and_nowhere_else(tmp_path: Path, size: str, tags: tuple):
    source = clips.video(tmp_path / "a.mp4", size=size, seconds=0.6, fps="10", source="color", picture=tags)
    picture = decode_frame(
        burn_all(source, tmp_path / "o.mp4", rgba=(*YELLOW, 255), quality=100), 0.3
    ).astype(int)
    inside = picture[24:56, 94:146]
    assert np.abs(inside - YELLOW).max() < 8
    picture[16:64, 86:154] = 0
    assert picture.max() < 8


def test_half_clear_captions_let_the_picture_through(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", source="color=white", seconds=0.6, fps="10", sound=False)
    picture = decode_frame(burn_all(source, tmp_path / "o.mp4", rgba=(0, 0, 0, 128)), 0.3)
    assert picture[30:50, 100:140].mean() == pytest.approx(127, abs=6)


def test_each_caption_frame_lies_on_its_own_picture(tmp_path: Path):
    source, overlay = clips.counter(tmp_path / "a.mp4", frames=20), box(Fraction(25))
    frames = (caption(overlay, (12 * number,) * 3 + (255,)) for number in range(20))
    out = burn_all(source, tmp_path / "o.mp4", frames=frames)
    assert clips.numbers(out) == list(range(20))
    levels = [decode_frame(out, number / 25, (100, 30, 40, 20)).mean() for number in (0, 7, 13, 19)]
    assert levels == pytest.approx([0, 84, 156, 228], abs=4)


@pytest.mark.parametrize("degrees", [90, 180])
def test_a_rotated_source_is_upright_and_captions_lie_in_the_upright_picture(tmp_path: Path, degrees: int):
    source = clips.rotated(tmp_path / "a.mp4", degrees, seconds=0.6, fps="10")
    plain = plain_transcode(source, tmp_path / "plain.mp4")
    ours = burn_all(source, tmp_path / "ours.mp4", rgba=(*YELLOW, 255))
    info = probe(ours, LIMITS)
    assert (info.width, info.height, info.rotation) == ((320, 180, 0) if degrees == 180 else (180, 320, 0))
    assert psnr_outside(plain, ours, box(Fraction(10))) > 35
    assert np.abs(decode_frame(ours, 0.3, (100, 30, 40, 20)).astype(int) - YELLOW).max() < 12


def test_an_odd_size_loses_one_pixel_and_no_more(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", picture=clips.ODD, seconds=0.6, fps="10")
    assert even_size(321, 181) == (320, 180)
    ours = burn_all(source, tmp_path / "o.mp4", quality=100)
    difference = decode_frame(source, 0.3)[:180, :320].astype(int) - decode_frame(ours, 0.3)
    assert np.abs(difference[:, :, 1]).mean() < 4


def test_another_shape_gets_bars_and_no_stretching(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", source="color=white", seconds=0.6, fps="10", sound=False)
    ours = burn_all(source, tmp_path / "o.mp4", size=(180, 320), background="0x002040", rgba=CLEAR)
    picture = decode_frame(ours, 0.3)
    assert picture.shape == (320, 180, 3)
    white = picture[:, 90].mean(axis=-1) > 200
    assert white.sum() == pytest.approx(180 * 180 / 320, abs=3)
    assert not white[:100].any()
    assert np.abs(picture[20, 90].astype(int) - (0, 0x20, 0x40)).max() < 10


def test_pixels_that_are_not_square_become_square(tmp_path: Path):
    source = clips.video(
        tmp_path / "a.mp4", size="360x288", picture=("-vf", "setsar=16/11"), seconds=0.6, fps="10"
    )
    info = probe(burn_all(source, tmp_path / "o.mp4"), LIMITS)
    assert (info.width, info.height, info.pixel_aspect) == (524, 288, 1)


TAGS = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709")


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        (TAGS, ("bt709", "bt709", "bt709")),
        (
            ("-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-colorspace", "smpte170m"),
            ("smpte170m",) * 3,
        ),
        ((), (None, None, None)),
    ],
)
def test_colour_tags_stay_as_they_are(tmp_path: Path, tags: tuple, kept: tuple):
    source = clips.video(tmp_path / "a.mp4", seconds=0.6, fps="10", picture=tags)
    color = probe(render(source, tmp_path / "o.mp4"), LIMITS).color
    assert (color.primaries, color.transfer, color.space) == kept


def test_a_source_in_full_range_stays_in_full_range(tmp_path: Path):
    full = ("-vf", "scale=out_range=pc", "-pix_fmt", "yuvj420p", "-color_range", "pc", *TAGS)
    source = clips.video(tmp_path / "a.mp4", source="color=white", seconds=0.6, fps="10", picture=full)
    ours = burn_all(source, tmp_path / "o.mp4", rgba=(*YELLOW, 255))
    assert probe(ours, LIMITS).color.range == "pc"
    assert decode_frame(ours, 0.3, (0, 0, 40, 40)).min() > 250
    assert np.abs(decode_frame(ours, 0.3, (100, 30, 40, 20)).astype(int) - YELLOW).max() < 8


def test_ten_bit_sources_become_eight_bit_ones_every_player_knows(tmp_path: Path):
    ten = ("-pix_fmt", "yuv420p10le", "-profile:v", "high10")
    source = clips.video(tmp_path / "a.mp4", seconds=0.6, fps="10", picture=ten)
    ours = burn_all(source, tmp_path / "o.mp4")
    assert probe(ours, LIMITS).pix_fmt == "yuv420p"
    assert psnr_outside(source, ours, box(Fraction(10))) > 32


def test_a_source_in_rgb_keeps_its_colours(tmp_path: Path):
    clips.ffmpeg(
        "-f",
        "lavfi",
        "-i",
        "color=0xff8000:s=320x180:r=10:d=0.6,format=rgb24",
        "-c:v",
        "qtrle",
        tmp_path / "a.mov",
    )
    picture = decode_frame(burn_all(tmp_path / "a.mov", tmp_path / "o.mp4", quality=100), 0.3, (0, 0, 40, 40))
    assert np.abs(picture.astype(int) - (255, 128, 0)).max() < 6


def test_sound_alone_is_laid_under_a_plain_picture(tmp_path: Path):
    source = clips.sound(tmp_path / "a.mp3", seconds=1.5)
    out = render(source, tmp_path / "o.mp4", chunks=2, rgba=(*YELLOW, 255), background="0x203040")
    info = probe(out, LIMITS)
    assert (info.width, info.height, info.fps, info.acodec) == (320, 180, 30, "mp3")
    assert info.duration_s == pytest.approx(1.5, abs=FRAME_SLACK / 30 + 0.03)
    assert np.abs(decode_frame(out, 1.0, (0, 0, 40, 40)).astype(int) - (0x20, 0x30, 0x40)).max() < 6
    assert np.abs(decode_frame(out, 1.0, (100, 30, 40, 20)).astype(int) - YELLOW).max() < 6


# --- when it shows it


COUNTERS = {
    "plain": ("a.mp4", 1, {}),
    "few key frames": ("a.mp4", 3, {"picture": ("-g", 1000)}),
    "b-frames": ("a.mp4", 3, {"picture": ("-preset", "veryfast", "-bf", 3, "-x264-params", "open-gop=1")}),
    "rounded times": ("a.mkv", 3, {"fps": "30000/1001", "frames": 30}),
    "twice that rate": ("a.mkv", 3, {"fps": "60000/1001", "frames": 50}),
    "stream that starts late": ("a.ts", 3, {"picture": ("-preset", "veryfast", "-output_ts_offset", 50)}),
}


@pytest.mark.parametrize(("name", "chunks", "options"), COUNTERS.values(), ids=COUNTERS)
def test_every_picture_comes_once_and_in_order_however_it_is_cut(
    tmp_path: Path, name: str, chunks: int, options: dict
):
    source = clips.counter(tmp_path / name, **options)
    frames = options.get("frames", 25)
    out = render(source, tmp_path / "o.mp4", chunks=chunks)
    shown = clips.numbers(out)
    # Sound may begin before the picture, or outlast it, by part of a frame.
    before, after = shown.count(0) - 1, shown.count(frames - 1) - 1
    assert shown == [0] * before + list(range(frames)) + [frames - 1] * after
    assert before + after <= 1
    steps = np.diff(clips.stamps_s(out))
    assert steps == pytest.approx(float(1 / probe(source, LIMITS).fps), abs=2e-5)


@pytest.mark.parametrize("chunks", [1, 3])
def test_a_picture_half_a_frame_after_the_sound_keeps_every_frame(tmp_path: Path, chunks: int):
    # In whole milliseconds: now before, now after the middle between two frames.
    source = clips.counter(tmp_path / "a.mkv", fps="30000/1001", picture=("-c:a", "pcm_s16le"))
    shown = clips.numbers(render(clips.late(source, 0.017), tmp_path / "o.mp4", chunks=chunks))
    assert shown[shown.count(0) - 1 :][:25] == list(range(25))


def test_pictures_at_a_variable_rate_stand_as_long_as_in_the_source(tmp_path: Path):
    # Number 8 stands for 12 frames' time: longer than a chunk.
    source = clips.counter(tmp_path / "a.mp4", filters="select='not(between(n,9,19))'")
    shown = clips.numbers(render(source, tmp_path / "o.mp4", chunks=4))
    assert shown == [*range(9), *[8] * 11, *range(20, 25)]


def test_a_picture_that_ends_before_the_sound_stands_still_in_every_part(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", seconds=0.8, sound_s=2.0)
    out = render(source, tmp_path / "o.mp4", chunks=3)
    info = probe(out, LIMITS)
    assert info.duration_s == pytest.approx(2.0, abs=FRAME_SLACK / 25)
    assert len(clips.stamps_s(out)) == pytest.approx(50, abs=1)
    last, before = decode_frame(out, 1.96), decode_frame(source, 0.76)
    assert np.abs(last.astype(int) - before).mean() < 4


def test_a_picture_that_begins_after_the_sound_stands_from_the_start(tmp_path: Path):
    source = clips.late(clips.counter(tmp_path / "a.mkv", picture=("-c:a", "pcm_s16le")), 0.4)
    shown = clips.numbers(render(source, tmp_path / "o.mp4"))
    assert shown == [0] * 10 + list(range(25))


LENGTHS = {
    "25 fps 640x360": {"size": "640x360", "seconds": 0.8},
    "ntsc": {"fps": "30000/1001", "seconds": 1.3},
    "vertical": {"size": "1080x1920", "fps": "30", "seconds": 0.5},
    "shorter sound": {"sound_s": 0.5},
    "late sound": {"sound_from_s": 0.5},
}


@pytest.mark.parametrize("options", LENGTHS.values(), ids=LENGTHS)
def test_the_result_is_as_long_as_the_source(tmp_path: Path, options: dict):
    source = clips.video(tmp_path / "a.mp4", **options)
    before, after = probe(source, LIMITS), probe(render(source, tmp_path / "o.mp4", chunks=2), LIMITS)
    assert after.duration_s == pytest.approx(before.duration_s, abs=FRAME_SLACK / float(before.fps))
    assert (after.fps, after.width, after.height) == (before.fps, before.width, before.height)


def test_another_frame_rate_keeps_the_time(tmp_path: Path):
    source = clips.counter(tmp_path / "a.mp4", frames=25)
    out = render(source, tmp_path / "o.mp4", fps=Fraction(50))
    assert clips.numbers(out) == [number // 2 for number in range(50)]


# --- what goes wrong


def test_a_picture_that_grows_beyond_reason_half_way_is_left_out(tmp_path: Path):
    out = render(clips.grows(tmp_path / "a.ts"), tmp_path / "o.mp4")
    assert len(clips.stamps_s(out)) == pytest.approx(40, abs=1)
    assert decode_frame(out, 1.5).max() < 40


def test_captions_that_end_early_are_a_failure_not_a_video_without_them(
    clip: Path, tmp_path: Path, children_left: Callable[[], list[str]]
):
    frames = [caption(box(Fraction(25)), CLEAR)] * 10
    with pytest.raises(ProcessingError, match="ended at frame 10 of 25"):
        burn_all(clip, tmp_path / "o.mp4", frames=frames)
    assert not children_left()


def test_a_caption_frame_of_another_size_is_a_failure(clip: Path, tmp_path: Path):
    with pytest.raises(ProcessingError, match="frame 0 has 400 bytes instead of 9600"):
        burn_all(clip, tmp_path / "o.mp4", frames=[memoryview(bytes(400))])


def test_a_source_that_went_away_is_a_failure_with_the_words_of_ffmpeg(clip: Path, tmp_path: Path):
    with pytest.raises(CommandFailed) as failure:
        burn_all(tmp_path / "gone.mp4", tmp_path / "o.mp4", info=probe(clip, LIMITS))
    assert "gone.mp4: No such file" in failure.value.details["stderr_tail"]


@pytest.mark.parametrize("at", [(91, 20, 60, 40), (280, 20, 60, 40), (-2, 20, 60, 40), (90, 20, 60, 0)])
def test_a_caption_box_off_the_grid_or_the_picture_is_refused(clip: Path, tmp_path: Path, at: tuple):
    with pytest.raises(BadRequest, match="caption box"):
        burn_all(clip, tmp_path / "o.mp4", overlay=OverlaySpec(*at, Fraction(25)))


def test_captions_at_another_rate_than_the_video_are_refused(clip: Path, tmp_path: Path):
    with pytest.raises(BadRequest, match="30 frames a second"):
        burn_all(clip, tmp_path / "o.mp4", overlay=box(Fraction(30)))


def test_frames_are_taken_as_they_are_encoded_and_memory_stays_flat(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", size="640x360", fps="60", seconds=2, sound=False)
    overlay = OverlaySpec(0, 0, 640, 360, Fraction(60))  # 110 MB of captions in all
    resident: list[int] = []

    def frames():
        for _ in forever(caption(overlay, CLEAR)):
            resident.append(psutil.Process(os.getpid()).memory_info().rss)
            yield bytes(640 * 360 * 4)

    burn_all(source, tmp_path / "o.mp4", overlay=overlay, frames=frames())
    assert len(resident) == 120
    assert resident[-1] - resident[20] < 20e6


def test_a_better_quality_takes_more_bytes(clip: Path, tmp_path: Path):
    sizes = [burn_all(clip, tmp_path / f"{q}.mp4", quality=q).stat().st_size for q in (10, 50, 100)]
    assert sizes[0] * 1.5 < sizes[1] < sizes[2] / 1.5


def test_the_hardware_encoder_gets_the_same_picture_and_its_own_options():
    info = MediaInfo(duration_s=10.0, has_video=True, has_audio=True, size_bytes=1, container="mov",
                     width=1920, height=1080, fps=Fraction(30), pix_fmt="yuv420p")  # fmt: skip
    how = {"info": info, "overlay": OverlaySpec(200, 800, 1400, 200, Fraction(30)), "size": (1920, 1080),
           "fps": Fraction(30), "quality": 75, "preset": "veryfast", "first": 90, "count": 60,
           "background": "black"}  # fmt: skip
    nvenc = burn_command(Path("/a.mp4"), Path("/o.mp4"), encoder="h264_nvenc", **how)
    x264 = burn_command(Path("/a.mp4"), Path("/o.mp4"), encoder="libx264", **how)
    assert _options(nvenc) - _options(x264) == {
        ("-vcodec", "h264_nvenc"), ("-rc", "vbr"), ("-cq", "23"), ("-b:v", "0"), ("-preset", "p4"),
        ("-profile:v", "high"), ("-forced-idr", "1"),
    }  # fmt: skip
    assert _options(x264) - _options(nvenc) == {
        ("-vcodec", "libx264"),
        ("-crf", "23"),
        ("-preset", "veryfast"),
        ("-x264-params", "zones=0,0,b=1.4"),
    }
    assert ("-ss", "3.000000") in _options(nvenc)
    assert "trim=end_frame=60" in " ".join(nvenc)


def _options(argv: list[str]) -> set[tuple[str, str]]:
    return {(name, value) for name, value in pairwise(argv) if name.startswith("-")}
