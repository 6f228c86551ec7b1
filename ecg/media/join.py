"""Chunks joined behind one another, with the source's own sound under them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ecg.media import runner, sound, source
from ecg.media.formats import Format, format_named
from ecg.media.header import read_header
from ecg.media.probe import MediaInfo
from ecg.media.runner import ProgressCallback

_JOIN_TIMEOUT_S = 120.0
_JOIN_BYTES_PER_S = 5e6


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
    sounds, how = sound.of_source(path, info, fps, format)
    return ffmpeg.output(pictures["v:0"], *sounds, source.url(out), vcodec="copy", **how, **format.finished())
