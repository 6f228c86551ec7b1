"""A contact sheet: a few moments of a clip, in every caption style, in one picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ecg.browser.capture import CaptureBrowser
from ecg.captions import PLAYER_DIR, Style, compose
from ecg.config import settings
from ecg.media.frames import frames_at
from ecg.media.picture import even_size
from ecg.media.probe import Limits, probe
from ecg.transcript import Transcript, Word

MOMENTS = 3
_TILE_PX = 640  # the longer side of the whole picture
_ABOVE_PX = 24  # of the picture, above the highest caption
_GAP_PX = 8
_LABEL_PX = 34
_BACKGROUND = (22, 23, 26)
_INK = (236, 237, 240)
_FPS = Fraction(100)


def contact_sheet(
    clip: Path, transcript: Transcript, styles: Sequence[Style], on_progress: Callable[[float], None]
) -> Image.Image:
    """A row for each of ``styles``: the captions of ``transcript`` over ``clip``, at its loudest moments.

    What lies above all captions is cut off.
    """
    config = settings()
    info = probe(clip, Limits.from_settings(config))
    times_s = moments(transcript)
    if info.width and info.height:
        size = even_size(info.width, info.height)
        pictures = [Image.fromarray(picture).resize(size) for picture in frames_at(clip, times_s)]
    else:
        pictures = [Image.new("RGB", config.audio_background_size)] * len(times_s)
    rows, tops = [], []
    with CaptureBrowser(config.chromium, config.chromium_sandbox, PLAYER_DIR, config.fonts_dir,
                        config.capture) as browser:  # fmt: skip
        for number, style in enumerate(styles):
            tiles, top = _row(browser, transcript, style, pictures, times_s)
            rows.append(tiles)
            tops.append(top)
            on_progress((number + 1) / len(styles))
    top = max(0, min(tops) - _ABOVE_PX)
    cut = [[tile.crop((0, top, *tile.size)) for tile in tiles] for tiles in rows]
    return _sheet([style.name for style in styles], cut)


def moments(transcript: Transcript) -> list[float]:
    """The middle of the loudest word of each part of the words, in seconds."""
    words = transcript.words
    edges = [round(len(words) * number / MOMENTS) for number in range(MOMENTS + 1)]
    parts = [words[first:last] for first, last in pairwise(edges)]
    loudest = [max(part, key=_loudness) for part in parts if part]
    return [(word.start_s + word.end_s) / 2 for word in loudest]


def _loudness(word: Word) -> float:
    level_db = word.features.volume_db if word.features else None
    return level_db if level_db is not None else -math.inf


def _row(
    browser: CaptureBrowser, transcript: Transcript, style: Style, pictures: Sequence[Image.Image],
    times_s: Sequence[float],
) -> tuple[list[Image.Image], int]:  # fmt: skip
    """The pictures with the captions of their moments, as small as on the sheet; where captions begin."""
    width, height = pictures[0].size
    scale = _TILE_PX / max(width, height)
    tiles = []
    with browser.open(compose(transcript, style, width, height).to_json(), width, height) as session:
        for picture, t_s in zip(pictures, times_s, strict=True):
            frame, box = next(session.frames(round(t_s * _FPS), 1, _FPS)), session.box
            captions = Image.frombytes("RGBA", (box.width, box.height), bytes(frame))
            tile = picture.copy()
            tile.paste(captions, (box.x, box.y), captions)
            tiles.append(tile.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS))
        return tiles, round(session.box.y * scale)


def _sheet(names: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    width, height = rows[0][0].size
    row_px = _LABEL_PX + height + _GAP_PX
    size = (_GAP_PX + len(rows[0]) * (width + _GAP_PX), len(rows) * row_px)
    sheet = Image.new("RGB", size, _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for number, (name, tiles) in enumerate(zip(names, rows, strict=True)):
        draw.text((_GAP_PX, number * row_px + _LABEL_PX // 2), name, _INK, font, anchor="lm")
        for column, tile in enumerate(tiles):
            sheet.paste(tile, (_GAP_PX + column * (width + _GAP_PX), number * row_px + _LABEL_PX))
    return sheet
