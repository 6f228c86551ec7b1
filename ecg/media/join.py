"""Chunks joined behind one another, with the source's own sound under them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ecg.media import formats, picture, runner, source
from ecg.media.formats import Format, format_named
from ecg.media.header import read_header
from ecg.media.probe import MediaInfo
from ecg.media.runner import ProgressCallback

_JOIN_TIMEOUT_S = 120.0
_JOIN_BYTES_PER_S = 5e6
# Opus begins with 6.5 ms that are not played. In webm they would come before time 0, and ffmpeg would move
# everything, the picture too, until they do not.
_OPUS_LEAD_S = 0.007


def join(
    chunks: Sequence[Path],
    path: Path,
    out: Path,
    info: MediaInfo,
    fps: Fraction,
    format: Format | None = None,
    on_progress: ProgressCallback | None = None,
) -> None:
    """Put the chunks behind one another, lay the source's sound under them, index first.

    ``format``: by the suffix of ``out`` (mp4, mov, webm) when not given. Nothing is encoded again but sound
    it cannot hold. Captions alone get no sound: they are laid over a video that has its own. Whether the
    result is whole, `ecg.stages.proof` looks. Raises `CommandFailed`.
    """
    format = format or format_named(out.suffix.removeprefix("."))
    size_bytes = info.size_bytes + sum(chunk.stat().st_size for chunk in chunks)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="join-") as folder:
        graph = _join_graph(_listing(Path(folder), chunks, fps, format), path, out, info, fps, format)
        runner.run(
            graph, timeout_s=_JOIN_TIMEOUT_S + size_bytes / _JOIN_BYTES_PER_S,
            on_progress=on_progress, duration_s=info.duration_s,
        )  # fmt: skip


def _listing(folder: Path, chunks: Sequence[Path], fps: Fraction, format: Format) -> Path:
    """A list for ffmpeg's concat demuxer; links with plain names, as its quoting knows no line breaks."""
    names = [f"{number:05d}{chunk.suffix}" for number, chunk in enumerate(chunks)]
    for name, chunk in zip(names, chunks, strict=True):
        (folder / name).symlink_to(chunk.absolute())
    listing = folder / "chunks.txt"
    lines = [f"file {name}\n" for name in names]
    if format.chunk_muxer == "webm":
        lines = [line + _length(chunk, fps) for line, chunk in zip(lines, chunks, strict=True)]
    listing.write_text("".join(lines))
    return listing


def _length(chunk: Path, fps: Fraction) -> str:
    """How long a chunk is: its container knows it in whole milliseconds, whose errors would add up."""
    duration_s = read_header(chunk, source.TRUSTED).duration_s or 0.0
    return f"duration {float(round(duration_s * fps) / fps):.6f}\n"


def _join_graph(listing: Path, path: Path, out: Path, info: MediaInfo, fps: Fraction, format: Format) -> Any:
    pictures = ffmpeg.input(
        source.url(listing), format="concat", protocol_whitelist="file",
        format_whitelist="concat,mov,matroska",
    )  # fmt: skip
    streams, how = [pictures["v:0"]], dict[str, Any]()
    if info.has_audio and not format.transparent:
        sound, how = _sound(path, info, fps, format)
        streams.append(sound)
    how.update({} if format.name == "webm" else {"movflags": "+faststart"})
    how.update(formats.ALPHA_TAG if format.transparent and format.name == "webm" else {})
    return ffmpeg.output(
        *streams, source.url(out), format=format.name, vcodec="copy", map_metadata=-1, map_chapters=-1, **how
    )


def _sound(path: Path, info: MediaInfo, fps: Fraction, format: Format) -> tuple[Any, dict[str, Any]]:
    """The source's sound, moved by as much as its picture was, and how to put it into the container."""
    copied = info.acodec in format.sound_held
    codec = info.acodec if copied else format.sound_encoder
    lead_s = _OPUS_LEAD_S if format.name == "webm" and codec in ("opus", "libopus") else 0.0
    moved_s = info.start_s + picture.phase_s(info, fps) - lead_s
    # A microsecond off: an offset of exactly minus the start ffmpeg takes for its own, and "corrects" it.
    sound = picture.open_source(path, info, itsoffset=f"{1e-6 - moved_s:.6f}")["a:0"]
    if copied:
        # A packet that still begins before 0 (20 ms at most) is left out of a webm.
        return sound, {"acodec": "copy", **({"copypriorss:a": 0} if lead_s else {})}
    channels = info.channels or 2
    sound = sound.filter("aresample", **{"async": 1}).filter(
        "aformat", channel_layouts=format.speakers(channels)
    )
    if lead_s:
        sound = sound.filter("atrim", start=lead_s)
    return sound, format.sound_options(channels)
