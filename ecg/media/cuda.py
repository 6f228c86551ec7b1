"""The picture decoded, overlaid and encoded on an NVIDIA GPU, without leaving its memory.

Only caption boxes are copied to it. Whether a machine can is found out by doing it: the encoder, the
filters (which many builds of ffmpeg lack) and the decoder of the very source.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import ffmpeg

from ecg.errors import CommandFailed, EcgError, TimeoutExceeded
from ecg.media import encoders, hdr, picture, runner
from ecg.media.formats import Format
from ecg.media.overlay import OverlaySpec
from ecg.media.probe import MediaInfo

_PROBE_TIMEOUT_S = 20.0
_PROBE_PICTURES = 5
# One device for decoder, filters and encoder: pictures of one CUDA context are nothing to another.
_DEVICE = ("-init_hw_device", "cuda=gpu", "-filter_hw_device", "gpu")
# Pictures wait in the filters while the decoder goes on; it must have room for them.
_DECODED = {"hwaccel": "cuda", "hwaccel_device": "gpu", "hwaccel_output_format": "cuda", "extra_hw_frames": 8}


def why_not(
    path: Path, info: MediaInfo, size: tuple[int, int], fps: Fraction, encoder: str, format: Format
) -> str | None:
    """Why this render cannot stay on the GPU, in words; ``None``: it can.

    ``encoder``: as picked for H.264. Starts ffmpeg once per process, and once for each source.
    """
    for unfit, why in _unfit(info, size, fps, format.encoder_of(encoder), format):
        if unfit:
            return why
    problem = _machine_problem() or _decoder_problem(path, info)
    if not problem:
        return None
    # The first thing that went wrong, without who says so; the rest follows from it.
    first = problem.details.get("stderr_tail", "").partition("\n")[0]
    return first.rpartition("] ")[2] or problem.message


def _unfit(
    info: MediaInfo, size: tuple[int, int], fps: Fraction, encoder: str, format: Format
) -> list[tuple[bool, str]]:
    """What overlay_cuda cannot do, or what would come out otherwise than by the filters on the CPU."""
    return [
        (format.transparent, "captions alone are drawn without a picture"),
        (encoder != encoders.HARDWARE, f"the encoder is {encoder}"),
        (not info.has_video, "there is no picture to decode"),
        (info.pix_fmt != "yuv420p", f"its pixels are {info.pix_fmt}"),
        (hdr.is_hdr(info.color), "HDR is turned into SDR"),
        (info.interlaced, "it is deinterlaced"),
        (bool(info.rotation), "it is turned upright"),
        ((info.width, info.height) != size or info.pixel_aspect != 1, "it is fitted to another size"),
        (fps != info.fps, "its frame rate is changed"),
    ]


def blended(path: Path, info: MediaInfo, overlay: OverlaySpec, fps: Fraction, first: int) -> Any:
    """The source's picture from frame ``first`` on with captions over it, in the memory of the GPU."""
    stored = picture.seen_from(path, info, first / fps, fps, **_DECODED)
    shown = picture.on_grid(stored, info, first / fps, fps)
    # overlay_cuda writes into the picture it gets, so each frame must be a copy; and it blends captions with
    # an alpha channel into planes only, not into the decoder's NV12.
    shown = shown.filter("scale_cuda", format="yuv420p")
    captions = overlay.stream().filter("hwupload")
    return ffmpeg.filter([shown, captions], "overlay_cuda", x=overlay.x, y=overlay.y)


def options(quality: int) -> dict[str, Any]:
    """ffmpeg's output options for pictures that are on the GPU already."""
    how = encoders.options(encoders.HARDWARE, quality, "")
    del how["pix_fmt"]  # theirs is "cuda"
    return how


def on_device(argv: Sequence[str]) -> list[str]:
    """The command with the GPU opened before anything else."""
    return [argv[0], *_DEVICE, *argv[1:]]


@cache
def _machine_problem() -> EcgError | None:
    shown = ffmpeg.input("testsrc2=size=256x256:rate=25", format="lavfi").filter("format", "nv12")
    box = ffmpeg.input("color=yellow@0.5:size=64x64:rate=25", format="lavfi").filter("format", "yuva420p")
    below = shown.filter("hwupload").filter("scale_cuda", format="yuv420p")
    return _failure(ffmpeg.filter([below, box.filter("hwupload")], "overlay_cuda", x=32, y=32))


@lru_cache(maxsize=16)
def _decoder_problem(path: Path, info: MediaInfo) -> EcgError | None:
    # ffmpeg decodes on the CPU what the GPU cannot; scale_cuda then refuses the pictures.
    return _failure(picture.open_source(path, info, **_DECODED)["V:0"].filter("scale_cuda", format="yuv420p"))


def _failure(stream: Any) -> EcgError | None:
    graph = stream.output("pipe:1", format="null", vframes=_PROBE_PICTURES, **options(75))
    try:
        runner.run(on_device(graph.compile()), timeout_s=_PROBE_TIMEOUT_S)
    except (CommandFailed, TimeoutExceeded) as error:
        return error
    return None
