"""The picture stays on the GPU only where that was tried and gives what the filters on the CPU give."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ecg.media.encode import burn_command, route
from ecg.media.formats import MOV_OVERLAY, MP4, WEBM
from ecg.media.header import Color
from ecg.media.overlay import OverlaySpec
from ecg.media.probe import Limits, MediaInfo, probe
from tests.media.renders import burn_all
from tests.media.test_encoders import hardware_works

FPS = Fraction(30)
INFO = MediaInfo(duration_s=10.0, has_video=True, has_audio=True, size_bytes=1, container="mov", width=1920,
                 height=1080, fps=FPS, vcodec="h264", pix_fmt="yuv420p")  # fmt: skip


def way(info: MediaInfo, path: Path = Path("/a.mp4"), **given: Any):
    how = {"size": (info.width or 1920, info.height or 1080), "fps": FPS, "encoder": "h264_nvenc", **given}
    return route(path, info, **how)


UNFIT = {
    "its pixels are yuv420p10le": {"pix_fmt": "yuv420p10le"},
    "HDR is turned into SDR": {"color": Color(transfer="arib-std-b67")},
    "it is deinterlaced": {"interlaced": True},
    "it is turned upright": {"rotation": 90},
    "it is fitted to another size": {"pixel_aspect": Fraction(16, 11)},
    "its frame rate is changed": {"fps": Fraction(25)},
    "there is no picture to decode": {"has_video": False},
}


@pytest.mark.parametrize("why", UNFIT)
def test_a_picture_that_must_be_changed_takes_the_filters_on_the_cpu(why: str):
    taken = way(dataclasses.replace(INFO, **UNFIT[why]))
    assert (taken.name, taken.encoder, taken.why) == ("cpu", "h264_nvenc", why)


@pytest.mark.parametrize(
    ("given", "encoder", "why"),
    [
        ({"encoder": "libx264"}, "libx264", "the encoder is libx264"),
        ({"format": WEBM}, "libvpx-vp9", "the encoder is libvpx-vp9"),
        ({"format": MOV_OVERLAY}, "prores_ks", "captions alone are drawn without a picture"),
        ({"size": (1280, 720)}, "h264_nvenc", "it is fitted to another size"),
    ],
)
def test_what_is_asked_for_decides_too(given: dict, encoder: str, why: str):
    taken = way(INFO, **given)
    assert (taken.name, taken.encoder, taken.why) == ("cpu", encoder, why)


def test_a_machine_without_such_a_gpu_says_why(clip: Path):
    if hardware_works():
        pytest.skip("this machine has NVENC")
    info = probe(clip, Limits())
    taken = way(info, clip, fps=info.fps)
    assert (taken.name, taken.encoder) == ("cpu", "h264_nvenc")
    assert "cuda" in taken.why
    assert "0x" not in taken.why


@pytest.mark.gpu
def test_on_a_gpu_the_picture_never_leaves_it(tmp_path: Path, clip: Path):
    info = probe(clip, Limits())
    taken = way(info, clip, fps=info.fps)
    if taken.name != "gpu":
        pytest.skip(f"not here: {taken.why}")
    assert probe(burn_all(clip, tmp_path / "o.mp4", encoder="h264_nvenc"), Limits()).duration_s == 1.0


def command(on_gpu: bool) -> list[str]:
    return burn_command(
        Path("/a.mp4"), Path("/o.mp4"), info=INFO, overlay=OverlaySpec(200, 800, 1400, 200, FPS),
        encoder="h264_nvenc", size=(1920, 1080), fps=FPS, quality=75, preset="veryfast", first=500, count=250,
        background="black", format=MP4, on_gpu=on_gpu,
    )  # fmt: skip


def test_on_the_gpu_one_device_decodes_overlays_and_encodes():
    argv = command(on_gpu=True)
    assert argv[:5] == ["ffmpeg", "-init_hw_device", "cuda=gpu", "-filter_hw_device", "gpu"]
    before_source = argv[: argv.index("file:/a.mp4")]
    assert {("-hwaccel", "cuda"), ("-hwaccel_device", "gpu"), ("-hwaccel_output_format", "cuda")} <= set(
        pairwise(before_source)
    )
    assert ("-ss", f"{500 / 30:.6f}") in set(pairwise(before_source))
    graph = argv[argv.index("-filter_complex") + 1]
    assert "overlay_cuda=x=200:y=800" in graph
    assert graph.count("hwupload") == 1
    assert graph.count("scale_cuda=format=yuv420p") == 1
    assert "hwdownload" not in graph
    assert "-pix_fmt" not in argv[argv.index("-filter_complex") :]
    assert ("-vcodec", "h264_nvenc") in set(pairwise(argv))


def test_both_ways_encode_alike():
    gpu, cpu = (argv[argv.index("-filter_complex") + 2 :] for argv in (command(True), command(False)))
    assert set(pairwise(cpu)) - set(pairwise(gpu)) >= {("-pix_fmt", "yuv420p")}
    for argv in (command(True), command(False)):
        assert "trim=end_frame=250" in argv[argv.index("-filter_complex") + 1]
    for option in ("-cq", "-g", "-force_key_frames", "-video_track_timescale", "-preset"):
        assert gpu[gpu.index(option) + 1] == cpu[cpu.index(option) + 1]
