"""Captions burnt into a video, in chunks, and the chunks joined with the source's own sound.

The source is decoded once and encoded once. Captions come as raw RGBA frames of their own box and are
blended in YUV, so outside the box the picture is what a plain transcode makes of it. Time comes from
the source's timestamps: they are laid on a grid of constant frame rate whose frame k is at k/fps
seconds after the start of the file, whatever chunk it is rendered in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ecg.errors import BadRequest, ProcessingError
from ecg.media import encoders, picture, runner, source
from ecg.media.encoders import pick_encoder
from ecg.media.header import read_header
from ecg.media.picture import OverlaySpec, even_size
from ecg.media.probe import MediaInfo
from ecg.media.runner import ProgressCallback

__all__ = ["OverlaySpec", "burn", "burn_command", "even_size", "frame_span", "join", "pick_encoder"]

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


def frame_span(fps: Fraction, start_s: float, duration_s: float) -> tuple[int, int]:
    """First frame and number of frames of ``[start_s, start_s + duration_s)``.

    Neighbouring spans share no frame and leave none out; a span shorter than a frame may have none.
    """
    first = round(start_s * fps)
    return first, round((start_s + duration_s) * fps) - first


def burn(
    path: Path, out: Path, *, info: MediaInfo, overlay: OverlaySpec, frames: Iterable[bytes | memoryview],
    encoder: str, size: tuple[int, int], fps: Fraction, quality: int = 75, preset: str = "veryfast",
    start_s: float = 0.0, duration_s: float | None = None, background: str = "0x101014",
    timeout_s: float = 3600.0, on_progress: ProgressCallback | None = None,
) -> int:  # fmt: skip
    """Encode ``[start_s, start_s + duration_s)`` with captions to ``out``, video only; returns its frames.

    ``frames``: one per output frame, RGBA with straight alpha, ``overlay.height × overlay.width × 4``
    bytes. They are taken one at a time, as fast as ffmpeg reads them. ``size``: even width and height
    of the result; another shape than the source's gets bars of ``background`` (also the whole picture
    under media that has only sound). ``quality``: see `ecg.media.encoders.options`.

    Raises `CommandFailed` with ffmpeg's stderr, `TimeoutExceeded`, and `ProcessingError` when ``frames``
    ends early or has a frame of another size.
    """
    first, count = frame_span(fps, start_s, info.duration_s - start_s if duration_s is None else duration_s)
    command = burn_command(
        path, out, info=info, overlay=overlay, encoder=encoder, size=size, fps=fps, quality=quality,
        preset=preset, first=first, count=count, background=background,
    )  # fmt: skip
    frame_bytes, source_of_frames = overlay.width * overlay.height * 4, iter(frames)
    with runner.Feed(command, timeout_s=timeout_s) as feed:
        for number in range(count):
            frame = next(source_of_frames, None)
            if frame is None or memoryview(frame).nbytes != frame_bytes:
                raise _wrong_frame(frame, frame_bytes, number, count)
            feed.write(frame)
            if on_progress:
                on_progress((number + 1) / count)
    return count


def burn_command(
    path: Path, out: Path, *, info: MediaInfo, overlay: OverlaySpec, encoder: str, size: tuple[int, int],
    fps: Fraction, quality: int, preset: str, first: int, count: int, background: str,
) -> list[str]:  # fmt: skip
    """The ffmpeg command of `burn` for frames ``first`` to ``first + count``."""
    overlay.check(size, fps)
    if count < 1:
        raise BadRequest("The part to render is shorter than a frame; make it longer.")
    if info.has_video:
        base = picture.of_source(path, info, size, fps, first, background)
    else:
        base = picture.plain(size, fps, background)
    captions = picture.captions(overlay, info)
    blended = ffmpeg.filter([base, captions], "overlay", x=overlay.x, y=overlay.y, format="yuv420")
    ticks = picture.timescale(fps)
    return blended.output(
        source.url(out), format="mp4", vframes=count, fps_mode="passthrough",
        video_track_timescale=ticks, movie_timescale=ticks,
        **encoders.options(encoder, quality, preset, picture.is_full_range(info)),
    ).compile()  # fmt: skip


def _wrong_frame(
    frame: bytes | memoryview | None, frame_bytes: int, number: int, count: int
) -> ProcessingError:
    if frame is None:
        return ProcessingError(
            f"Captions ended at frame {number} of {count}; the rest of the video would have none.",
            frames=number, expected=count,
        )  # fmt: skip
    return ProcessingError(
        f"Caption frame {number} has {memoryview(frame).nbytes} bytes instead of {frame_bytes}.",
        frame=number, expected_bytes=frame_bytes,
    )  # fmt: skip


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
