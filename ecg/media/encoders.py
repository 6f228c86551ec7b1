"""Which video encoder there is, and what one quality setting means to each."""

from __future__ import annotations

from functools import cache
from typing import Any

import ffmpeg

from ecg.errors import BadRequest, CommandFailed, EcgError, EngineUnavailable, TimeoutExceeded
from ecg.media import runner

HARDWARE, SOFTWARE, WEBM = "h264_nvenc", "libx264", "libvpx-vp9"
_PROBE_TIMEOUT_S = 10.0
_BEST_CRF, _CRF_PER_QUALITY = 14, 0.36
_VP9_CRF_SCALE = 63 / 51  # its scale ends at 63, that of H.264 at 51


def pick_encoder(setting: str) -> str:
    """The H.264 encoder to use: ``auto`` takes ``h264_nvenc`` if it can encode here, else ``libx264``.

    Found out by encoding a few frames, once per process: a GPU is no proof of an encoder. Raises
    `EngineUnavailable` when ``h264_nvenc`` was asked for and does not work.
    """
    if setting == SOFTWARE:
        return SOFTWARE
    if setting not in ("auto", HARDWARE):
        raise BadRequest(f"There is no encoder {setting!r}; use auto, {HARDWARE} or {SOFTWARE}.")
    problem = _hardware_problem()
    if not problem:
        return HARDWARE
    if setting == "auto":
        return SOFTWARE
    raise EngineUnavailable(
        f"{HARDWARE} does not work on this machine: {problem.message} Use auto or {SOFTWARE}.",
        **problem.details,
    )


@cache
def _hardware_problem() -> EcgError | None:
    picture = ffmpeg.input("testsrc2=size=256x256:rate=25", format="lavfi")
    graph = picture.output("pipe:1", format="null", vframes=5, **options(HARDWARE, 75, ""))
    try:
        runner.run(graph, timeout_s=_PROBE_TIMEOUT_S)
    except (CommandFailed, TimeoutExceeded) as error:
        return error
    return None


def options(encoder: str, quality: int, x264_preset: str, full_range: bool = False) -> dict[str, Any]:
    """ffmpeg's output options for an encoder. ``quality`` 10..100 is a constant rate factor in disguise:

    100 → 14 (no loss to be seen), 75 → 23 (x264's own default), 50 → 32, 10 → 46. ``full_range``: the
    picture uses all of 0..255; libx264 keeps that, for the others it is converted.
    """
    if not 10 <= quality <= 100:
        raise BadRequest(f"Quality {quality} is out of range; use 10 to 100.")
    crf = round(_BEST_CRF + (100 - quality) * _CRF_PER_QUALITY)
    common = {"vcodec": encoder, "pix_fmt": "yuv420p"}
    if encoder == SOFTWARE:
        pix_fmt = "yuvj420p" if full_range else "yuv420p"
        return {**common, "preset": x264_preset, "crf": crf, "pix_fmt": pix_fmt}
    if encoder == HARDWARE:
        return {**common, "preset": "p4", "rc": "vbr", "cq": crf, "b:v": 0, "profile:v": "high"}
    if encoder == WEBM:
        return {**common, "deadline": "realtime", "cpu-used": 6, "row-mt": 1, "b:v": 0,
                "crf": round(crf * _VP9_CRF_SCALE)}  # fmt: skip
    raise BadRequest(f"There is no encoder {encoder!r}; use {HARDWARE}, {SOFTWARE} or {WEBM}.")
