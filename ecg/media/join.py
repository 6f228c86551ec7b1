"""Chunks joined behind one another, with the source's own sound under them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ecg.errors import BadRequest, ProcessingError
from ecg.media import picture, runner, source
from ecg.media.header import read_header
from ecg.media.probe import MediaInfo
from ecg.media.runner import ProgressCallback

_JOIN_TIMEOUT_S = 120.0
_JOIN_BYTES_PER_S = 5e6
_ROUNDING_S = 0.002
# What a container holds without re-encoding, and what the rest becomes.
_SOUND = {
    ".mp4": ({"aac", "mp3", "ac3", "eac3", "alac", "opus"}, {"acodec": "aac", "audio_bitrate": "192k"}),
    ".mov": (
        {"aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le"},
        {"acodec": "aac", "audio_bitrate": "192k"},
    ),
    ".webm": ({"opus", "vorbis"}, {"acodec": "libopus", "audio_bitrate": "160k"}),
}


def join(
    chunks: Sequence[Path],
    path: Path,
    out: Path,
    info: MediaInfo,
    on_progress: ProgressCallback | None = None,
) -> None:
    """Put the chunks behind one another, lay the source's sound under them, index first.

    Nothing is encoded again but sound the container of ``out`` (by its suffix: mp4, mov, webm) cannot
    hold. Raises `CommandFailed`, and `ProcessingError` when the result is not as long as the source.
    """
    size_bytes = info.size_bytes + sum(chunk.stat().st_size for chunk in chunks)
    fps = _frame_rate(chunks[0])
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="join-") as folder:
        graph = _join_graph(_listing(Path(folder), chunks), path, out, info, fps)
        runner.run(
            graph, timeout_s=_JOIN_TIMEOUT_S + size_bytes / _JOIN_BYTES_PER_S,
            on_progress=on_progress, duration_s=info.duration_s,
        )  # fmt: skip
    _check_length(out, info, fps)


def _listing(folder: Path, chunks: Sequence[Path]) -> Path:
    """A list for ffmpeg's concat demuxer; links with plain names, as its quoting knows no line breaks."""
    names = [f"{number:05d}{chunk.suffix}" for number, chunk in enumerate(chunks)]
    for name, chunk in zip(names, chunks, strict=True):
        (folder / name).symlink_to(chunk.absolute())
    listing = folder / "chunks.txt"
    listing.write_text("".join(f"file {name}\n" for name in names))
    return listing


def _join_graph(listing: Path, path: Path, out: Path, info: MediaInfo, fps: Fraction) -> Any:
    if out.suffix not in _SOUND:
        raise BadRequest(f"{out.suffix!r} is no container ECG writes; use one of {', '.join(_SOUND)}.")
    pictures = ffmpeg.input(
        source.url(listing), format="concat", protocol_whitelist="file", format_whitelist="concat,mov"
    )
    streams, codec = [pictures["v:0"]], dict[str, str]()
    if info.has_audio:
        sound, codec = _sound(path, out.suffix, info, fps)
        streams.append(sound)
    index = {} if out.suffix == ".webm" else {"movflags": "+faststart"}
    return ffmpeg.output(
        *streams, source.url(out), vcodec="copy", **codec, **index, map_metadata=-1, map_chapters=-1
    )


def _sound(path: Path, suffix: str, info: MediaInfo, fps: Fraction) -> tuple[Any, dict[str, str]]:
    """The source's sound, moved by as much as its picture was, and how to put it into the container."""
    moved_s = info.start_s + picture.phase_s(info, fps)
    # A microsecond off: an offset of exactly minus the start ffmpeg takes for its own, and "corrects" it.
    sound = picture.open_source(path, info, itsoffset=f"{1e-6 - moved_s:.6f}")["a:0"]
    holds, otherwise = _SOUND[suffix]
    if info.acodec in holds:
        return sound, {"acodec": "copy"}
    return sound.filter("aresample", **{"async": 1}), otherwise


def _frame_rate(video: Path) -> Fraction:
    return Fraction(read_header(video, source.TRUSTED).picture["avg_frame_rate"])


def _check_length(out: Path, info: MediaInfo, fps: Fraction) -> None:
    header = read_header(out, source.TRUSTED)
    duration_s = float(header.picture.get("duration") or header.duration_s or 0)
    if abs(duration_s - info.duration_s) > 1 / fps + _ROUNDING_S:
        raise ProcessingError(
            f"The result lasts {duration_s:.3f} s, the source {info.duration_s:.3f} s; render it again.",
            duration_s=duration_s, expected_s=info.duration_s,
        )  # fmt: skip
