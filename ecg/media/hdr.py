"""HDR pictures (PQ and HLG) brought down to what every screen shows: SDR in BT.709.

Encoded as they are, in 8 bits and without their tags, they would look grey and pale; and captions drawn
in the colours of a page have no place in them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import ffmpeg

from ecg.errors import CommandFailed, EcgError, EngineUnavailable, TimeoutExceeded
from ecg.media import runner
from ecg.media.header import Color

_TRANSFERS = ("smpte2084", "arib-std-b67")
_PROBE_TIMEOUT_S = 10.0
# White of a page or a face in HDR, in cd/m² (ITU-R BT.2408); it becomes the white of SDR, nearly.
_WHITE_NITS = 203
# Of the screens HDR is mastered on; what is brighter is cut.
_PEAK_NITS = 1000
_PQ_10_BIT = Color("bt2020", "smpte2084", "bt2020nc", "tv")


def is_hdr(color: Color) -> bool:
    """Whether the numbers mean light on the PQ or the HLG curve."""
    return color.transfer in _TRANSFERS


def check(color: Color) -> None:
    """Raise `EngineUnavailable` when a picture is in HDR and this ffmpeg cannot bring it down."""
    problem = _problem() if is_hdr(color) else None
    if problem:
        raise EngineUnavailable(
            "The video is in HDR, and this ffmpeg cannot turn it into SDR: it needs the filters zscale "
            f"(libzimg) and tonemap. Install such an ffmpeg, or export the video in SDR. ({problem.message})",
            **problem.details,
        )


def to_sdr(stream: Any, color: Color) -> Any:
    """The picture as 8-bit BT.709; ``color``: what the source says, ``stream`` must have an even size.

    Up to about 60 cd/m² brightness stays as it is, above it is drawn together ("mobius"). Raises as `check`.
    """
    check(color)
    return _chain(stream, color)


@cache
def _problem() -> EcgError | None:
    """Found out once per process, by doing it."""
    one = ffmpeg.input("color=gray:size=64x64:rate=1:duration=1", format="lavfi")
    shown = _chain(one.filter("format", "yuv420p10le"), _PQ_10_BIT)
    try:
        runner.run(shown.output("pipe:1", format="null"), timeout_s=_PROBE_TIMEOUT_S)
    except (CommandFailed, TimeoutExceeded) as error:
        return error
    return None


def _chain(stream: Any, color: Color) -> Any:
    known = stream.filter(
        "setparams", color_primaries=color.primaries or "bt2020", color_trc=color.transfer,
        colorspace=color.space or "bt2020nc", range=color.range or "tv",
    )  # fmt: skip
    light = known.filter("zscale", t="linear", npl=_WHITE_NITS).filter("format", "gbrpf32le")
    drawn = light.filter("zscale", p="bt709").filter(
        "tonemap", tonemap="mobius", desat=0, peak=f"{_PEAK_NITS / _WHITE_NITS:.3f}"
    )
    return drawn.filter("zscale", t="bt709", m="bt709", r="tv").filter("format", "yuv420p")
