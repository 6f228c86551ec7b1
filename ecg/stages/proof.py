"""Proof of a render: before a job is done, its video is shown to have its captions, and each when it must.

A `Witness` has kept a few moments of every chunk as it was drawn. `prove` decodes the same frames from the
finished video. In each the captions must be there, and be those of that moment rather than of 0.2 s earlier
or later; and the video must have its size, its length and every frame.

Nothing is known of the video's own picture, so only what captions cover is compared. How well it agrees is
a line fitted through all of it: blur and noise of a low quality make it less steep, a caption that is not
there makes it flat. A render fails when its captions are wrong for certain, and passes where nothing can be
told: white words on a white picture prove nothing.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np

from ecg.errors import CommandFailed, InvalidMedia, ProcessingError, RenderProofFailed
from ecg.media import timeline
from ecg.media.encode import KEY_FRAME_EVERY
from ecg.media.frames import Box
from ecg.media.header import Header, display_size, read_header
from ecg.media.samples import Group, sampled
from ecg.media.source import TRUSTED
from ecg.stages.witness import Area, Moment, Witness, group_of

__all__ = ["Witness", "prove"]

# Where captions hide what is behind them so far, their own colour is what is seen.
_OPAQUE = 0.7
# So many cells, of so different brightness (of 255), make a pattern.
_LEAST_CELLS, _LEAST_SPREAD = 60, 20.0
_SURVIVING = 0.75  # the part of a pattern that must be left over a black and a white picture
_LEAST_SHOWN = 0.12  # of a pattern; in the worst quality there is, a quarter of it is left
# So many cells whose colours differ so much tell one moment from another; so many do so in any quality. The
# colour of a small word alone hardly survives the lowest.
_LEAST_DIFFERENT, _ENOUGH_DIFFERENT, _DIFFERENT = 24, 100, 40.0
_LEAST_GONE, _LEAST_GONE_OF_LITTLE = 0.5, 0.35
_CELLS_ALIKE = 16  # neighbours say much the same: so many cells count as one
_SIGMAS = 2.0
_SOUND_OVER_S = 0.05  # sound ends with a whole packet of its own
_FAR_OFF = 190.0  # somewhat more than what bare letters may miss of their brightness, of 255
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GREY = 128.0  # what is behind captions: nobody knows


@dataclass(frozen=True)
class _Slope:
    """Of a line fitted through many points: how steep it is, how sure that is, and how steep it must be."""

    value: float
    sigma: float
    least: float = 0.0

    @property
    def is_too_low(self) -> bool:
        """For certain."""
        return self.value + _SIGMAS * self.sigma < self.least


def prove(
    video: Path, witnesses: Sequence[Path], *, size: tuple[int, int], fps: Fraction, frames: int,
    duration_s: float,
) -> dict[str, Any]:  # fmt: skip
    """Show that a finished video is whole and has its captions; returns the figures of the proof.

    ``witnesses``: what `Witness.write` has kept of each chunk. ``duration_s``: how long the video must be.
    Raises `RenderProofFailed`; its details say where: frame, time and cue.
    """
    header = _header(video, size)
    with ThreadPoolExecutor(max_workers=1) as beside:  # one reads packets, the other decodes
        whole = beside.submit(_check_whole, video, header, fps, frames, duration_s)
        found = _seen(video, header, fps, witnesses)
        whole.result()
    return {**found, "frames": frames}


def _seen(video: Path, header: Header, fps: Fraction, witnesses: Sequence[Path]) -> dict[str, Any]:
    """Look at every moment of every chunk; the figures of it."""
    looked = shown = ordered = 0
    least = {"shown": 1.0, "ordered": 1.0}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as several:
        of_chunks = several.map(lambda path: list(_compared(video, header, fps, path)), witnesses)
        for moment, slopes in chain.from_iterable(of_chunks):
            looked += 1
            shown += bool(slopes["shown"])
            ordered += bool(slopes["ordered"])
            for kind, found in slopes.items():
                least[kind] = min([least[kind], *(slope.value for slope in found)])
            _judge(moment, slopes, fps)
    return {"moments": looked, "shown": shown, "ordered": ordered,
            "least_shown": round(least["shown"], 3), "least_ordered": round(least["ordered"], 3)}  # fmt: skip


def _header(video: Path, size: tuple[int, int]) -> Header:
    """The header of a video of this size."""
    with _readable():
        header = read_header(video, TRUSTED)
        made = display_size(header.picture)
    if made != size:
        raise RenderProofFailed("The rendered video has the wrong size; requeue the job.",
                                wanted=list(size), made=list(made))  # fmt: skip
    return header


def _check_whole(video: Path, header: Header, fps: Fraction, frames: int, duration_s: float) -> None:
    """It must have every frame, and the right length."""
    with _readable():
        times = timeline.scan(video, header, TRUSTED)
    if times.pictures != frames:
        raise RenderProofFailed("The rendered video has not all its frames; requeue the job.",
                                wanted=frames, made=times.pictures)  # fmt: skip
    if abs(times.duration_s - duration_s) > 1.5 / fps + _SOUND_OVER_S:
        raise RenderProofFailed("The rendered video has the wrong length; requeue the job.",
                                wanted_s=duration_s, made_s=times.duration_s)  # fmt: skip


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except InvalidMedia as error:
        raise RenderProofFailed(
            f"The rendered video cannot be read; requeue the job. {error.message}", **error.details
        ) from error


def _compared(
    video: Path, header: Header, fps: Fraction, path: Path
) -> Iterator[tuple[Moment, dict[str, list[_Slope]]]]:
    with np.load(path) as kept:
        about = json.loads(kept["about"].tobytes())
        moments = [Moment(**{**moment, "area": Area(**moment["area"])}) for moment in about["moments"]]
        seen = _decoded(video, header, fps, moments, about["cell"])
        for n, (moment, picture) in enumerate(zip(moments, seen, strict=True)):
            now = kept[f"{n}_{moment.frame}"]
            beside = [frame for frame in (moment.before, moment.after) if frame is not None]
            others = [now + kept[f"{n}_{frame}"] for frame in beside]
            yield moment, _slopes(picture.astype(np.float32), now, others)


def _decoded(
    video: Path, header: Header, fps: Fraction, moments: Sequence[Moment], cell: int
) -> list[np.ndarray]:
    """Each moment's area out of the video, one pixel per cell: RGB, uint8 (rows, columns, 3)."""
    if not moments:
        return []
    groups = [(near, _group(near)) for near in (list(near) for _, near in groupby(moments, group_of))]
    try:
        pictures = sampled(video, header, fps, [group for _, group in groups], cell)
    except CommandFailed:
        raise
    except ProcessingError as error:
        frame = error.details["frame"]
        raise RenderProofFailed(
            f"The rendered video has not all its frames; requeue the job. {error.message}",
            frame=frame, t_s=float(frame / fps),
            cue=next(moment.cue for moment in moments if moment.frame == frame),
        ) from error  # fmt: skip
    return [_part(seen[group.numbers.index(moment.frame)], moment.area, group.box, cell)
            for (near, group), seen in zip(groups, pictures, strict=True) for moment in near]  # fmt: skip


def _group(moments: Sequence[Moment]) -> Group:
    """What must be decoded to see them all."""
    areas = [moment.area for moment in moments]
    left, top = min(area.x for area in areas), min(area.y for area in areas)
    right, bottom = max(area.x + area.width for area in areas), max(area.y + area.height for area in areas)
    frames = sorted({moment.frame for moment in moments})
    since = group_of(moments[0]) * KEY_FRAME_EVERY
    return Group(since, frames, (left, top, right - left, bottom - top))


def _part(picture: np.ndarray, area: Area, box: Box, cell: int) -> np.ndarray:
    row, column = (area.y - box[1]) // cell, (area.x - box[0]) // cell
    return picture[row : row + area.height // cell, column : column + area.width // cell]


def _slopes(seen: np.ndarray, now: np.ndarray, others: Iterable[np.ndarray]) -> dict[str, list[_Slope]]:
    """How much of the captions is ``shown``, and how surely they are those of now and not the ``others``."""
    shown, ordered = _presence(seen, now), []
    for other in others:
        both = _is_opaque(now) & _is_opaque(other)
        ordered.append(_share_of_now(seen[both], _expected(now)[both], _expected(other)[both]))
    return {"shown": [shown] if shown else [], "ordered": [slope for slope in ordered if slope]}


def _expected(cells: np.ndarray) -> np.ndarray:
    """Captions over grey."""
    cells = cells.astype(np.float32)
    return cells[..., :3] + (1 - cells[..., 3:] / 255) * _GREY


def _is_opaque(cells: np.ndarray) -> np.ndarray:
    return cells[..., 3] >= _OPAQUE * 255


def _presence(seen: np.ndarray, now: np.ndarray) -> _Slope | None:
    """How much of the captions' light and dark is seen: 1 where they are there, 0 where not."""
    opaque = _is_opaque(now)
    light, own = seen[opaque] @ _LUMA, now[opaque][:, :3].astype(np.float32) @ _LUMA
    through = 1 - now[opaque][:, 3] / np.float32(255)
    wanted = own + through * _GREY
    if len(light) < _LEAST_CELLS:
        return None
    if wanted.std() >= _LEAST_SPREAD and _survives(wanted, [own, own + through * 2 * _GREY]):
        (fitted,) = _fitted(light, [wanted])
        return _Slope(fitted.value, 0.0, _LEAST_SHOWN)
    # Letters with little behind them: they are all one colour, which at least must be there.
    return _Slope(1.0 - float(np.abs(light - wanted).mean()) / _FAR_OFF, 0.0, _LEAST_SHOWN)


def _survives(wanted: np.ndarray, extremes: Iterable[np.ndarray]) -> bool:
    """Whether a pattern is to be seen over the darkest and the lightest picture too."""
    return all(slope.value >= _SURVIVING for extreme in extremes for slope in _fitted(extreme, [wanted]))


def _share_of_now(seen: np.ndarray, now: np.ndarray, other: np.ndarray) -> _Slope | None:
    """How far what is seen has gone from ``other``, 0, to ``now``, 1; None where these are much the same."""
    change = now - other
    different = (np.abs(change).max(axis=-1, initial=0) >= _DIFFERENT).sum()
    if different < _LEAST_DIFFERENT:
        return None
    fitted = _fitted(seen.ravel(), [change.ravel(), other.ravel()])
    if not fitted or fitted[1].value < _LEAST_SHOWN:
        return None
    gone, common = fitted
    least = _LEAST_GONE if different >= _ENOUGH_DIFFERENT else _LEAST_GONE_OF_LITTLE
    return _Slope(gone.value / common.value, gone.sigma / common.value, least)


def _fitted(seen: np.ndarray, wanted: Sequence[np.ndarray]) -> list[_Slope]:
    """By least squares, how much of each of ``wanted`` is in ``seen``, made of them all and a constant.

    Empty when they cannot be told apart.
    """
    columns = np.stack([*wanted, np.ones_like(seen)], axis=1).astype(np.float64)
    normal = columns.T @ columns
    if np.linalg.matrix_rank(normal) < len(normal):
        return []
    inverse = np.linalg.inv(normal)
    weights = inverse @ (columns.T @ seen)
    rest = seen - columns @ weights
    variance = _CELLS_ALIKE * float(rest @ rest) / max(len(seen) - len(weights), 1)
    return [_Slope(float(weights[n]), math.sqrt(variance * inverse[n, n])) for n in range(len(wanted))]


def _judge(moment: Moment, slopes: Mapping[str, Sequence[_Slope]], fps: Fraction) -> None:
    for kind, what in (("shown", "has no caption"), ("ordered", "has the caption of another time")):
        for slope in slopes[kind]:
            if slope.is_too_low:
                t_s = float(moment.frame / fps)
                raise RenderProofFailed(
                    f"The rendered video {what} at {t_s:.2f} s; requeue the job.",
                    frame=moment.frame, t_s=t_s, cue=moment.cue, share=round(slope.value, 3),
                )  # fmt: skip
