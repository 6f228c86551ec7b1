"""Captions burnt into a video, or a chunk of one.

The source is decoded once and encoded once. Captions come as raw RGBA frames of their own box and are
blended in YUV, so outside the box the picture is what a plain transcode makes of it. Time comes from
the source's timestamps: they are laid on a grid of constant frame rate whose frame k is at k/fps
seconds after the start of the file, whatever chunk it is rendered in.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import ffmpeg

from ecg.errors import BadRequest, ProcessingError
from ecg.media import encoders, picture, runner, source
from ecg.media.overlay import OverlaySpec
from ecg.media.probe import MediaInfo
from ecg.media.runner import ProgressCallback

#: Frames from one key frame that is always there to the next, counted from the start of the video: a chunk
#: that begins at one is coded as the same part of the whole.
KEY_FRAME_EVERY = 250


def frame_count(fps: Fraction, duration_s: float) -> int:
    """How many frames a video of that length has."""
    return round(duration_s * fps)


def burn(
    path: Path, out: Path, *, info: MediaInfo, overlay: OverlaySpec, frames: Iterable[bytes | memoryview],
    encoder: str, size: tuple[int, int], fps: Fraction, quality: int = 75, preset: str = "veryfast",
    first: int = 0, count: int | None = None, background: str = "0x101014",
    timeout_s: float = 3600.0, on_progress: ProgressCallback | None = None,
) -> int:  # fmt: skip
    """Encode ``count`` frames from ``first`` on (all that follow) to ``out``, video only; returns how many.

    ``frames``: one per output frame, RGBA with straight alpha, ``overlay.height × overlay.width × 4``
    bytes. They are taken one at a time, as fast as ffmpeg reads them. ``size``: even width and height
    of the result; another shape than the source's gets bars of ``background`` (also the whole picture
    under media that has only sound). ``quality``: see `ecg.media.encoders.options`.

    Raises `CommandFailed` with ffmpeg's stderr, `TimeoutExceeded`, and `ProcessingError` when ``frames``
    ends early or has a frame of another size.
    """
    if count is None:
        count = frame_count(fps, info.duration_s) - first
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
    layers = [base, overlay.stream(info)]
    blended = ffmpeg.filter(layers, "overlay", x=overlay.x, y=overlay.y, format="yuv420")
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
