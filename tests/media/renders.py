"""Whole renders of small clips with made-up captions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ecg.media.encode import burn, frame_count
from ecg.media.encoders import looks_ahead
from ecg.media.formats import Format, format_named
from ecg.media.join import join
from ecg.media.overlay import Frame, OverlaySpec
from ecg.media.picture import even_size
from ecg.media.probe import Limits, MediaInfo, probe

YELLOW = (255, 212, 0)
CLEAR = (0, 0, 0, 0)
PRESET = "ultrafast"


def caption(overlay: OverlaySpec, rgba: tuple[int, int, int, int]) -> memoryview:
    """One caption frame of a single colour."""
    return memoryview(np.full((overlay.height, overlay.width, 4), rgba, np.uint8))


def forever(frame: memoryview) -> Iterator[memoryview]:
    while True:
        yield frame


def box(fps: Fraction) -> OverlaySpec:
    """A caption box in the right half of a 160×90 or larger picture."""
    return OverlaySpec(x=90, y=20, width=60, height=40, fps=fps)


def burn_all(
    source: Path, out: Path, *, info: MediaInfo | None = None, rgba: tuple[int, int, int, int] = CLEAR,
    frames: Iterable[memoryview] | None = None, **options: Any,
) -> Path:  # fmt: skip
    """`burn` with what the test does not care about filled in."""
    info = info or probe(source, Limits())
    fps = options.pop("fps", info.fps or Fraction(30))
    overlay = options.pop("overlay", box(fps))
    settings = {
        "encoder": "libx264", "preset": PRESET, "quality": 90, "fps": fps,
        "size": even_size(info.width or 320, info.height or 180), **options,
    }  # fmt: skip
    shown = frames or forever(caption(overlay, rgba))
    burn(source, out, info=info, overlay=overlay, frames=map(Frame, shown), **settings)
    return out


def borders(frames: int, chunks: int, every: int) -> list[int]:
    """The frames at which all chunks but the first begin."""
    return [round(frames * number / chunks / every) * every for number in range(1, chunks)]


def render(
    source: Path, out: Path, *, chunks: int = 1, every: int = 1, format: Format | None = None,
    frames_from: Callable[[int], Iterable[memoryview]] | None = None, **options: Any,
) -> Path:  # fmt: skip
    """Burn in ``chunks`` about equal parts and join them; parts begin at multiples of ``every`` frames.

    ``frames_from``: the caption frames from a frame of the whole video on.
    """
    format = format or format_named(out.suffix.removeprefix("."))
    info, parts = probe(source, Limits()), []
    fps = options.get("fps") or info.fps or Fraction(30)
    frames = frame_count(fps, info.duration_s)
    edges = [0, *borders(frames, chunks, every), frames]
    for number, (first, after) in enumerate(pairwise(edges)):
        part = out.with_name(f"{out.stem}-{number}{format.chunk_suffix}")
        captions = {"frames": frames_from(first)} if frames_from else {}
        encoder = format.encoder_of("libx264")
        ahead = looks_ahead(encoder, options.get("preset", PRESET)) if every > 1 else 0
        span = {"first": first, "count": after - first, "beyond": min(ahead, frames - after)}
        parts.append(burn_all(source, part, info=info, format=format, **span, **captions, **options))
    join(parts, source, out, info, fps, format)
    return out
