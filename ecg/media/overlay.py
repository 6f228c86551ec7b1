"""Caption frames on their way into ffmpeg, and where they lie on the picture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import ffmpeg

from ecg.errors import BadRequest
from ecg.media import picture
from ecg.media.probe import MediaInfo


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

    def stream(self, info: MediaInfo) -> Any:
        """Caption frames from stdin, in the colours of the picture they will lie on."""
        frames = ffmpeg.input(
            "pipe:0", format="rawvideo", pix_fmt="rgba", video_size=(self.width, self.height),
            framerate=str(self.fps), protocol_whitelist="pipe",
        )  # fmt: skip
        out_range = "pc" if picture.is_full_range(info) else "tv"
        yuv = frames["v:0"].filter("scale", out_color_matrix=picture.matrix_of(info), out_range=out_range)
        return yuv.filter("format", "yuva420p")
