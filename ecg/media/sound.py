"""The sound of a finished video: the source's own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from ecg.media import picture
from ecg.media.formats import Format
from ecg.media.probe import MediaInfo

# Opus begins with 6.5 ms that are not played. In webm they would come before time 0, and ffmpeg would move
# everything, the picture too, until they do not.
_OPUS_LEAD_S = 0.007


def of_source(path: Path, info: MediaInfo, fps: Fraction, format: Format) -> tuple[list[Any], dict[str, Any]]:
    """The source's sound, moved by as much as its picture is, and how to put it into a finished file.

    No stream where there is none, and none for captions alone: they are laid over a video that has its own.
    """
    if not info.has_audio or format.transparent:
        return [], {}
    copied = info.acodec in format.sound_held
    codec = info.acodec if copied else format.sound_encoder
    lead_s = _OPUS_LEAD_S if format.name == "webm" and codec in ("opus", "libopus") else 0.0
    moved_s = info.start_s + picture.phase_s(info, fps) - lead_s
    # A microsecond off: an offset of exactly minus the start ffmpeg takes for its own, and "corrects" it.
    sound = picture.open_source(path, info, itsoffset=f"{1e-6 - moved_s:.6f}")["a:0"]
    if copied:
        # A packet that still begins before 0 (20 ms at most) is left out of a webm.
        return [sound], {"acodec": "copy", **({"copypriorss:a": 0} if lead_s else {})}
    channels = info.channels or 2
    sound = sound.filter("aresample", **{"async": 1}).filter(
        "aformat", channel_layouts=format.speakers(channels)
    )
    if lead_s:
        sound = sound.filter("atrim", start=lead_s)
    return [sound], format.sound_options(channels)
