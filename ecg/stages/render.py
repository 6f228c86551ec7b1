"""The steps of a render: prepare, chunk, assemble."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from ecg.browser.capture import CaptureBrowser
from ecg.captions.composer import compose
from ecg.captions.scenario import Scenario
from ecg.captions.style import Style, load_style
from ecg.errors import RenderProofFailed
from ecg.media.encode import KEY_FRAME_EVERY, burn, frame_count
from ecg.media.join import join
from ecg.media.overlay import OverlaySpec
from ecg.media.picture import even_size
from ecg.media.probe import Limits, MediaInfo, probe
from ecg.media.source import TRUSTED
from ecg.transcript import Transcript

Progress = Callable[[float], None]
#: Frame rate of the picture laid under media that has only sound.
STILL_FPS = Fraction(30)
MAX_FPS = Fraction(60)
#: A chunk shorter than this is not worth a browser page and a seek; of a longer one too much may be lost.
LEAST_CHUNK_S, MOST_CHUNK_S = 20.0, 300.0
# How long ffmpeg may take for a chunk, whatever the deadline of the step: it grows with the video.
_LEAST_TIMEOUT_S, _TIMEOUT_PER_S = 600.0, 60.0


@dataclass(frozen=True)
class Plan:
    """What `prepare` settled for all chunks of a render. Sizes in pixels, ``fps`` as a fraction's text."""

    width: int
    height: int
    fps: str
    quality: int
    frames: int
    duration_s: float
    media: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def info(self) -> MediaInfo:
        return MediaInfo.from_json(self.media)


def prepare(
    source: Path, transcript: Path, given: Path | None, params: Mapping[str, Any], limits: Limits,
    background_size: tuple[int, int], out: Path,
) -> Plan:  # fmt: skip
    """Settle size, frame rate and scenario: the one given, else one composed in the style asked for."""
    info = probe(source, limits)
    options = params["options"]
    width, height = _size(info, options, background_size)
    if given is not None:
        scenario = Scenario.from_json(json.loads(given.read_text()))
    else:
        scenario = compose(
            Transcript.from_json(json.loads(transcript.read_text())), _style(params), width, height
        )
    out.write_text(json.dumps(scenario.to_json(), ensure_ascii=False))
    fps = _fps(info, options)
    frames = frame_count(fps, info.duration_s)
    return Plan(width, height, str(fps), options["quality"], frames, info.duration_s, info.to_json())


def _style(params: Mapping[str, Any]) -> Style:
    """A user's own style travels with the job: he may have changed it since."""
    if own := params.get("own_style"):
        return Style.from_json(own).with_strength(params["strength"])
    return load_style(params["style"], params["strength"])


def _size(info: MediaInfo, options: Mapping[str, Any], background: tuple[int, int]) -> tuple[int, int]:
    width, height = (info.width, info.height) if info.width and info.height else background
    if options.get("width") and options.get("height"):
        width, height = options["width"], options["height"]
    return even_size(width, height)


def _fps(info: MediaInfo, options: Mapping[str, Any]) -> Fraction:
    if options.get("fps"):
        return Fraction(options["fps"]).limit_denominator(1001)
    return min(info.fps or STILL_FPS, MAX_FPS)


@dataclass(frozen=True)
class Span:
    """Frames ``first`` to ``first + count`` of the video."""

    first: int
    count: int


def cut(plan: Plan, workers: int) -> list[Span]:
    """The chunks of a render that ``workers`` may work on at once: even ones, one or more for each.

    They begin where the encoder has a key frame in any case, so that it codes the same picture the same way
    however the video is cut.
    """
    group_s = float(KEY_FRAME_EVERY / Fraction(plan.fps))
    groups = math.ceil(plan.frames / KEY_FRAME_EVERY)
    worthwhile = max(1, int(groups * group_s / LEAST_CHUNK_S))
    turns = math.ceil(groups * group_s / (MOST_CHUNK_S * workers))
    chunks = min(groups, worthwhile, workers * turns)
    edges = [round(groups * number / chunks) * KEY_FRAME_EVERY for number in range(chunks)]
    return [Span(first, after - first) for first, after in pairwise([*edges, plan.frames])]


def chunk(
    source: Path, scenario: Path, plan: Plan, span: Span, out: Path, browser: CaptureBrowser, encoder: str,
    preset: str, on_progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Draw the captions of a chunk and lay them over the picture; returns the figures of the render."""
    started_s = time.monotonic()
    fps = Fraction(plan.fps)
    with browser.open(json.loads(scenario.read_text()), plan.width, plan.height) as session:
        box = session.box
        burn(
            source, out, info=plan.info, overlay=OverlaySpec(box.x, box.y, box.width, box.height, fps),
            frames=session.frames(span.first, span.count, fps), first=span.first, count=span.count,
            encoder=encoder, preset=preset, size=(plan.width, plan.height), fps=fps, quality=plan.quality,
            timeout_s=_LEAST_TIMEOUT_S + _TIMEOUT_PER_S * float(span.count / fps), on_progress=on_progress,
        )  # fmt: skip
        metrics = asdict(session.metrics)
    return {**metrics, "encoder": encoder, "wall_s": round(time.monotonic() - started_s, 2)}


def assemble(chunks: Sequence[Path], source: Path, plan: Plan, out: Path) -> MediaInfo:
    """Join the chunks with the source's sound, and prove that the result is what was promised."""
    join(chunks, source, out, plan.info)
    made = probe(out, TRUSTED)
    frame_s = float(1 / Fraction(plan.fps))
    if (made.width, made.height) != (plan.width, plan.height):
        raise RenderProofFailed("The rendered video has the wrong size; requeue the job.",
                                wanted=[plan.width, plan.height], made=[made.width, made.height])  # fmt: skip
    if abs(made.duration_s - plan.duration_s) > 1.5 * frame_s:
        raise RenderProofFailed("The rendered video has the wrong length; requeue the job.",
                                wanted_s=plan.duration_s, made_s=made.duration_s)  # fmt: skip
    return made
