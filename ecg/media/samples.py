"""Some frames of a finished render, by their numbers: for its proof."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ecg.errors import ProcessingError
from ecg.media import picture, runner, source
from ecg.media.frames import Box
from ecg.media.header import Header, color

_TIMEOUT_S = 120.0


class Group(NamedTuple):
    """Frames near one another, by their numbers, ascending; and the part of them that is looked at.

    ``since``: a frame before them that is known to be a key frame. ``box``: ``(x, y, width, height)``, in
    multiples of the cell.
    """

    since: int
    numbers: Sequence[int]
    box: Box


def sampled(
    path: Path, header: Header, fps: Fraction, groups: Sequence[Group], cell: int
) -> list[list[np.ndarray]]:
    """The frames of each group, decoded from the key frame before its first, all groups at once.

    Only their box, and of that the mean of every square of ``cell`` × ``cell`` pixels: RGB, uint8 of shape
    ``(height / cell, width / cell, 3)``. Raises `ProcessingError` when the file has not all of them,
    `CommandFailed` when it cannot be decoded.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="sampled-") as folder:
        parts = [Path(folder) / f"{number}.rgb" for number in range(len(groups))]

        def decoded(group: Group, part: Path) -> list[np.ndarray]:
            runner.run(_written(path, header, fps, group, cell, part), timeout_s=_TIMEOUT_S)
            return _read(part, group, cell, path.name)

        with ThreadPoolExecutor(os.cpu_count()) as several:
            return list(several.map(decoded, groups, parts))


def _read(part: Path, group: Group, cell: int, name: str) -> list[np.ndarray]:
    rows, columns = group.box[3] // cell, group.box[2] // cell
    rgb = part.read_bytes()
    if len(rgb) != len(group.numbers) * rows * columns * 3:
        there = len(rgb) // (rows * columns * 3)
        raise ProcessingError(
            f"{name} has only {there} of the frames {list(group.numbers)}.", frame=group.numbers[0]
        )
    return list(np.frombuffer(rgb, np.uint8).reshape(len(group.numbers), rows, columns, 3))


def _written(path: Path, header: Header, fps: Fraction, group: Group, cell: int, out: Path) -> Any:
    since, numbers, (x, y, width, height) = group
    start_s = float(header.picture.get("start_time", header.start_s))  # sound may begin a little earlier
    at_s = start_s - header.start_s + float((numbers[0] + Fraction(1, 4)) / fps)
    seek = {"ss": f"{at_s:.6f}", "noaccurate_seek": None}
    # Counted from the key frame that the seek comes to. Other groups would have this one decoded to its end.
    most_s = float((numbers[-1] + 2 - since) / fps)
    # One thread: others would decode frames that come after the last one wanted.
    how = {"t": f"{most_s:.6f}", **(seek if numbers[0] else {})}
    stream = source.opened(path, source.TRUSTED.pixels, threads=1, **how)["V:0"]
    wanted = "+".join(_while_shown(number, fps, start_s) for number in numbers)
    stored = int(header.picture["width"]), int(header.picture["height"])
    matrix = picture.matrix(color(header.picture), *stored)
    small = stream.filter("select", wanted).filter("crop", width, height, x, y).filter(
        "scale", width // cell, height // cell, in_color_matrix=matrix,
        flags="area+accurate_rnd+full_chroma_int",
    )  # fmt: skip
    return small.filter("format", "rgb24").output(
        source.url(out), format="rawvideo", vframes=len(numbers), fps_mode="passthrough"
    )


def _while_shown(number: int, fps: Fraction, start_s: float) -> str:
    """True for the picture that is nearer to this frame's time than half a frame."""
    begin_s, end_s = (start_s + float((number + side) / fps) for side in (Fraction(-1, 2), Fraction(1, 2)))
    return f"between(t,{begin_s:.6f},{end_s:.6f})"
