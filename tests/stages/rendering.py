"""A render as the steps of a job do it: prepared, drawn in chunks, put together and proven."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from ecg.browser.capture import CaptureBrowser
from ecg.captions import load_style
from ecg.media.probe import Limits, probe
from ecg.stages import render
from ecg.stages.render import Plan, Span


def lit_at_once(
    texts: Sequence[str], starts_s: Sequence[float], end_s: float, *, size: tuple[int, int] = (320, 180)
) -> dict[str, Any]:
    """One cue, there from the start to before ``end_s``, whose white words become blue at these times."""
    style = load_style().to_json()
    style["animation"] |= {"light_s": 0, "pop": 0}
    until_s = [*starts_s[1:], end_s]
    words = [{"text": text, "start_s": start_s, "end_s": after_s, "size": 1.0, "weight": 700, "width": 100}
             for text, start_s, after_s in zip(texts, starts_s, until_s, strict=True)]  # fmt: skip
    return {
        "version": 1, "width": size[0], "height": size[1], "language": "en", "duration_s": end_s,
        "style": style, "speakers": {"A": {"color": "#0000ff", "name": None}},
        "cues": [{"id": "c0", "start_s": 0.0, "end_s": end_s, "speaker": "A", "lane": 0,
                  "lines": [list(range(len(words)))], "words": words}],
    }  # fmt: skip


def prepared(source: Path, scenario: dict[str, Any], folder: Path, **options: Any) -> tuple[Plan, Path]:
    """The plan of a render of this scenario, and the file with what is drawn."""
    given, out = folder / "given.json", folder / "scenario.json"
    given.write_text(json.dumps(scenario))
    params = {"options": {"quality": 80, **options}, "style": "intention", "strength": 1.0}
    return render.prepare(probe(source, Limits()), given, given, params, (320, 180), out), out


def chunk(
    source: Path, plan: Plan, scenario: Path, span: Span, out: Path, browser: CaptureBrowser,
    on_progress: Callable[[float], None] = lambda share: None,
) -> dict[str, Any]:  # fmt: skip
    """The figures of a chunk; what must be seen in it is written beside it."""
    return render.chunk(source, scenario, plan, span, out, witness_of(out), browser, "libx264", "ultrafast",
                        on_progress)  # fmt: skip


def witness_of(chunk: Path) -> Path:
    return chunk.with_suffix(".npz")


def rendered(
    source: Path, scenario: dict[str, Any], folder: Path, browser: CaptureBrowser, edges: Sequence[int] = (),
    **options: Any,
) -> tuple[Path, Plan]:  # fmt: skip
    """A finished video, in chunks that begin at 0 and at ``edges``, in frames."""
    plan, drawn = prepared(source, scenario, folder, **options)
    parts, figures = [], []
    for first, after in zip([0, *edges], [*edges, plan.frames], strict=True):
        parts.append(folder / f"chunk-{first}{plan.format.chunk_suffix}")
        span = Span(first, after - first)
        figures.append(chunk(source, plan, drawn, span, parts[-1], browser))
    out = folder / f"video{plan.format.suffix}"
    render.assemble(parts, [witness_of(part) for part in parts], figures, source, plan, out)
    return out, plan


def moment_in(frame: int, fps: Fraction) -> float:
    """A time in the middle of a frame's."""
    return float((frame + Fraction(1, 2)) / fps)
