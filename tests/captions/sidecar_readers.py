"""What other programs read in our sidecar files: cues as (start in ms, end in ms, lines of text)."""

from __future__ import annotations

import html
import re
import subprocess
import xml.etree.ElementTree as ET
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pysubs2
import srt
import ttconv.imsc.reader
import webvtt
from ttconv import model
from ttconv.isd import ISD
from ttconv.style_properties import StyleProperties

Cues = list[tuple[int, int, list[str]]]


def read_with_srt(text: str) -> Cues:
    return [(_ms(cue.start), _ms(cue.end), cue.content.split("\n")) for cue in srt.parse(text)]


def read_with_webvtt_py(text: str) -> Cues:
    return [
        (cue.start_time.in_milliseconds(), cue.end_time.in_milliseconds(),
         [html.unescape(line) for line in cue.text.split("\n")])
        for cue in webvtt.WebVTT.from_string(text, strict=True)
    ]  # fmt: skip


def read_with_pysubs2(text: str, format: str) -> Cues:
    return [(event.start, event.end, event.plaintext.split("\n"))
            for event in pysubs2.SSAFile.from_string(text, format)]  # fmt: skip


def read_with_ffmpeg(path: Path, text: str) -> Cues:
    """What ffmpeg reads from a file called ``path`` with ``text``; times in steps of 10 ms.

    It hands on text as ASS, the only form in which it escapes what it read.
    """
    if path.suffix == ".vtt":
        # FFmpeg 5.1 stops at a STYLE block; later ones pass over it.
        text = re.sub(r"STYLE\n(.+\n)+", "", text)
    path.write_text(text, encoding="utf-8", newline="")
    run = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "ass", "-"],
                         capture_output=True, check=True)  # fmt: skip
    script = pysubs2.SSAFile.from_string(run.stdout.decode(), "ass")
    return [(event.start, event.end, [_out_of_ass(line) for line in event.text.split(r"\N")])
            for event in script]  # fmt: skip


def _out_of_ass(line: str) -> str:
    return re.sub(r"(?<!\\)\{\\[^}]*\}", "", line).replace("\\{", "{").replace("\\}", "}")


def ttml_model(text: str) -> model.ContentDocument:
    document = ttconv.imsc.reader.to_model(ET.ElementTree(ET.fromstring(text)))
    assert document is not None
    return document


def read_with_ttconv(text: str) -> Cues:
    """The paragraphs as ttconv's model has them."""
    body = ttml_model(text).get_body()
    assert body is not None
    return [(_exact_ms(p.get_begin()), _exact_ms(p.get_end()), "".join(_texts(p)).split("\n"))
            for p in body.dfs_iterator() if isinstance(p, model.P)]  # fmt: skip


def colors_at(text: str, time_ms: int) -> dict[str, tuple[int, ...]]:
    """Words on screen at ``time_ms`` with their colour (red, green, blue, alpha), as ttconv draws them."""
    shown = ISD.from_model(ttml_model(text), Fraction(time_ms, 1000))
    return {
        word: tuple(span.get_style(StyleProperties.Color).components)
        for region in shown.iter_regions() for span in region.dfs_iterator()
        if isinstance(span, model.Span) and any(isinstance(child, model.Text) for child in span)
        for word in "".join(_texts(span)).split()
    }  # fmt: skip


def draw_with_libass(
    path: Path, text: str, width: int, height: int, times_s: list[float]
) -> list[np.ndarray]:
    """Pictures of ``height`` × ``width`` × 3 (0..255) over black at ``times_s``, multiples of 0.05 s."""
    path.write_text(text, encoding="utf-8")
    wanted = "+".join(f"eq(n\\,{round(time_s * 20)})" for time_s in times_s)
    run = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"color=black:s={width}x{height}:r=20:d=60",
         "-vf", f"ass={path},select={wanted}", "-frames:v", str(len(times_s)), "-vsync", "0",
         "-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
        capture_output=True, check=True,
    )  # fmt: skip
    frames = np.frombuffer(run.stdout, np.uint8).reshape(-1, height, width, 3)
    assert len(frames) == len(times_s)
    return list(frames)


def _texts(element: model.ContentElement) -> list[str]:
    return [
        child.get_text() if isinstance(child, model.Text) else "\n"
        for child in element.dfs_iterator() if isinstance(child, model.Text | model.Br)
    ]  # fmt: skip


def _ms(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)


def _exact_ms(time_s: Fraction | None) -> int:
    time_ms = (time_s or 0) * 1000
    assert time_ms == int(time_ms)
    return int(time_ms)
