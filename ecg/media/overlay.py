"""Caption frames on their way into ffmpeg, and where they lie on the picture.

They become YUV here, and of each only what changed: ffmpeg's own conversion takes the whole box for every
frame, which costs more than blending it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import ffmpeg
import numpy as np

from ecg.errors import BadRequest
from ecg.media import picture
from ecg.media.probe import MediaInfo

#: What red and blue have in luma, by the scale filter's name of a matrix (ITU-R BT.470, 601, 709, 2020).
_RED_BLUE = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt470": (0.299, 0.114),
             "fcc": (0.3, 0.11), "smpte240m": (0.212, 0.087), "bt2020": (0.2627, 0.0593)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OverlaySpec:
    """Where caption frames lie on the result, in its pixels; all even, inside the picture."""

    x: int
    y: int
    width: int
    height: int
    fps: Fraction

    def check(self, size: tuple[int, int], fps: Fraction) -> None:
        """Raise `BadRequest` unless the box fits the picture, the chroma grid and the frame rate."""
        box = (self.x, self.y, self.width, self.height)
        inside = self.x + self.width <= size[0] and self.y + self.height <= size[1] and min(box[:2]) >= 0
        if any(side % 2 for side in (*box, *size)) or not inside or min(box[2:]) < 2:
            raise BadRequest(
                f"The caption box {box} must be even and inside the even picture {size[0]}×{size[1]}."
            )
        if self.fps != fps:
            raise BadRequest(f"Captions come at {self.fps} frames a second, the video has {fps}.")

    @property
    def frame_bytes(self) -> int:
        """Size of one frame in RGBA."""
        return self.width * self.height * 4

    def stream(self) -> Any:
        """What `Planes` makes of the frames, from stdin."""
        return ffmpeg.input(
            "pipe:0", format="rawvideo", pix_fmt="yuva420p", video_size=(self.width, self.height),
            framerate=str(self.fps), protocol_whitelist="pipe",
        )["v:0"]  # fmt: skip


class Frame(NamedTuple):
    """A caption frame: straight RGBA of the whole box, ``height × width × 4`` bytes.

    ``changed``: rectangles ``(x, y, width, height)`` of the box outside of which it is the frame before;
    ``None``: it may be another altogether.
    """

    rgba: bytes | memoryview
    changed: Sequence[tuple[int, int, int, int]] | None = None


class Planes:
    """Caption frames as ffmpeg's yuva420p, in the colours of the picture they will lie on."""

    def __init__(self, overlay: OverlaySpec, info: MediaInfo) -> None:
        width, height = overlay.width, overlay.height
        self._shape = (height, width, 4)
        self._weights, self._offsets = _conversion(picture.matrix_of(info), picture.is_full_range(info))
        self._data = np.zeros(width * height * 5 // 2, np.uint8)
        luma, u, v, alpha = np.split(self._data, np.cumsum([4, 1, 1]) * (width * height // 4))
        self._luma, self._alpha = luma.reshape(height, width), alpha.reshape(height, width)
        self._chroma = [plane.reshape(height // 2, width // 2) for plane in (u, v)]
        self._convert(np.zeros(self._shape, np.uint8), (0, 0, width, height))

    def of(self, frame: Frame) -> memoryview:
        """The frame, as bytes; good until the next is asked for. Frames come in order, none left out."""
        rgba = np.frombuffer(frame.rgba, np.uint8).reshape(self._shape)
        height, width, _ = self._shape
        for box in [(0, 0, width, height)] if frame.changed is None else frame.changed:
            self._convert(rgba, box)
        return self._data.data

    def _convert(self, rgba: np.ndarray, box: tuple[int, int, int, int]) -> None:
        x, y, width, height = box
        # Four pixels share a colour: all of them must be looked at when one has changed.
        rows = slice(y // 2, (y + height + 1) // 2)
        columns = slice(x // 2, (x + width + 1) // 2)
        across = (slice(2 * rows.start, 2 * rows.stop), slice(2 * columns.start, 2 * columns.stop))
        part = rgba[across]
        self._alpha[across] = part[..., 3]
        red, green, blue, alpha = (part[..., n].astype(np.float32) for n in range(4))
        self._luma[across] = self._mixed(0, red, green, blue)
        # By their opacity: the black of clear pixels would darken the edge of a letter.
        total = np.maximum(_by_four(alpha), 1)
        mean = [_by_four(color * alpha) / total for color in (red, green, blue)]
        for n, plane in enumerate(self._chroma, 1):
            plane[rows, columns] = self._mixed(n, *mean)

    def _mixed(self, plane: int, red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
        of_red, of_green, of_blue = self._weights[plane]
        return red * of_red + green * of_green + blue * of_blue + self._offsets[plane]


def _by_four(values: np.ndarray) -> np.ndarray:
    """Sums over squares of two by two."""
    rows = values[0::2] + values[1::2]
    return rows[:, 0::2] + rows[:, 1::2]


def _conversion(matrix: str, full_range: bool) -> tuple[np.ndarray, np.ndarray]:
    """From RGB 0..255 to Y, Cb and Cr: weights of shape (3, 3), and what is added, rounding included."""
    red, blue = _RED_BLUE[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    chroma = [(np.eye(3)[which] - luma) / (2 * (1 - luma[which])) for which in (2, 0)]
    scales, base = ((1, 1), 0) if full_range else ((219 / 255, 224 / 255), 16)
    weights = np.stack([luma * scales[0], *(row * scales[1] for row in chroma)])
    return weights.astype(np.float32), np.array([base, 128, 128], np.float32) + np.float32(0.5)
