"""Captions burnt into a video, or a chunk of one.

The source is decoded once and encoded once. Captions come as raw RGBA frames of their own box and are
blended in YUV, so outside the box the picture is what a plain transcode makes of it. Time comes from
the source's timestamps: they are laid on a grid of constant frame rate whose frame k is at k/fps
seconds after the start of the file, whatever chunk it is rendered in, and key frames are counted from
there.

Transparent formats hold the captions alone, on nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ecg.errors import BadRequest, ProcessingError
from ecg.media import cuda, encoders, formats, picture, runner, sound, source
from ecg.media.formats import Format
from ecg.media.overlay import Frame, OverlaySpec, Planes
from ecg.media.probe import MediaInfo
from ecg.media.runner import ProgressCallback

#: Frames from one key frame that is always there to the next, counted from the start of the video: a chunk
#: that begins at one is coded as the same part of the whole.
KEY_FRAME_EVERY = 250


@dataclass(frozen=True, slots=True)
class Route:
    """Where a picture is decoded, overlaid and encoded.

    ``name``: ``gpu`` when it stays there all the way, else ``cpu``, at whose end a hardware encoder may
    stand. ``encoder``: ffmpeg's name. ``why``: what kept it from the GPU; ``None`` when nothing did.
    """

    name: str
    encoder: str
    why: str | None


def route(
    path: Path, info: MediaInfo, *, size: tuple[int, int], fps: Fraction, encoder: str,
    format: Format = formats.MP4,
) -> Route:  # fmt: skip
    """Which way `burn` takes with the same arguments; found out by trying, and kept."""
    why = cuda.why_not(path, info, size, fps, encoder, format)
    return Route("cpu" if why else "gpu", format.encoder_of(encoder), why)


def frame_count(fps: Fraction, duration_s: float) -> int:
    """How many frames a video of that length has."""
    return round(duration_s * fps)


def burn(
    path: Path, out: Path, *, info: MediaInfo, overlay: OverlaySpec, frames: Iterable[Frame],
    encoder: str, size: tuple[int, int], fps: Fraction, quality: int = 75, preset: str = "veryfast",
    first: int = 0, count: int | None = None, beyond: int = 0, background: str = "0x101014",
    layout: str = "fit", format: Format = formats.MP4, finished: bool = False, timeout_s: float = 3600.0,
    on_progress: ProgressCallback | None = None,
) -> int:  # fmt: skip
    """Encode ``count`` frames from ``first`` on (all that follow) to ``out``; returns how many.

    ``beyond``: how many frames after those are encoded too and thrown away: the encoder sees what comes
    next, and codes the last ones as it would in the whole. A key frame must stand behind the last.
    ``frames``: one per frame encoded; they are taken one at a time, as fast as ffmpeg reads them.
    ``size``: even width and height of the result. ``layout``: how a source of another shape lies in it, see
    `ecg.media.picture.of_source`.
    ``background``: the colour of bars, and of the whole picture under media that has only sound.
    ``encoder``: what `ecg.media.encoders.pick_encoder` chose for H.264; ``quality``: see
    `ecg.media.encoders.options`. ``out`` is a chunk of ``format`` for `ecg.media.join`, or when ``finished``,
    which is for all of a video, what that would make of it.

    Raises `CommandFailed` with ffmpeg's stderr, `TimeoutExceeded`, and `ProcessingError` when ``frames``
    ends early or has a frame of another size.
    """
    if count is None:
        count = frame_count(fps, info.duration_s) - first
    command = burn_command(
        path, out, info=info, overlay=overlay, encoder=encoder, size=size, fps=fps, quality=quality,
        preset=preset, first=first, count=count, beyond=beyond, background=background, layout=layout,
        format=format, finished=finished,
        on_gpu=route(path, info, size=size, fps=fps, encoder=encoder, format=format).name == "gpu",
    )  # fmt: skip
    planes = None if format.transparent else Planes(overlay, info)
    source_of_frames, due = iter(frames), count + beyond
    with runner.Feed(command, timeout_s=timeout_s) as feed:
        for number in range(due):
            frame = next(source_of_frames, None)
            if frame is None or memoryview(frame.rgba).nbytes != overlay.frame_bytes:
                raise _wrong_frame(frame, overlay.frame_bytes, number, due)
            feed.write(planes.of(frame) if planes else frame.rgba)
            if on_progress:
                on_progress((number + 1) / due)
    return count


def burn_command(
    path: Path, out: Path, *, info: MediaInfo, overlay: OverlaySpec, encoder: str, size: tuple[int, int],
    fps: Fraction, quality: int, preset: str, first: int, count: int, background: str, beyond: int = 0,
    layout: str = "fit", format: Format = formats.MP4, finished: bool = False, on_gpu: bool = False,
) -> list[str]:  # fmt: skip
    """The ffmpeg command of `burn` for frames ``first`` to ``first + count``; ``on_gpu``: see `route`."""
    overlay.check(size, fps)
    if count < 1:
        raise BadRequest("The part to render is shorter than a frame; make it longer.")
    encoder = format.encoder_of(encoder)
    how = encoders.options(encoder, quality, preset, picture.is_full_range(info), format.transparent)
    if format.transparent:
        shown = _captions_alone(overlay, size, how["pix_fmt"])
    elif on_gpu:
        shown, how = cuda.blended(path, info, overlay, fps, first), cuda.options(quality)
    else:
        if info.has_video:
            base = picture.of_source(path, info, size, fps, first, background, layout)
        else:
            base = picture.plain(size, fps, background)
        layers = [base, overlay.stream()]
        shown = ffmpeg.filter(layers, "overlay", x=overlay.x, y=overlay.y, format="yuv420")
    sounds, of_sound = sound.of_source(path, info, fps, format) if finished else ([], {})
    container = format.finished() if finished else {"format": format.chunk_muxer}
    # Cut in the graph: a limit of the output's frames would end the sound with the picture.
    argv = ffmpeg.output(
        shown.filter("trim", end_frame=count + beyond), *sounds, source.url(out), fps_mode="passthrough",
        **{**container, **_container(format, fps)}, **of_sound, **how, **_only(count if beyond else None),
        **encoders.key_frames(encoder, first, KEY_FRAME_EVERY),
    ).compile()  # fmt: skip
    return cuda.on_device(argv) if on_gpu else argv


def _captions_alone(overlay: OverlaySpec, size: tuple[int, int], pix_fmt: str) -> Any:
    """Caption frames at their place on a clear picture; in BT.709 and tagged so, for editors to convert."""
    frames = ffmpeg.input(
        "pipe:0", format="rawvideo", pix_fmt="rgba", video_size=(overlay.width, overlay.height),
        framerate=str(overlay.fps), protocol_whitelist="pipe",
    )  # fmt: skip
    yuv = frames["v:0"].filter("scale", out_color_matrix="bt709", out_range="tv").filter("format", pix_fmt)
    return yuv.filter("pad", *size, overlay.x, overlay.y, "black@0").filter(
        "setparams", color_primaries="bt709", color_trc="bt709", colorspace="bt709", range="tv"
    )


def _only(count: int | None) -> dict[str, Any]:
    """Keep the first ``count`` packets. They come as they are decoded: no frame before a key frame is
    among those behind it."""
    return {} if count is None else {"bsf:v": f"noise=drop='gte(n,{count})'"}


def _container(format: Format, fps: Fraction) -> dict[str, Any]:
    if format.chunk_muxer == "webm":
        return formats.ALPHA_TAG
    ticks = picture.timescale(fps)
    return {"video_track_timescale": ticks, "movie_timescale": ticks}


def _wrong_frame(frame: Frame | None, frame_bytes: int, number: int, count: int) -> ProcessingError:
    if frame is None:
        return ProcessingError(
            f"Captions ended at frame {number} of {count}; the rest of the video would have none.",
            frames=number, expected=count,
        )  # fmt: skip
    return ProcessingError(
        f"Caption frame {number} has {memoryview(frame.rgba).nbytes} bytes instead of {frame_bytes}.",
        frame=number, expected_bytes=frame_bytes,
    )  # fmt: skip
