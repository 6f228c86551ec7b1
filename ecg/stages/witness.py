"""What a chunk's captions must be, and a few moments of how they were drawn: half of the proof of a render.

A `Witness` stands beside the capture. It asks the player, not the pixels, what must be seen when; looks at
once whether each cue that is due was drawn, with all its words, in the fonts of the captions; and keeps a few
*moments* for `ecg.stages.proof`: small copies of where a cue has just come, is about to go, or a word has
just been lit, each with those 0.2 s before and after it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from ecg.browser.capture import CaptureSession
from ecg.errors import RenderProofFailed
from ecg.media.encode import KEY_FRAME_EVERY

# When to look.
_SHIFT_S = 0.2  # the moments before and after
_COME_S, _GOING_S = 0.1, 0.05  # so long after it came, and before it goes, is a cue looked at
# Frames worth decoding, in a picture so high, to see a cue come or go rather than a word take its colour: in
# a small one that is hard to see.
_WORD_COST, _WORD_COST_AT_PX = 40, 1080
_MOST_GROUPS = 3  # each has a seek in the finished video, and two moments
_FRAMES_ALLOWED, _FRAMES_PER_DECODED = 40, 30  # to decode for them, and more in a long chunk
# What counts as drawn.
_CLEAR_CONTRAST, _INK, _LEAST_LETTERS_PX = 40, 4, 6
_BOX_SEEN = 0.05
_CELL_PER_PX = 1 / 540


def frame_at(t_s: float, fps: Fraction) -> int:
    """The first frame at or after a time, reckoned as the player reckons it."""
    number = max(0, math.floor(t_s * fps) - 1)
    while number * fps.denominator / fps.numerator < t_s:
        number += 1
    return number


@dataclass(frozen=True)
class Span:
    """Frames ``first`` to before ``end``."""

    first: int
    end: int
    fps: Fraction

    def of_cue(self, cue: Mapping[str, Any]) -> tuple[int, int]:
        """First and last frame that shows a cue; the last is before the first when none does."""
        come, gone = frame_at(cue["start_s"], self.fps), frame_at(cue["end_s"], self.fps)
        return max(come, self.first), min(gone, self.end) - 1


@dataclass(frozen=True)
class Area:
    """A part of the picture, in pixels, all multiples of a cell."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def around(cls, box: Sequence[int], size: tuple[int, int], cell: int) -> Area:
        """The cells that a box touches, but for those cut by the picture's edge."""
        sides = zip(box[:2], box[2:], size, strict=True)
        spans = [(at - at % cell, min(-(-(at + long) // cell) * cell, whole - whole % cell))
                 for at, long, whole in sides]  # fmt: skip
        (left, right), (top, bottom) = spans
        return cls(left, top, right - left, bottom - top)


@dataclass(frozen=True)
class Moment:
    """A frame of the video that is worth a look.

    ``comes``: something has just come, else it is about to go. ``of_word``: a word's colour, else a whole
    cue. ``before``, ``after``: frames to compare with.
    """

    frame: int
    cue: str
    comes: bool
    of_word: bool
    area: Area
    before: int | None = None
    after: int | None = None


class Witness:
    """What a chunk's captions were when they were drawn, and a few moments of it for `prove`.

    ``session``: the chunk's; ``scenario``: what it was opened with, as JSON. Frames ``first`` to
    ``first + count``.
    """

    def __init__(
        self, session: CaptureSession, scenario: Mapping[str, Any], first: int, count: int, fps: Fraction
    ) -> None:
        self._session, self._scenario = session, scenario
        self._span = Span(first, first + count, fps)
        self._cell = 2 * max(1, round(min(session.size) * _CELL_PER_PX))
        self._moments: list[Moment] = []
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    def frames(self) -> Iterator[memoryview]:
        """The chunk's captions, as `CaptureSession.frames` gives them.

        Raises `RenderProofFailed` as soon as they are not what they must be.
        """
        span, session = self._span, self._session
        cues = self._asked()
        self._moments = self._chosen(cues)
        wanted = {frame for moment in self._moments for frame in _frames_of(moment)}
        checks = _checks(cues, span)
        shape = (session.box.height, session.box.width, 4)
        pictures = session.frames(span.first, span.end - span.first, span.fps)
        for number, frame in zip(range(span.first, span.end), pictures, strict=False):
            if number in checks or number in wanted:
                picture = np.frombuffer(frame, np.uint8).reshape(shape)
                self._check(checks.get(number, ()), picture, number)
                self._keep(picture, number)
            yield frame

    def write(self, path: Path) -> None:
        """Keep the moments for `prove`; asks for the fonts once more, now that all is drawn.

        Before the session is closed. Raises as `frames`.
        """
        self._asked()
        about = {"first": self._span.first, "count": self._span.end - self._span.first, "cell": self._cell,
                 "moments": [asdict(moment) for moment in self._moments]}  # fmt: skip
        arrays: dict[str, Any] = {f"{n}_{frame}": kept for (n, frame), kept in self._relative().items()}
        with path.open("wb") as out:
            np.savez_compressed(out, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)

    def _relative(self) -> dict[tuple[int, int], np.ndarray]:
        """What is before and after a moment, as the difference to it: most of it is nothing."""
        now = {n: self._kept[n, moment.frame] for n, moment in enumerate(self._moments)}
        return {(n, frame): kept if frame == self._moments[n].frame else kept - now[n]
                for (n, frame), kept in self._kept.items()}  # fmt: skip

    def _asked(self) -> list[dict[str, Any]]:
        """The cues that the player says must be seen; all those of the scenario, in fonts that are there."""
        span = self._span
        from_s, to_s = (float(frame / span.fps) for frame in (span.first, span.end))
        answer = self._session.inventory(from_s, to_s)
        if answer["font_fault"]:
            raise RenderProofFailed(
                f"Captions cannot be drawn in their fonts: {answer['font_fault']}. Run `ecg setup` on the "
                "render workers, then requeue the job.",
                frame=span.first, t_s=from_s,
            )  # fmt: skip
        given = {cue["id"]: cue for cue in self._scenario["cues"]}
        due = [cue for cue in given.values() if cue["start_s"] < to_s and cue["end_s"] > from_s]
        known = {cue["id"] for cue in answer["cues"]}
        for cue in due:
            if cue["id"] not in known:
                raise _missing("The player has not got a cue", span.first, span.fps, cue["id"])
        return [{**cue, "speaker": given[cue["id"]]["speaker"]} for cue in answer["cues"]]

    def _chosen(self, cues: Iterable[Mapping[str, Any]]) -> list[Moment]:
        shift = max(1, round(_SHIFT_S * self._span.fps))
        found = [moment for cue in cues for moment in _moments(cue, self._span, self._area(cue))]
        word_cost = _WORD_COST * _WORD_COST_AT_PX / min(self._session.size)
        chosen = _cheapest(found, self._span, word_cost)
        return [_with_neighbours(moment, shift, self._span) for moment in chosen]

    def _area(self, cue: Mapping[str, Any]) -> Area:
        return Area.around(cue["extent"] or (0, 0, 0, 0), self._session.size, self._cell)

    def _check(self, cues: Iterable[Mapping[str, Any]], picture: np.ndarray, number: int) -> None:
        t_s, fps = float(number / self._span.fps), self._span.fps
        for cue in cues:
            if not self._box_drawn(cue, picture):
                raise _missing("A cue was not drawn", number, fps, cue["id"])
            for word in cue["words"]:
                if word["there_s"] <= t_s and self._must_have_ink(cue, word) and not self._ink(word, picture):
                    raise _missing(f"The word {word['text']!r} was not drawn", number, fps, cue["id"])

    def _box_drawn(self, cue: Mapping[str, Any], picture: np.ndarray) -> bool:
        style = self._scenario["style"]
        if style["text"].get("outline") or style["box"]["opacity"] < _BOX_SEEN or not cue["extent"]:
            return True
        return bool(self._cut(cue["extent"], picture)[..., 3].any())

    def _must_have_ink(self, cue: Mapping[str, Any], word: Mapping[str, Any]) -> bool:
        if word["blank"] or not word["rect"] or min(word["rect"][2:]) < _LEAST_LETTERS_PX:
            return False
        speaker = self._scenario["speakers"][cue["speaker"]]["color"]
        return contrast(self._scenario["style"], speaker) >= _CLEAR_CONTRAST

    def _ink(self, word: Mapping[str, Any], picture: np.ndarray) -> bool:
        """Whether a word's place is of more than one colour."""
        pixels = self._cut(word["rect"], picture)
        if not pixels.size:
            return True  # outside the picture
        # Row by row first: NumPy is ten times as fast as over all pixels at once.
        most, least = pixels.max(axis=0).max(axis=0), pixels.min(axis=0).min(axis=0)
        return bool((most.astype(int) - least >= _INK).any())

    def _cut(self, rect: Sequence[int], picture: np.ndarray) -> np.ndarray:
        box = self._session.box
        left, top = max(rect[0] - box.x, 0), max(rect[1] - box.y, 0)
        right, bottom = max(rect[0] + rect[2] - box.x, left), max(rect[1] + rect[3] - box.y, top)
        return picture[top:bottom, left:right]

    def _keep(self, picture: np.ndarray, number: int) -> None:
        for n, moment in enumerate(self._moments):
            if number in _frames_of(moment):
                self._kept[n, number] = self._cells(picture, moment.area)

    def _cells(self, picture: np.ndarray, area: Area) -> np.ndarray:
        """An area with one pixel per cell, its colours as they lie over black: uint8 (rows, columns, 4)."""
        box, cell = self._session.box, self._cell
        whole = np.zeros((area.height, area.width, 4), np.float32)
        part = self._cut((area.x, area.y, area.width, area.height), picture).astype(np.float32)
        part[..., :3] *= part[..., 3:] / 255
        left, top = max(box.x - area.x, 0), max(box.y - area.y, 0)
        whole[top : top + part.shape[0], left : left + part.shape[1]] = part
        rows = whole.reshape(area.height // cell, cell, -1).sum(axis=1)
        cells = rows.reshape(len(rows), -1, cell, 4).sum(axis=2) / cell**2
        return cells.round().astype(np.uint8)


def contrast(style: Mapping[str, Any], speaker_color: str) -> float:
    """How far, of 255, letters stand out from what is behind them, at least, however far they are lit."""
    text, box = style["text"], style["box"]
    plain = np.array([*_channels(text["color"]), 255 * text["opacity"]])
    speaker = np.array([*_channels(speaker_color), 255.0])
    ground = np.array([*_channels(box["color"]), 255.0]) * box["opacity"]
    shares = np.linspace(0, text["tint"], 5)[:, None]
    letters = plain + (speaker - plain) * shares
    alpha = letters[:, 3:] / 255
    over = np.concatenate([letters[:, :3], np.full_like(alpha, 255)], axis=1)
    return float(np.abs(alpha * (over - ground)).max(axis=1).min())


def _channels(color: str) -> list[float]:
    return [float(int(color[at : at + 2], 16)) for at in (1, 3, 5)]


def _missing(what: str, frame: int, fps: Fraction, cue: str) -> RenderProofFailed:
    t_s = float(frame / fps)
    return RenderProofFailed(
        f"{what} that must be seen at {t_s:.2f} s; requeue the job.", frame=frame, t_s=t_s, cue=cue
    )


def _checks(cues: Iterable[Mapping[str, Any]], span: Span) -> dict[int, list[Mapping[str, Any]]]:
    """At which frames which cues are looked for: when they come, when words are in place, before they go."""
    checks: dict[int, list[Mapping[str, Any]]] = {}
    for cue in cues:
        come, last = span.of_cue(cue)
        settled = frame_at(min(word["there_s"] for word in cue["words"]), span.fps)
        for number in {come, min(max(settled, come), last), last} if come <= last else ():
            checks.setdefault(number, []).append(cue)
    return checks


def _moments(cue: Mapping[str, Any], span: Span, area: Area) -> Iterator[Moment]:
    come, last = span.of_cue(cue)
    fps = span.fps
    if come > last or area.width <= 0 or area.height <= 0:
        return
    found: list[tuple[int, bool, bool]] = []
    if cue["start_s"] >= span.first / fps:
        found.append((min(come + round(_COME_S * fps), last), True, False))
    if cue["end_s"] <= span.end / fps:
        found.append((max(last - round(_GOING_S * fps), come), False, False))
    for word in cue["words"]:
        lit, done = frame_at(word["lit_s"], fps), frame_at(word["done_s"], fps)
        if come < lit:
            found += [(lit - 1, False, True), (done + 1, True, True)]
    for frame, comes, of_word in found:
        if come <= frame <= last:
            yield Moment(frame, cue["id"], comes, of_word, area)


def _cheapest(moments: Iterable[Moment], span: Span, word_cost: float) -> list[Moment]:
    """Two moments in each of a few groups: what is near a key frame of the video costs little to decode."""
    in_order = sorted(moments, key=lambda moment: moment.frame)
    chosen = sorted((_best(list(group), word_cost) for _, group in groupby(in_order, group_of)), key=_cost)
    left = _FRAMES_ALLOWED + (span.end - span.first) // _FRAMES_PER_DECODED
    result: list[Moment] = []
    for best in chosen[:_MOST_GROUPS]:
        left -= _cost(best)
        if result and left < 0:
            break
        result += best
    return sorted(result, key=lambda moment: moment.frame)


def _best(group: Sequence[Moment], word_cost: float) -> list[Moment]:
    """One at which something has come, and one at which something is about to go."""
    kinds = [[moment for moment in group if moment.comes is comes] for comes in (True, False)]
    return [min(kind, key=lambda moment: moment.frame + word_cost * moment.of_word) for kind in kinds if kind]


def _cost(moments: Sequence[Moment]) -> int:
    """Frames to decode."""
    return max(moment.frame % KEY_FRAME_EVERY for moment in moments)


def _with_neighbours(moment: Moment, shift: int, span: Span) -> Moment:
    before, after = moment.frame - shift, moment.frame + shift
    return replace(
        moment, before=before if before >= span.first else None, after=after if after < span.end else None
    )


def group_of(moment: Moment) -> int:
    """Moments of one group can be decoded from one key frame."""
    return moment.frame // KEY_FRAME_EVERY


def _frames_of(moment: Moment) -> list[int]:
    return [frame for frame in (moment.before, moment.frame, moment.after) if frame is not None]
