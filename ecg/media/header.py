"""What a source says of itself in its header, before any of it is proven."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ecg.errors import CommandFailed, InvalidMedia
from ecg.media import runner, source
from ecg.media.source import Limits

_TIMEOUT_S, _CPU_S = 20.0, 3.0


@dataclass(frozen=True, slots=True)
class Color:
    """How the numbers of a picture become light, in ffmpeg's names; ``None``: the file does not say."""

    primaries: str | None = None
    transfer: str | None = None
    space: str | None = None
    range: str | None = None


UNTAGGED = Color()


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says of itself; nothing in it is proven. Streams are ffprobe's dictionaries."""

    container: str
    start_s: float
    duration_s: float | None
    video: Mapping[str, Any] | None
    audio: Mapping[str, Any] | None
    stream_count: int

    @property
    def picture(self) -> Mapping[str, Any]:
        """The moving picture; raises `InvalidMedia` when there is none."""
        if self.video is None:
            raise InvalidMedia("The file has no picture.")
        return self.video


def read_header(path: Path, limits: Limits) -> Header:
    """Open the file and read what it says of itself; raises `InvalidMedia` when it cannot be opened."""
    argv = [*source.ffprobe(limits.pixels), "-show_streams", "-show_format", "-of", "json", source.url(path)]
    try:
        listing = runner.run(argv, timeout_s=_TIMEOUT_S, usage=limits.usage(_CPU_S))
    except CommandFailed as error:
        raise source.unreadable(error) from error
    return _header(json.loads(listing))


def _header(listing: Mapping[str, Any]) -> Header:
    streams, about = listing.get("streams", []), listing.get("format", {})
    duration = about.get("duration")
    return Header(
        container=about.get("format_name", "").partition(",")[0],
        start_s=float(about.get("start_time", 0.0)),
        duration_s=float(duration) if duration else None,
        video=next((s for s in streams if _is_moving_picture(s)), None),
        audio=next((s for s in streams if s.get("codec_type") == "audio"), None),
        stream_count=len(streams),
    )


def _is_moving_picture(stream: Mapping[str, Any]) -> bool:
    disposition = stream.get("disposition", {})
    still = disposition.get("attached_pic") or disposition.get("timed_thumbnails")
    return stream.get("codec_type") == "video" and not still


def color(stream: Mapping[str, Any]) -> Color:
    """The colour tags of an ffprobe stream."""
    tags = (stream.get(f"color_{name}") for name in ("primaries", "transfer", "space", "range"))
    return Color(*(tag if tag not in ("unknown", "reserved") else None for tag in tags))


def display_size(stream: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height on screen. Pixels that are not square are widened or heightened, never thinned."""
    width, height = int(stream.get("width", 0)), int(stream.get("height", 0))
    aspect = pixel_aspect(stream)
    if aspect > 1:
        width = round(width * aspect)
    else:
        height = round(height / aspect)
    return (height, width) if rotation(stream) % 180 == 90 else (width, height)


def pixel_aspect(stream: Mapping[str, Any]) -> Fraction:
    across, _, down = stream.get("sample_aspect_ratio", "1:1").partition(":")
    if not int(across) or not int(down):
        return Fraction(1)
    return Fraction(int(across), int(down))


def rotation(stream: Mapping[str, Any]) -> int:
    """Degrees clockwise, a multiple of 90; ffprobe counts the other way round."""
    for data in stream.get("side_data_list", []):
        if "rotation" in data:
            return round(-float(data["rotation"]) / 90) * 90 % 360
    return 0


def is_interlaced(stream: Mapping[str, Any]) -> bool:
    """Whether a picture is made of two fields taken one after the other."""
    return stream.get("field_order") in ("tt", "bb", "tb", "bt")


def dolby_vision_profile(stream: Mapping[str, Any]) -> int | None:
    """The profile of a Dolby Vision picture; ``None``: it is none."""
    for data in stream.get("side_data_list", []):
        if "dv_profile" in data:
            return int(data["dv_profile"])
    return None
