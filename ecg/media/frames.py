"""Single pictures out of a video, as a viewer would see them: for proofs and tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecg.errors import ProcessingError
from ecg.media import picture, runner, source
from ecg.media.header import Header, color, read_header, rotation
from ecg.media.source import Limits

_TIMEOUT_S = 60.0
_STEP_HZ = 1000  # a picture that comes within half a millisecond after the time asked counts as shown

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
    return [_frame_at(path, header, t_s, box, limits) for t_s in times_s]


def _frame_at(path: Path, header: Header, t_s: float, box: Box | None, limits: Limits) -> np.ndarray:
    width, height = _upright_size(header)
    x, y, width, height = box or (0, 0, width, height)
    rgb = runner.run(_graph(path, header, t_s, (x, y, width, height), limits), timeout_s=_TIMEOUT_S)
    if len(rgb) != width * height * 3:
        raise ProcessingError(f"{path.name} shows no picture at {t_s:.3f} s.", t_s=t_s)
    return np.frombuffer(rgb, np.uint8).reshape(height, width, 3)


def _graph(path: Path, header: Header, t_s: float, box: Box, limits: Limits) -> Any:
    x, y, width, height = box
    seek = {"ss": f"{t_s:.6f}", "noaccurate_seek": None} if t_s > 0 else {}
    shown = source.opened(path, limits.pixels, **seek)["V:0"]
    shown = shown.filter("setpts", f"PTS-{header.start_s + t_s:.6f}/TB").filter(
        "tpad", stop=-1, stop_mode="clone"
    )
    shown = shown.filter("fps", fps=_STEP_HZ, start_time=0, round="near")
    matrix = picture.matrix(color(header.picture), *_upright_size(header))
    rgb = shown.filter("scale", in_color_matrix=matrix, flags="accurate_rnd+full_chroma_int")
    cut = rgb.filter("format", "rgb24").filter("crop", width, height, x, y)
    return cut.output("pipe:1", format="rawvideo", vframes=1)


def _upright_size(header: Header) -> tuple[int, int]:
    stored = int(header.picture["width"]), int(header.picture["height"])
    return stored[::-1] if rotation(header.picture) % 180 else stored
