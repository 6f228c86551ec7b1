"""Single pictures out of a video, as a viewer would see them: for proofs and tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecg.errors import ProcessingError
from ecg.media import picture, runner, source
from ecg.media.header import Header, color, read_header, rotation
from ecg.media.source import Limits

_TIMEOUT_S = 60.0
_STEP_HZ = 1000  # a picture that comes within half a millisecond after the time asked counts as shown
_WORTH_A_SEEK_S = 5.0  # decoding what lies between takes longer than another ffmpeg, from its key frame

Box = tuple[int, int, int, int]


def decode_frame(path: Path, t_s: float, box: Box | None = None) -> np.ndarray:
    """The picture on screen at ``t_s``: RGB, ``height × width × 3`` uint8. See `frames_at`."""
    return frames_at(path, [t_s], box)[0]


def frames_at(
    path: Path, times_s: Sequence[float], box: Box | None = None, limits: Limits = source.TRUSTED
) -> list[np.ndarray]:
    """The pictures on screen at ``times_s``, RGB ``height × width × 3`` uint8, turned upright.

    ``box``: cut out ``(x, y, width, height)``. A time after the end gives the last picture. Untagged
    colours are read as players do. Raises `InvalidMedia` when the file has no picture, `ProcessingError`
    when it has none then.
    """
    header = read_header(path, limits)
    pictures: dict[float, np.ndarray] = {}
    for stretch in _stretches(sorted(set(times_s))):
        pictures |= _frames_in(path, header, stretch, box, limits)
    return [pictures[t_s] for t_s in times_s]


def _stretches(times_s: Sequence[float]) -> Iterator[list[float]]:
    """Ascending times, parted where the next one is worth a seek."""
    stretch: list[float] = []
    for t_s in times_s:
        if stretch and t_s - stretch[-1] > _WORTH_A_SEEK_S:
            yield stretch
            stretch = []
        stretch.append(t_s)
    if stretch:
        yield stretch


def _frames_in(
    path: Path, header: Header, times_s: Sequence[float], box: Box | None, limits: Limits
) -> dict[float, np.ndarray]:
    """By ascending times: the pictures of one stretch, which is decoded once."""
    x, y, width, height = box or (0, 0, *_upright_size(header))
    steps = [round((t_s - times_s[0]) * _STEP_HZ) for t_s in times_s]
    taken = sorted(set(steps))
    graph = _graph(path, header, times_s[0], taken, (x, y, width, height), limits)
    rgb = np.frombuffer(runner.run(graph, timeout_s=_TIMEOUT_S), np.uint8)
    if rgb.size != len(taken) * width * height * 3:
        raise ProcessingError(f"{path.name} shows no picture at {times_s[0]:.3f} s.", t_s=times_s[0])
    pictures = dict(zip(taken, rgb.reshape(-1, height, width, 3), strict=True))
    return {t_s: pictures[step] for t_s, step in zip(times_s, steps, strict=True)}


def _graph(
    path: Path, header: Header, first_s: float, steps: Sequence[int], box: Box, limits: Limits
) -> Any:
    """``steps``: those of `_STEP_HZ` after ``first_s`` whose pictures come out."""
    x, y, width, height = box
    seek = {"ss": f"{first_s:.6f}", "noaccurate_seek": None} if first_s > 0 else {}
    shown = source.opened(path, limits.pixels, **seek)["V:0"]
    shown = shown.filter("setpts", f"PTS-{header.start_s + first_s:.6f}/TB").filter(
        "tpad", stop=-1, stop_mode="clone"
    )
    shown = shown.filter("fps", fps=_STEP_HZ, start_time=0, round="near")
    shown = shown.filter("select", "+".join(f"eq(n,{step})" for step in steps))
    matrix = picture.matrix(color(header.picture), *_upright_size(header))
    rgb = shown.filter("scale", in_color_matrix=matrix, flags="accurate_rnd+full_chroma_int")
    cut = rgb.filter("format", "rgb24").filter("crop", width, height, x, y)
    return cut.output("pipe:1", format="rawvideo", fps_mode="passthrough", vframes=len(steps))


def _upright_size(header: Header) -> tuple[int, int]:
    stored = int(header.picture["width"]), int(header.picture["height"])
    return stored[::-1] if rotation(header.picture) % 180 else stored
