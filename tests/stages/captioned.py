"""Small renders of one chunk, with what a proof needs to know of them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ecg.browser.capture import CaptureBrowser, CaptureSession
from ecg.captions import compose, load_style
from ecg.media.encode import burn, frame_count
from ecg.media.overlay import Frame, OverlaySpec
from ecg.media.probe import Limits, probe
from ecg.stages.proof import Witness, prove
from tests.captions.builders import make_segment, make_transcript, make_words
from tests.media import clips

TEXT = "Nobody had seen the keeper since Tuesday evening when he rowed out alone to the lamp"

PICTURES = {
    "moving": "testsrc2",
    "white": "color=c=white",
    "black": "color=c=black",
    "noise": "color=c=gray,noise=alls=100:allf=t",
}


def make_source(path: Path, picture: str = "moving", *, size: str = "320x180", seconds: float = 4.0,
                fps: str = "25") -> Path:  # fmt: skip
    """A clip of one of `PICTURES`, without sound."""
    name, _, rest = PICTURES[picture].partition(",")
    shown = f"{name}{':' if '=' in name else '='}s={size}:r={fps}:d={seconds}{',' if rest else ''}{rest}"
    clips.ffmpeg("-f", "lavfi", "-i", shown, "-c:v", "libx264", "-preset", "ultrafast", "-crf", 20,
                 "-pix_fmt", "yuv420p", path)  # fmt: skip
    return path


def spoken(text: str = TEXT, *, style: str = "intention", size: tuple[int, int] = (320, 180),
           start_s: float = 0.5, language: str = "en") -> dict[str, Any]:  # fmt: skip
    """The captions of one speaker in one of ECG's styles, as JSON."""
    transcript = make_transcript(make_segment(make_words(text, start_s=start_s)), language=language)
    return compose(transcript, load_style(style), *size).to_json()


@dataclass(frozen=True)
class Captioned:
    """A finished video, and what `prove` asks for."""

    video: Path
    witness: Path
    size: tuple[int, int]
    fps: Fraction
    frames: int
    duration_s: float
    session: CaptureSession

    def prove(self, **other: Any) -> dict[str, Any]:
        """The figures of the proof; ``other``: arguments in place of the true ones."""
        given = {"size": self.size, "fps": self.fps, "frames": self.frames, "duration_s": self.duration_s}
        return prove(other.pop("video", self.video), [self.witness], **{**given, **other})


def caption(
    source: Path, browser: CaptureBrowser, scenario: dict[str, Any], *, quality: int = 75,
    spoiled: Callable[[Iterable[Frame]], Iterable[Frame]] | None = None,
    claimed: dict[str, Any] | None = None,
) -> Captioned:  # fmt: skip
    """Burn a scenario into a clip. ``spoiled``: what becomes of the frames between capture and encoder;
    ``claimed``: the scenario that the witness is told of, where it is another one than was drawn."""
    info = probe(source, Limits())
    size, fps = (info.width or 0, info.height or 0), info.fps or Fraction(25)
    count = frame_count(fps, info.duration_s)
    out, witnessed = source.with_name("captioned.mp4"), source.with_name("witness.npz")
    with browser.open(scenario, *size) as session:
        box, witness = session.box, Witness(session, claimed or scenario, 0, count, fps)
        drawn: Iterable[Frame] = (Frame(rgba, session.changed) for rgba in witness.frames())
        frames = spoiled(drawn) if spoiled else drawn
        burn(source, out, info=info, overlay=OverlaySpec(box.x, box.y, box.width, box.height, fps),
             frames=frames, encoder="libx264", preset="ultrafast", size=size, fps=fps, quality=quality,
             count=count)  # fmt: skip
        witness.write(witnessed)
    return Captioned(out, witnessed, size, fps, count, info.duration_s, session)


def late(frames: Iterable[Frame], by: int) -> Iterator[Frame]:
    """Every frame ``by`` frames after its time."""
    waiting: deque[Frame] = deque()
    for frame in frames:
        waiting.append(Frame(bytes(frame.rgba)))
        yield waiting[0] if len(waiting) <= by else waiting.popleft()


def early(frames: Iterable[Frame], by: int) -> Iterator[Frame]:
    """Every frame ``by`` frames before its time."""
    kept = [Frame(bytes(frame.rgba)) for frame in frames]
    yield from [*kept[by:], *[kept[-1]] * by]


def without(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Nothing to be seen."""
    for frame in frames:
        yield Frame(bytes(len(frame.rgba)))


def copied(scenario: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(scenario))
