"""A few frames of a finished render, by their numbers: for its proof."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ecg.errors import ProcessingError
from ecg.media import picture, runner, source
from ecg.media.frames import Box
from ecg.media.header import Header, color

_TIMEOUT_S = 120.0


def sampled(
    path: Path, header: Header, fps: Fraction, numbers: Sequence[int], box: Box, cell: int
) -> list[np.ndarray]:
    """Frames ``numbers`` (ascending, near one another), all in one pass from the key frame before them.

    Only ``box`` of each, ``(x, y, width, height)`` in multiples of ``cell``, and of that the mean of every
    square of ``cell`` × ``cell`` pixels: RGB, uint8 of shape ``(height / cell, width / cell, 3)``. Raises
    `ProcessingError` when the file has not all of them, `CommandFailed` when it cannot be decoded.
    """
    rows, columns = box[3] // cell, box[2] // cell
    rgb = runner.run(_graph(path, header, fps, numbers, box, cell), timeout_s=_TIMEOUT_S)
    if len(rgb) != len(numbers) * rows * columns * 3:
        there = len(rgb) // (rows * columns * 3)
        raise ProcessingError(f"{path.name} has only {there} of the frames {list(numbers)}.")
    return list(np.frombuffer(rgb, np.uint8).reshape(len(numbers), rows, columns, 3))


def _graph(path: Path, header: Header, fps: Fraction, numbers: Sequence[int], box: Box, cell: int) -> Any:
    x, y, width, height = box
    start_s = float(header.picture.get("start_time", header.start_s))  # sound may begin a little earlier
    at_s = start_s - header.start_s + float((numbers[0] + Fraction(1, 4)) / fps)
    seek = {"ss": f"{at_s:.6f}", "noaccurate_seek": None}
    # One thread: others would decode frames that come after the last one wanted.
    stream = source.opened(path, source.TRUSTED.pixels, threads=1, **(seek if numbers[0] else {}))["V:0"]
    wanted = "+".join(_while_shown(number, fps, start_s) for number in numbers)
    stored = int(header.picture["width"]), int(header.picture["height"])
    matrix = picture.matrix(color(header.picture), *stored)
    small = stream.filter("select", wanted).filter("crop", width, height, x, y).filter(
        "scale", width // cell, height // cell, in_color_matrix=matrix,
        flags="area+accurate_rnd+full_chroma_int",
    )  # fmt: skip
    return small.filter("format", "rgb24").output(
        "pipe:1", format="rawvideo", vframes=len(numbers), fps_mode="passthrough"
    )


def _while_shown(number: int, fps: Fraction, start_s: float) -> str:
    """True for the picture that is nearer to this frame's time than half a frame."""
    begin_s, end_s = (start_s + float((number + side) / fps) for side in (Fraction(-1, 2), Fraction(1, 2)))
    return f"between(t,{begin_s:.6f},{end_s:.6f})"
