"""The files a render can be: which container, whose picture, which sound it can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ecg.errors import BadRequest
from ecg.media import encoders

_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


@dataclass(frozen=True, slots=True)
class Format:
    """A container with the codecs it holds.

    ``suffix``: of the finished file. ``chunk_suffix``: of a part of it, which `ecg.media.join` puts behind
    others without encoding again; ``chunk_muxer``: ffmpeg's name for the container of such a part. Parts are
    mp4 wherever that holds the picture: it keeps the times exactly, webm only in whole milliseconds.

    ``encoder``: ffmpeg's name; ``None``: H.264, from whichever encoder there is. ``transparent``: captions
    alone, with an alpha channel, to be laid over the video in an editor. ``sound_held``: codecs copied as
    they are; any other sound is encoded by ``sound_encoder``.
    """

    name: str
    suffix: str
    chunk_suffix: str
    chunk_muxer: str
    encoder: str | None
    transparent: bool
    sound_held: frozenset[str]
    sound_encoder: str
    sound_bits_per_s: int

    def encoder_of(self, h264: str) -> str:
        """The encoder of the picture; ``h264``: what `ecg.media.encoders.pick_encoder` has chosen."""
        return self.encoder or h264

    def finished(self) -> dict[str, Any]:
        """ffmpeg's options for a finished file: index first, nothing of what the source says of itself."""
        index = {} if self.name == "webm" else {"movflags": "+faststart"}
        alpha = ALPHA_TAG if self.transparent and self.name == "webm" else {}
        return {"format": self.name, "map_metadata": -1, "map_chapters": -1, **index, **alpha}

    def sound_options(self, channels: int) -> dict[str, Any]:
        """ffmpeg's options for sound this container cannot hold; ``sound_bits_per_s`` is for one channel."""
        return {"acodec": self.sound_encoder, "audio_bitrate": self.sound_bits_per_s * channels}

    @staticmethod
    def speakers(channels: int) -> str:
        """ffmpeg's name of the arrangement of so many channels that every encoder here takes."""
        return _LAYOUTS[channels]


#: What tells players that a webm's picture has an alpha channel beside it.
ALPHA_TAG = {"metadata:s:v:0": "alpha_mode=1"}
_AAC: dict[str, Any] = {"sound_encoder": "aac", "sound_bits_per_s": 96_000}
MP4 = Format("mp4", ".mp4", ".mp4", "mp4", None, False,
             frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus"}), **_AAC)  # fmt: skip
MOV = Format("mov", ".mov", ".mp4", "mp4", None, False,
             frozenset({"aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le"}), **_AAC)  # fmt: skip
WEBM = Format("webm", ".webm", ".mp4", "mp4", encoders.WEBM, False, frozenset({"opus", "vorbis"}),
              "libopus", 80_000)  # fmt: skip
MOV_OVERLAY = Format("mov", ".mov", ".mov", "mov", encoders.PRORES, True, frozenset(), **_AAC)
WEBM_OVERLAY = Format("webm", ".webm", ".webm", "webm", encoders.WEBM, True, frozenset(), "libopus", 80_000)

_OPAQUE = {"mp4": MP4, "mov": MOV, "webm": WEBM}
_TRANSPARENT = {"mov": MOV_OVERLAY, "webm": WEBM_OVERLAY}


def format_named(container: str, transparent: bool = False) -> Format:
    """The format of a container; raises `BadRequest` with the names there are."""
    known = _TRANSPARENT if transparent else _OPAQUE
    if container in known:
        return known[container]
    if transparent and container in _OPAQUE:
        raise BadRequest(
            f"{container} cannot hold a transparent picture; use mov (ProRes 4444) or webm (VP9 with alpha)."
        )
    raise BadRequest(f"{container!r} is no container ECG writes; use one of {', '.join(known)}.")
