"""The filter chain of a source's picture: on a grid of frames, in the size asked for, its colours known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ecg.errors import BadRequest
from ecg.media import hdr, source
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
# What becomes of a source of another shape than the result.
LAYOUTS = ("fit", "fill", "blur")
_SHRINK, _BLUR_PX = 16, 2.0  # blurred at a sixteenth of the size: what is wide there is cheap
_DIMMED_LUMA, _DIMMED_CHROMA = 0.6, 0.8


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
    path: Path, info: MediaInfo, size: tuple[int, int], fps: Fraction, first: int, background: str,
    layout: str = "fit",
) -> Any:  # fmt: skip
    """The source's picture from frame ``first`` on, for ever: after its end the last picture stands.

    ``layout``, where the source has another shape than ``size``: ``fit`` shows all of it between bars of
    ``background``, ``fill`` cuts off what is too much on both sides, ``blur`` shows all of it on a blurred,
    darker copy that fills the rest. Interlaced pictures are deinterlaced, HDR becomes SDR in BT.709. Raises
    `BadRequest` for another layout, `EngineUnavailable` where HDR cannot be turned into SDR.
    """
    if layout not in LAYOUTS:
        raise BadRequest(f"There is no layout {layout!r}; use {', '.join(LAYOUTS)}.")
    start_s = first / fps
    stream = on_grid(_deinterlaced(seen_from(path, info, start_s, fps), info), info, start_s, fps)
    return _tagged(_laid_out(stream, info, size, background, layout), info, size)


def seen_from(path: Path, info: MediaInfo, start_s: Fraction, fps: Fraction, **how: Any) -> Any:
    """The stored pictures, at their own times, from the last one before ``start_s`` or earlier."""
    seek_s = _seek_s(info, start_s, fps)
    if seek_s:
        how.update(ss=f"{float(seek_s):.6f}", noaccurate_seek=None)
    return open_source(path, info, **how)["V:0"]


def on_grid(stream: Any, info: MediaInfo, start_s: Fraction, fps: Fraction) -> Any:
    """One picture per frame from ``start_s`` on, for ever."""
    shift_s = info.start_s + float(start_s) + phase_s(info, fps)
    stream = stream.filter("setpts", f"PTS-({shift_s:.9f})/TB")
    # Pictures before time 0 are needed: the last of them stands at 0. The fps filter drops the others.
    stream = stream.filter("tpad", stop=-1, stop_mode="clone")
    return stream.filter("fps", fps=str(fps), start_time=0, round="near")


def _deinterlaced(stream: Any, info: MediaInfo) -> Any:
    """One whole picture of every two fields; all of them, as not every codec marks each picture."""
    return stream.filter("bwdif", mode="send_frame", deint="all") if info.interlaced else stream


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
    if not info.has_video or _is_rgb(info) or hdr.is_hdr(info.color):
        return "bt709"
    return matrix(info.color, info.width or 0, info.height or 0)


def is_full_range(info: MediaInfo) -> bool:
    """Whether the picture is rendered in all of 0..255 rather than 16..235."""
    converted = _is_rgb(info) or hdr.is_hdr(info.color)
    return info.has_video and not converted and info.color.range == "pc"


def _seek_s(info: MediaInfo, start_s: Fraction, fps: Fraction) -> Fraction:
    if info.container in _INDEXED:
        # A picture is deinterlaced by the ones beside it, wherever a part begins.
        return max(Fraction(0), start_s - 2 / (info.fps or fps)) if info.interlaced else start_s
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


def _laid_out(stream: Any, info: MediaInfo, size: tuple[int, int], background: str, layout: str) -> Any:
    shown = (info.width or 0, info.height or 0)
    if info.pixel_aspect == 1 and even_size(*shown) == size:
        return _in_sdr(stream if shown == size else stream.filter("crop", *size, 0, 0), info)
    inner = _inside(shown, size)
    if inner == size:
        return _resized(stream, info, size)
    if layout == "fill":
        return _filling(stream, info, size, size)
    at = tuple((whole - side) // 4 * 2 for whole, side in zip(size, inner, strict=True))
    if layout == "fit":
        return _resized(stream, info, inner).filter("pad", *size, *at, background)
    layers = stream.filter_multi_output("split")
    behind, sharp = _blurred(layers[0], info, size), _in_yuv(_resized(layers[1], info, inner), info)
    # As `overlay` takes what it lays over; left to itself it would make it 16..235 on the way.
    sharp = sharp.filter("scale", out_range="pc" if is_full_range(info) else "tv").filter(
        "format", "yuva420p"
    )
    return ffmpeg.filter([behind, sharp], "overlay", *at, format="yuv420")


def _inside(shown: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The largest even size of the source's shape in a picture of ``size``."""
    factor = min(size[0] / shown[0], size[1] / shown[1])
    return _scaled(shown[0], factor, size[0]), _scaled(shown[1], factor, size[1])


def _resized(stream: Any, info: MediaInfo, size: tuple[int, int]) -> Any:
    return _in_sdr(stream.filter("scale", *size).filter("setsar", 1), info)


def _in_sdr(stream: Any, info: MediaInfo) -> Any:
    return hdr.to_sdr(stream, info.color) if hdr.is_hdr(info.color) else stream


def _filling(stream: Any, info: MediaInfo, shape: tuple[int, int], size: tuple[int, int]) -> Any:
    """The middle of the picture in the shape of ``shape``, as large as ``size``; cut first, then scaled."""
    shown = (info.width or 0, info.height or 0)
    factor = max(shape[0] / shown[0], shape[1] / shown[1])
    kept = [f"max(2,{side}*{whole / factor / of:.9f})"
            for side, whole, of in zip(("iw", "ih"), shape, shown, strict=True)]  # fmt: skip
    return _resized(stream.filter("crop", *kept), info, size)


def _blurred(stream: Any, info: MediaInfo, size: tuple[int, int]) -> Any:
    """The picture filling ``size``, out of focus and dimmed, so that it does not draw the eye."""
    small = even_size(*(max(8, side // _SHRINK) for side in size))
    tiny = _in_yuv(_filling(stream, info, size, small), info)
    chroma = f"128+(val-128)*{_DIMMED_CHROMA}"
    dim = tiny.filter("gblur", sigma=_BLUR_PX).filter(
        "lutyuv", y=f"minval+(val-minval)*{_DIMMED_LUMA}", u=chroma, v=chroma
    )
    return dim.filter("scale", *size).filter("setsar", 1)


def _scaled(side: int, factor: float, whole: int) -> int:
    scaled = max(2, round(side * factor / 2) * 2)
    return whole if abs(scaled - whole) <= _NEARLY else scaled


def _tagged(stream: Any, info: MediaInfo, size: tuple[int, int]) -> Any:
    """8-bit 4:2:0 whose tags say what the numbers mean; what the source says of itself stays."""
    stream = _in_yuv(stream, info)
    if not _is_rgb(info) and not info.color.space and matrix_of(info) != _guessed(*size):
        # Untagged and scaled past the size at which players change their guess.
        return stream.filter("setparams", colorspace=matrix_of(info))
    return stream


def _in_yuv(stream: Any, info: MediaInfo) -> Any:
    if not _is_rgb(info):
        return stream.filter("format", "yuv420p|yuvj420p")
    yuv = stream.filter("scale", out_color_matrix="bt709", out_range="tv").filter("format", "yuv420p")
    return yuv.filter("setparams", colorspace="bt709", range="tv")


def _is_rgb(info: MediaInfo) -> bool:
    return (info.pix_fmt or "").startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "pal8"))
