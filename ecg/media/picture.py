"""The filter chain of a source's picture: on a grid of frames, in the size asked for, its colours known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ecg.media import source
from ecg.media.header import Color
from ecg.media.probe import MediaInfo

# ffmpeg's tag of a YCbCr matrix → its name in the scale filter.
_MATRICES = {"bt709": "bt709", "smpte170m": "smpte170m", "bt470bg": "bt470", "fcc": "fcc",
             "smpte240m": "smpte240m", "bt2020nc": "bt2020"}  # fmt: skip
_HD_WIDTH, _SD_HEIGHT = 1280, 576
_INDEXED = ("mov", "matroska")  # containers in which a seek lands on a key frame before the time asked
_SEEK_MARGIN_S = 1.0
_LEAST_PIXELS = 1 << 20
_NEARLY = 2  # pixels by which a scaled side may miss before bars are drawn


def even_size(width: int, height: int) -> tuple[int, int]:
    """The nearest size H.264 can hold: odd sides lose one pixel."""
    return width - width % 2, height - height % 2


def timescale(fps: Fraction) -> int:
    """Ticks per second in which every frame time is a whole number, so that parts join without a seam."""
    return fps.numerator if fps.numerator >= 1000 else fps.numerator * 1000


def open_source(path: Path, info: MediaInfo, **how: Any) -> Any:
    """A source that has been probed, as an ffmpeg-python input; a picture that grows later is refused."""
    pixels = max(2 * (info.width or 0) * (info.height or 0), _LEAST_PIXELS)
    return source.opened(path, pixels, **how)


def of_source(
    path: Path, info: MediaInfo, size: tuple[int, int], fps: Fraction, first: int, background: str
) -> Any:
    """The source's picture from frame ``first`` on, for ever: after its end the last picture stands."""
    start_s = first / fps
    seek_s = _seek_s(info, start_s)
    how = {"ss": f"{float(seek_s):.6f}", "noaccurate_seek": None} if seek_s else {}
    shift_s = info.start_s + float(start_s) + phase_s(info, fps)
    stream = open_source(path, info, **how)["V:0"].filter("setpts", f"PTS-({shift_s:.9f})/TB")
    # Pictures before time 0 are needed: the last of them stands at 0. The fps filter drops the others.
    stream = stream.filter("tpad", stop=-1, stop_mode="clone")
    stream = stream.filter("fps", fps=str(fps), start_time=0, round="near")
    return _tagged(_fitted(stream, info, size, background), info, size)


def plain(size: tuple[int, int], fps: Fraction, background: str) -> Any:
    """A picture of one colour, for ever."""
    one = ffmpeg.input(
        f"color=c={background}:s={size[0]}x{size[1]}:r={fps}:d={float(1 / fps)}", format="lavfi"
    )
    yuv = one.filter("format", "gbrp").filter("scale", out_color_matrix="bt709", out_range="tv")
    return (
        yuv.filter("format", "yuv420p").filter("loop", loop=-1, size=1).filter("setpts", "N/(FRAME_RATE*TB)")
        .filter("setparams", color_primaries="bt709", color_trc="bt709", colorspace="bt709", range="tv")
    )  # fmt: skip


def matrix(color: Color, width: int, height: int) -> str:
    """The scale filter's name for a picture's YCbCr matrix: as tagged, else as players guess it."""
    return _MATRICES.get(color.space or "") or _guessed(width, height)


def _guessed(width: int, height: int) -> str:
    """What players take an untagged picture for: HD is BT.709, anything smaller BT.601."""
    return "bt709" if width >= _HD_WIDTH or height > _SD_HEIGHT else "smpte170m"


def matrix_of(info: MediaInfo) -> str:
    """The scale filter's name for the matrix in which a source's picture is rendered."""
    if not info.has_video or _is_rgb(info):
        return "bt709"
    return matrix(info.color, info.width or 0, info.height or 0)


def is_full_range(info: MediaInfo) -> bool:
    """Whether the picture uses all of 0..255 rather than 16..235."""
    return info.has_video and not _is_rgb(info) and info.color.range == "pc"


def _seek_s(info: MediaInfo, start_s: Fraction) -> Fraction:
    if info.container in _INDEXED:
        return start_s
    # Elsewhere a seek lands anywhere: far enough back to meet a key frame.
    return max(Fraction(0), start_s - Fraction(info.key_frame_gap_s + _SEEK_MARGIN_S).limit_denominator(1000))


def phase_s(info: MediaInfo, fps: Fraction) -> float:
    """How far (less than half a frame) the source's own grid is off ours.

    Moved onto it, each of its pictures becomes exactly one frame; left half a frame off, rounding would
    drop some and repeat others. The sound is moved as far when the parts are joined.
    """
    if not info.constant_fps or fps != info.fps:
        return 0.0
    frames = info.video_start_s * float(fps)
    return (frames - round(frames)) / float(fps)


def _fitted(stream: Any, info: MediaInfo, size: tuple[int, int], background: str) -> Any:
    shown = (info.width or 0, info.height or 0)
    if info.pixel_aspect == 1 and even_size(*shown) == size:
        return stream if shown == size else stream.filter("crop", *size, 0, 0)
    factor = min(size[0] / shown[0], size[1] / shown[1])
    inner = tuple(_scaled(side, factor, whole) for side, whole in zip(shown, size, strict=True))
    stream = stream.filter("scale", *inner).filter("setsar", 1)
    if inner == size:
        return stream
    return stream.filter(
        "pad", *size, (size[0] - inner[0]) // 4 * 2, (size[1] - inner[1]) // 4 * 2, background
    )


def _scaled(side: int, factor: float, whole: int) -> int:
    scaled = round(side * factor / 2) * 2
    return whole if abs(scaled - whole) <= _NEARLY else scaled


def _tagged(stream: Any, info: MediaInfo, size: tuple[int, int]) -> Any:
    """8-bit 4:2:0 whose tags say what the numbers mean; what the source says of itself stays."""
    if _is_rgb(info):
        yuv = stream.filter("scale", out_color_matrix="bt709", out_range="tv").filter("format", "yuv420p")
        return yuv.filter("setparams", colorspace="bt709", range="tv")
    stream = stream.filter("format", "yuv420p|yuvj420p")
    if not info.color.space and matrix_of(info) != _guessed(*size):
        # Untagged and scaled past the size at which players change their guess.
        return stream.filter("setparams", colorspace=matrix_of(info))
    return stream


def _is_rgb(info: MediaInfo) -> bool:
    return (info.pix_fmt or "").startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "pal8"))
