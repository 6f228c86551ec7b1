"""What a file from outside is, found out under limits before anything trusts it.

Three looks, cheapest first: what the header says (refused at once when that alone breaks a limit), the
time of every packet (`ecg.media.timeline`; a header may lie or be estimated), and the first pictures
decoded. The sound is counted in samples when it is extracted (`ecg.media.audio`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ecg.errors import CommandFailed, InvalidMedia
from ecg.media import runner, source, timeline
from ecg.media.header import (
    UNTAGGED,
    Color,
    Header,
    color,
    display_size,
    dolby_vision_profile,
    is_interlaced,
    pixel_aspect,
    read_header,
    rotation,
)
from ecg.media.source import Limits

__all__ = ["Color", "Limits", "MediaInfo", "probe"]

_DECODE_TIMEOUT_S, _DECODE_CPU_S = 20.0, 8.0
_MIN_SIDE = 16
_DOLBY_ONLY = 5  # the profile without a picture that players of plain HDR or SDR could show
_MAX_DURATION_SLACK = 1.01  # headers round; the packets decide
# Demuxers that know the duration from an index or a count, not from an estimate by bit rate.
_EXACT_DURATION = ("mov", "matroska", "avi", "wav", "flac", "ogg")
_CUT_OFF_S, _CUT_OFF_SHARE = 1.0, 0.02


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a source is. Sizes are those on screen: after rotation, with square pixels.

    ``duration_s``: from the first to the end of the last packet of sound and picture. ``fps``: the rate
    at which the picture is rendered: that of the source if ``constant_fps`` (each picture is one frame of
    it, some frames may have none), else the next usual rate that drops few, and 30 for a slide show.
    ``start_s``: the time the file itself gives its first packet; all other times count from there.
    ``video_start_s``: when the first picture comes.
    ``key_frame_gap_s``: the longest time between two key frames.
    ``rotation``: degrees clockwise that turn the stored picture upright. ``pixel_aspect``: width by
    height of a stored pixel. ``interlaced``: a stored picture is two fields. ``container``: ffmpeg's name
    of the format.
    """

    duration_s: float
    has_video: bool
    has_audio: bool
    size_bytes: int
    container: str
    start_s: float = 0.0
    width: int | None = None
    height: int | None = None
    fps: Fraction | None = None
    constant_fps: bool = True
    rotation: int = 0
    pixel_aspect: Fraction = Fraction(1)
    vcodec: str | None = None
    pix_fmt: str | None = None
    color: Color = UNTAGGED
    video_start_s: float = 0.0
    key_frame_gap_s: float = 0.0
    acodec: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    interlaced: bool = False

    def to_json(self) -> dict[str, Any]:
        fps = str(self.fps) if self.fps else None
        return {**asdict(self), "fps": fps, "pixel_aspect": str(self.pixel_aspect)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MediaInfo:
        return cls(**{
            **data,
            "fps": Fraction(data["fps"]) if data["fps"] else None,
            "pixel_aspect": Fraction(data["pixel_aspect"]),
            "color": Color(**data["color"]),
        })  # fmt: skip


def probe(path: Path, limits: Limits) -> MediaInfo:
    """Find out what the file is.

    Raises `InvalidMedia`, with a sentence that says what is wrong with it, and `TimeoutExceeded`.
    """
    path = Path(path)
    size_bytes = source.check_file(path, limits)
    header = read_header(path, limits)
    _check_header(header, limits)
    times = timeline.scan(path, header, limits)
    _check_times(header, times, limits)
    if header.video:
        _check_pictures(path, header.video, limits)
    return _info(header, times, size_bytes, limits)


def _check_header(header: Header, limits: Limits) -> None:
    if not header.video and not header.audio:
        raise InvalidMedia("The file has neither a picture nor a sound track.")
    if header.stream_count > limits.streams:
        raise InvalidMedia(
            f"The file has {header.stream_count} streams; at most {limits.streams} are allowed. "
            "Export it with one picture and one sound track."
        )
    if header.duration_s and header.duration_s > limits.max_duration_s * _MAX_DURATION_SLACK:
        raise _too_long(header.duration_s, limits)
    if header.video:
        _check_video(header.video, limits)
    if header.audio:
        _check_audio(header.audio, limits)


def _check_video(stream: Mapping[str, Any], limits: Limits) -> None:
    codec = stream.get("codec_name", "unknown")
    if codec not in source.VIDEO_CODECS:
        raise InvalidMedia(f"The picture is coded as {codec}, which ECG cannot read; export it as H.264 mp4.")
    if dolby_vision_profile(stream) == _DOLBY_ONLY:
        raise InvalidMedia(
            "The picture is in Dolby Vision profile 5, whose colours ECG cannot read; "
            "export it in SDR, HDR10 or HLG."
        )
    width, height = display_size(stream)
    if max(width * height, _stored_pixels(stream)) > limits.pixels:
        raise InvalidMedia(
            f"The picture is {width}×{height}; at most {limits.pixels:,} pixels are allowed. Scale it down.",
            width=width, height=height,
        )  # fmt: skip
    if min(width, height) < _MIN_SIDE:
        raise InvalidMedia(
            f"The picture is {width}×{height}; captions need at least {_MIN_SIDE} pixels on each side.",
            width=width, height=height,
        )  # fmt: skip


def _check_audio(stream: Mapping[str, Any], limits: Limits) -> None:
    codec = stream.get("codec_name", "unknown")
    if codec not in source.AUDIO_CODECS:
        raise InvalidMedia(f"The sound is coded as {codec}, which ECG cannot read; export it as AAC.")
    if not 0 < int(stream.get("channels", 0)) <= limits.channels:
        raise InvalidMedia(
            f"The sound has {stream.get('channels', 0)} channels; 1 to {limits.channels} are allowed."
        )


def _check_times(header: Header, times: timeline.Timeline, limits: Limits) -> None:
    if header.video and not times.pictures:
        raise InvalidMedia("The file promises a picture but holds none; it is cut off. Upload it again.")
    if times.duration_s > limits.max_duration_s:
        raise _too_long(times.duration_s, limits)
    promised_s = header.duration_s if header.container in _EXACT_DURATION else None
    missing_s = (promised_s or 0.0) - times.duration_s
    if missing_s > max(_CUT_OFF_S, _CUT_OFF_SHARE * (promised_s or 0.0)):
        raise InvalidMedia(
            f"The file is cut off: of its {promised_s:.1f} s only {times.duration_s:.1f} s are there. "
            "Upload it again.",
            promised_s=promised_s, found_s=times.duration_s,
        )  # fmt: skip
    if times.duration_s < limits.min_duration_s:
        raise InvalidMedia(
            f"The file lasts {times.duration_s:.2f} s; at least {limits.min_duration_s:g} s are needed.",
            duration_s=times.duration_s,
        )  # fmt: skip
    if times.fps and times.fps > limits.fps and times.constant_fps:
        raise InvalidMedia(
            f"The picture has {float(times.fps):.0f} frames a second; at most {limits.fps:g} are allowed."
        )


def _check_pictures(path: Path, stream: Mapping[str, Any], limits: Limits) -> None:
    """Decode the first pictures: their real size and that they decode at all."""
    shown = source.opened(path, limits.pixels, threads=1, noautorotate=None)["V:0"]
    corner = shown.filter("crop", _MIN_SIDE, _MIN_SIDE, 0, 0)  # of large pictures a copy would cost memory
    graph = corner.output("pipe:1", format="framecrc", vframes=2, filter_complex_threads=1)
    try:
        decoded = runner.run(graph, timeout_s=_DECODE_TIMEOUT_S, usage=limits.usage(_DECODE_CPU_S))
    except CommandFailed as error:
        raise source.unreadable(error) from error
    if not any(line and not line.startswith(b"#") for line in decoded.splitlines()):
        codec = stream["codec_name"]
        raise InvalidMedia(f"The picture ({codec}) cannot be decoded; the file is damaged. Export it again.")


def _too_long(duration_s: float, limits: Limits) -> InvalidMedia:
    return InvalidMedia(
        f"The file lasts {duration_s / 60:.0f} min; {limits.max_duration_s / 60:.0f} min are allowed.",
        duration_s=duration_s, limit_s=limits.max_duration_s,
    )  # fmt: skip


def _info(header: Header, times: timeline.Timeline, size_bytes: int, limits: Limits) -> MediaInfo:
    sound = header.audio or {}
    common: dict[str, Any] = {
        "duration_s": times.duration_s, "has_video": bool(header.video), "has_audio": bool(header.audio),
        "size_bytes": size_bytes, "container": header.container, "start_s": header.start_s,
        "acodec": sound.get("codec_name"),
        "sample_rate": int(sound["sample_rate"]) if "sample_rate" in sound else None,
        "channels": sound.get("channels"),
    }  # fmt: skip
    if not header.video:
        return MediaInfo(**common)
    width, height = display_size(header.video)
    return MediaInfo(
        **common, width=width, height=height, rotation=rotation(header.video),
        pixel_aspect=pixel_aspect(header.video), fps=_capped(times.fps, limits.fps),
        constant_fps=times.constant_fps, video_start_s=times.video_start_s,
        key_frame_gap_s=times.key_frame_gap_s, vcodec=header.video["codec_name"],
        pix_fmt=header.video.get("pix_fmt"), color=color(header.video),
        interlaced=is_interlaced(header.video),
    )  # fmt: skip


def _capped(fps: Fraction | None, highest: float) -> Fraction | None:
    return min(fps, Fraction(highest).limit_denominator(1001)) if fps else None


def _stored_pixels(stream: Mapping[str, Any]) -> int:
    return int(stream.get("width", 0)) * int(stream.get("height", 0))
