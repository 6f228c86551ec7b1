"""How a file from outside is opened, whoever reads it: by path, as a file, in known formats only.

ffmpeg picks the demuxer by content, so a playlist named ``.mp4`` would make it open what the playlist
names. Hence the lists here, and ``file:`` before an absolute path, whatever the name looks like.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import ffmpeg

from ecg.config import Settings
from ecg.errors import CommandFailed, InvalidMedia
from ecg.media.runner import ONE_BLOCK, Usage

_SIGXCPU_EXIT = 128 + 24
_KILLED_EXIT = 128 + 9
_CUT_OFF_SHARE = 0.02
_MOST_STREAMS = 64  # to be told of; a decoder may be opened to look at each
_UNKNOWN_RIFF_SIZE = 0x7FFF0000
FORMATS = ("mov", "matroska", "avi", "wav", "mp3", "flac", "ogg", "aac", "mpegts")
VIDEO_CODECS = frozenset({
    "h264", "hevc", "av1", "vp8", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "prores", "dnxhd",
    "theora", "h263", "msmpeg4v3", "dvvideo", "ffv1", "huffyuv", "utvideo", "qtrle", "rawvideo",
})  # fmt: skip
AUDIO_CODECS = frozenset({
    "aac", "mp3", "mp2", "ac3", "eac3", "opus", "vorbis", "flac", "alac", "amrnb", "amrwb", "amr_nb",
    "amr_wb", "dts", "pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be",
    "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav",
})  # fmt: skip
# Decoders that may open: those behind the codecs (some have names of their own), and the ones of cover
# pictures and subtitles, without which ffprobe gives up on the whole file.
_DECODERS = VIDEO_CODECS | AUDIO_CODECS | {
    "libdav1d", "libaom-av1", "libvpx", "libvpx-vp9", "libopus", "libvorbis", "mp3float", "mp2float", "dca",
    "msmpeg4", "png", "bmp", "mov_text", "subrip", "srt", "text", "webvtt", "ass", "ssa", "pgssub", "dvdsub",
    "dvbsub",
}  # fmt: skip
CANNOT_READ = (
    "The file is not a video or a sound ECG can read; it reads mp4, mov, mkv, webm, avi, ts, wav, mp3, "
    "m4a, flac, ogg and aac. If it should be one of these, it is damaged: export or upload it again."
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a source may be, and the memory of a tool that reads it."""

    size_bytes: int = 2 * 1024**3
    max_duration_s: float = 3 * 3600.0
    min_duration_s: float = 0.5
    pixels: int = 4096 * 2304
    fps: float = 120.0
    streams: int = 8
    channels: int = 8
    memory_bytes: int = 320 * 1024**2

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(
            size_bytes=settings.max_upload_bytes, max_duration_s=settings.max_duration_s,
            min_duration_s=settings.min_duration_s, pixels=settings.max_pixels, fps=settings.max_fps,
            streams=settings.max_streams, memory_bytes=settings.tool_memory_bytes,
        )  # fmt: skip

    def usage(self, cpu_s: float, file_bytes: int | None = None) -> Usage:
        """What one tool that reads the source may use. A tool past its CPU time has been led astray by the
        file; past its wall clock perhaps only by others on the machine.
        """
        return Usage(self.memory_bytes, math.ceil(cpu_s), file_bytes)


# For files that ECG made itself: only what ffmpeg can count.
TRUSTED = Limits(size_bytes=2**63 - 1, max_duration_s=math.inf, min_duration_s=0.0, pixels=2**31 - 1)


def url(path: Path) -> str:
    """The path as ffmpeg takes it literally: no other protocol, no option, no pattern."""
    return f"file:{path.absolute()}"


def options(pixels: int) -> dict[str, Any]:
    """Input options for every reader of a source; ``pixels``: the largest picture to decode."""
    return {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(FORMATS),
        "codec_whitelist": ",".join(sorted(_DECODERS)),
        "max_pixels": pixels,
        "max_streams": _MOST_STREAMS,
    }


def check_file(path: Path, limits: Limits) -> int:
    """The size of the file in bytes; raises `InvalidMedia` when there is nothing to open."""
    if not path.is_file():
        raise InvalidMedia("There is no such file.", name=path.name)
    size = path.stat().st_size
    if not size:
        raise InvalidMedia("The file is empty; upload it again.", name=path.name)
    if size > limits.size_bytes:
        raise InvalidMedia(
            f"The file has {size / 1e6:,.0f} MB; at most {limits.size_bytes / 1e6:,.0f} MB are allowed.",
            size_bytes=size, limit_bytes=limits.size_bytes,
        )  # fmt: skip
    _check_riff(path, size)
    return size


def _check_riff(path: Path, size: int) -> None:
    """wav and avi say their size at the start; ffmpeg plays what is there of a cut-off one without a word."""
    with path.open("rb") as file:
        head = file.read(8)
    promised = int.from_bytes(head[4:], "little") + 8
    # Programs that write to a pipe cannot know, and put in the largest number.
    if head[:4] == b"RIFF" and size < promised * (1 - _CUT_OFF_SHARE) and promised < _UNKNOWN_RIFF_SIZE:
        raise InvalidMedia(
            f"The file is cut off: of its {promised / 1e6:.1f} MB only {size / 1e6:.1f} MB are there. "
            "Upload it again.",
            promised_bytes=promised, size_bytes=size,
        )  # fmt: skip


def opened(path: Path, pixels: int, **how: Any) -> Any:
    """The source as an ffmpeg-python input, under `options`; ``how``: more input options.

    Its times are those in the file, which begins at ``start_s`` of its header. Left to itself ffmpeg
    would make the first packet of the streams in use time 0, in transport streams another one for the
    picture alone than for the sound alone.
    """
    return ffmpeg.input(url(path), copyts=None, **options(pixels), **how)


def ffprobe(pixels: int) -> list[str]:
    """The head of an ffprobe command (which ffmpeg-python does not compose), under the same options."""
    under = [part for name, value in options(pixels).items() for part in (f"-{name}", str(value))]
    return ["ffprobe", "-v", "error", *ONE_BLOCK, *under, "-threads", "1"]


def unreadable(error: CommandFailed) -> Exception:
    """What a failed reader of a source means: the file is to blame, unless someone killed the reader."""
    code, tail = error.details["exit_code"], error.details["stderr_tail"]
    if code in (-9, _KILLED_EXIT):
        return error
    if code == _SIGXCPU_EXIT:
        return InvalidMedia("The file takes too long to read; export it again.", stderr_tail=tail)
    if "Picture size" in tail or "exceeds specified max pixel count" in tail:
        return InvalidMedia("The picture is too large; scale the video down.", stderr_tail=tail)
    if "moov atom not found" in tail:
        return InvalidMedia(
            "The file is cut off or is no video: its index (moov) is missing. Upload it again.",
            stderr_tail=tail,
        )
    return InvalidMedia(CANNOT_READ, stderr_tail=tail)
