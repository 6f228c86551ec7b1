"""Which video encoder there is, and what one quality setting means to each."""

from __future__ import annotations

from functools import cache
from typing import Any

import ffmpeg

from ecg.errors import BadRequest, CommandFailed, EcgError, EngineUnavailable, TimeoutExceeded
from ecg.media import runner

HARDWARE, SOFTWARE, WEBM, PRORES = "h264_nvenc", "libx264", "libvpx-vp9", "prores_ks"
_PROBE_TIMEOUT_S = 10.0
_BEST_CRF, _CRF_PER_QUALITY = 14, 0.36
_VP9_CRF_SCALE = 63 / 51  # its scale ends at 63, that of H.264 at 51
_X264_IP_RATIO = 1.4
# Frames that libx264 has seen when it chooses how to code one: those of the preset's rc-lookahead (60 in all
# others), and for B pictures and threads some more.
_X264_LOOKAHEAD = {"ultrafast": 0, "superfast": 0, "veryfast": 10, "faster": 20, "fast": 30, "medium": 40,
                   "slow": 50}  # fmt: skip
_X264_LOOKAHEAD_MORE = 10
_PRORES_BEST, _PRORES_PER_QUALITY = 1, 0.14


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


def options(
    encoder: str, quality: int, x264_preset: str, full_range: bool = False, transparent: bool = False
) -> dict[str, Any]:
    """ffmpeg's output options for an encoder. ``quality`` 10..100 is a constant rate factor in disguise:

        quality              100    75    50    10
        libx264 (crf)         14    23    32    46    14: no loss to be seen; 23: x264's own default
        h264_nvenc (cq)       14    23    32    46
        libvpx-vp9 (crf)      17    28    40    57
        prores_ks (q)          1     4     8    14    the quantiser of every slice

    ``full_range``: the picture uses all of 0..255; libx264 keeps that, for the others it is converted.
    ``transparent``: with an alpha channel (libvpx-vp9; prores_ks has one always).
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
        alpha = {"pix_fmt": "yuva420p", "auto-alt-ref": 0} if transparent else {}
        return {**common, "deadline": "realtime", "cpu-used": 6, "row-mt": 1, "b:v": 0,
                "crf": round(crf * _VP9_CRF_SCALE), **alpha}  # fmt: skip
    if encoder == PRORES:
        quantiser = round(_PRORES_BEST + (100 - quality) * _PRORES_PER_QUALITY)
        return {**common, "pix_fmt": "yuva444p10le", "profile:v": "4444", "vendor": "apl0",
                "alpha_bits": 16, "q:v": quantiser}  # fmt: skip
    raise BadRequest(f"There is no encoder {encoder!r}; use {HARDWARE}, {SOFTWARE}, {WEBM} or {PRORES}.")


def looks_ahead(encoder: str, x264_preset: str) -> int:
    """By how many frames that come after it an encoder decides how it codes one."""
    if encoder != SOFTWARE:
        return 0
    return _X264_LOOKAHEAD.get(x264_preset, 60) + _X264_LOOKAHEAD_MORE


def key_frames(encoder: str, first: int, every: int) -> dict[str, Any]:
    """Options that put a key frame at every ``every``-th frame of the whole video, counted from its start.

    ``first``: the frame of the whole at which the part to encode begins. A key frame is one from which
    decoding can begin (IDR, closed group). Encoders may set more at cuts. In ProRes every frame is one.
    """
    if encoder == PRORES:
        return {}
    grid = {"g": every, "force_key_frames": f"expr:not(mod(n+{first},{every}))"}
    if encoder == HARDWARE:
        return {**grid, "forced-idr": 1}
    if encoder == SOFTWARE and first:
        # x264 gives the very first key frame the quantiser of the P frames, later ones a finer one by its
        # ipratio. This one is a later one.
        return {**grid, "x264-params": f"zones=0,0,b={_X264_IP_RATIO}"}
    return grid
