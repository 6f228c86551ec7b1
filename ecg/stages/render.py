"""The steps of a render: prepare, chunk, assemble."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from ecg.browser.capture import CaptureBrowser, CaptureMetrics, CaptureSession
from ecg.captions.draft import Draft
from ecg.captions.scenario import Scenario
from ecg.captions.style import Style, load_style
from ecg.media import hdr
from ecg.media.encode import KEY_FRAME_EVERY, burn, frame_count, route
from ecg.media.encoders import looks_ahead
from ecg.media.formats import Format, format_named
from ecg.media.join import join
from ecg.media.overlay import Frame, OverlaySpec
from ecg.media.picture import even_size
from ecg.media.probe import MediaInfo
from ecg.memory import MemoryWatch
from ecg.stages.proof import prove
from ecg.stages.witness import Witness
from ecg.transcript import Transcript

Progress = Callable[[float], None]
#: Frame rate of the picture laid under media that has only sound.
STILL_FPS = Fraction(30)
MAX_FPS = Fraction(60)
_ASPECTS = {"16:9": Fraction(16, 9), "9:16": Fraction(9, 16), "1:1": Fraction(1)}
#: A chunk shorter than this is not worth a browser page and a seek; of a longer one too much may be lost.
LEAST_CHUNK_S, MOST_CHUNK_S = 20.0, 300.0
# How long ffmpeg may take for a chunk, whatever the deadline of the step: it grows with the video.
_LEAST_TIMEOUT_S, _TIMEOUT_PER_S = 600.0, 60.0


@dataclass(frozen=True)
class Plan:
    """What `prepare` settled for all chunks of a render. Sizes in pixels, ``fps`` as a fraction's text.

    ``layout``, ``container`` and ``overlay`` as the API has them: how a source of another shape lies in the
    picture, the kind of file, and whether it holds the captions alone on transparency.
    """

    width: int
    height: int
    fps: str
    quality: int
    frames: int
    duration_s: float
    media: dict[str, Any]
    layout: str = "fit"
    container: str = "mp4"
    overlay: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def format(self) -> Format:
        return format_named(self.container, self.overlay)

    @property
    def info(self) -> MediaInfo:
        return MediaInfo.from_json(self.media)

    def is_finished_by(self, span: Span) -> bool:
        """Whether a chunk is all of the video, in its own container: then there is nothing to join."""
        return span.count == self.frames and self.format.chunk_suffix == self.format.suffix


def prepare(
    info: MediaInfo, transcript: Path, given: Path | None, params: Mapping[str, Any],
    background_size: tuple[int, int], out: Path,
) -> Plan:  # fmt: skip
    """Settle size, frame rate and scenario: the one given, else one composed in the style asked for.

    ``transcript``: an analysis or, where ``params`` name a project, its draft.
    """
    hdr.check(info.color)
    options = params["options"]
    width, height = _size(info, options, background_size)
    if given is not None:
        scenario = Scenario.from_json(json.loads(given.read_text()))
    else:
        scenario = _draft(transcript, params).composed(_style(params), width, height)
    out.write_text(json.dumps(scenario.to_json(), ensure_ascii=False))
    fps = _fps(info, options)
    frames = frame_count(fps, info.duration_s)
    return Plan(
        width, height, str(fps), options["quality"], frames, info.duration_s, info.to_json(),
        options.get("layout", "fit"), options.get("format", "mp4"), options.get("overlay", False),
    )  # fmt: skip


def _draft(written: Path, params: Mapping[str, Any]) -> Draft:
    told = json.loads(written.read_text())
    return Draft.from_json(told) if params.get("project_key") else Draft(Transcript.from_json(told))


def _style(params: Mapping[str, Any]) -> Style:
    """A user's own style travels with the job: he may have changed it since."""
    if own := params.get("own_style"):
        return Style.from_json(own).with_strength(params["strength"])
    return load_style(params["style"], params["strength"])


def _size(info: MediaInfo, options: Mapping[str, Any], background: tuple[int, int]) -> tuple[int, int]:
    width, height = (info.width, info.height) if info.width and info.height else background
    if options.get("width") and options.get("height"):
        width, height = options["width"], options["height"]
    elif aspect := _ASPECTS.get(options.get("aspect", "source")):
        # The shorter side stays: of 1920×1080 upright becomes 1080×1920, and square 1080×1080.
        shorter: int = min(width, height)
        width = round(shorter * max(aspect, Fraction(1)))
        height = round(shorter / min(aspect, Fraction(1)))
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

    @property
    def end(self) -> int:
        return self.first + self.count


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
    source: Path, scenario: Path, plan: Plan, span: Span, out: Path, witnessed: Path, browser: CaptureBrowser,
    encoder: str, preset: str, on_progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Draw the captions of a chunk and lay them over the picture; returns what it did and needed.

    A chunk that is all of the video is ``finished`` at once, with the source's sound.
    ``witnessed`` becomes a record of what must be seen in the result, for `assemble` to prove it.
    """
    started_s, fps, size = time.monotonic(), Fraction(plan.fps), (plan.width, plan.height)
    drawn = json.loads(scenario.read_text())
    way = route(source, plan.info, size=size, fps=fps, encoder=encoder, format=plan.format)
    finished = plan.is_finished_by(span)
    beyond = min(looks_ahead(way.encoder, preset), plan.frames - span.end)
    between_s = (float(span.first / fps), float((span.end + beyond) / fps))
    with MemoryWatch() as memory, browser.open(drawn, *size, between_s) as session:
        witness, box = Witness(session, drawn, span.first, span.count, fps), session.box
        metrics = session.metrics
        burn(
            source, out, info=plan.info, overlay=OverlaySpec(box.x, box.y, box.width, box.height, fps),
            frames=_drawn(witness, session, span, beyond, fps), first=span.first, count=span.count,
            beyond=beyond, encoder=encoder, preset=preset, size=size, fps=fps, quality=plan.quality,
            layout=plan.layout, format=plan.format, finished=finished, on_progress=on_progress,
            timeout_s=_LEAST_TIMEOUT_S + _TIMEOUT_PER_S * float(span.count / fps),
        )  # fmt: skip
        witness.write(witnessed)
    return {
        **metrics.to_json(), "finished": finished, "route": way.name, "encoder": way.encoder,
        "wall_s": round(time.monotonic() - started_s, 2), "peak_memory_bytes": memory.peak_bytes,
        "memory_trend_bytes_per_min": round(memory.trend_bytes_per_min),
    }  # fmt: skip


def _drawn(
    witness: Witness, session: CaptureSession, span: Span, beyond: int, fps: Fraction
) -> Iterator[Frame]:
    """The captions of a chunk; then those of frames ``beyond`` it, which its figures leave out."""
    for rgba in witness.frames():
        yield Frame(rgba, session.changed)
    session.metrics = CaptureMetrics(session.path)
    for rgba in session.frames(span.end, beyond, fps):
        yield Frame(rgba, session.changed)


def assemble(
    chunks: Sequence[Path], witnessed: Sequence[Path], figures: Sequence[Mapping[str, Any]], source: Path,
    plan: Plan, out: Path,
) -> dict[str, Any]:  # fmt: skip
    """Join the chunks with the source's sound, prove that the result is what was promised, and sum it up.

    ``figures``: what each `chunk` returned; one that is ``finished`` becomes ``out`` itself. Raises
    `RenderProofFailed` rather than let a video pass whose captions are missing or out of time.
    """
    if figures[0].get("finished"):
        chunks[0].rename(out)
    else:
        join(chunks, source, out, plan.info, Fraction(plan.fps), plan.format)
    proof = prove(
        out, witnessed, size=(plan.width, plan.height), fps=Fraction(plan.fps), frames=plan.frames,
        duration_s=plan.duration_s,
    )  # fmt: skip
    return {**summed(figures), "width": plan.width, "height": plan.height, "fps": plan.fps,
            "duration_s": plan.duration_s, "size_bytes": out.stat().st_size, "proof": proof,
            "chunks": list(figures)}  # fmt: skip


def summed(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of a whole render from those of its chunks: work summed, memory the most of any."""
    counted = ("frames", "drawn", "reused", "dropped", "restarts")
    return {
        **{name: sum(part[name] for part in figures) for name in counted},
        "wall_s": round(sum(part["wall_s"] for part in figures), 2),
        **{name: max(part[name] for part in figures)
           for name in ("peak_memory_bytes", "memory_trend_bytes_per_min")},
        **{name: "+".join(sorted({part[name] for part in figures})) for name in ("path", "route", "encoder")},
    }  # fmt: skip
