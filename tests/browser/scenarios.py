"""Scenarios written by hand, and how two pictures are compared."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ecg.browser.capture import CaptureSession
from ecg.captions import load_style

FPS = Fraction(25)

ENGLISH = ["And", "then", "they", "all", "said", "never", "again", "will", "we", "walk", "home", "alone"]
KOREAN = ["그리고", "우리는", "강가를", "따라", "걸었습니다"]


def make_scenario(
    texts: Sequence[str] = ENGLISH, *, cues: int = 2, language: str = "en", word_s: float = 0.3, loud: int = 2
) -> dict[str, Any]:
    """``cues`` boxes of two lines with ``texts`` in them, one after the other with 0.2 s between.

    Each word lasts ``word_s`` seconds; word number ``loud`` is half as large again, and heavier.
    """
    lasting_s = word_s * len(texts)
    starts = [0.2 + index * (lasting_s + 0.2) for index in range(cues)]
    half = (len(texts) + 1) // 2
    lines = [list(range(half)), list(range(half, len(texts)))]
    return {
        "version": 1, "width": 640, "height": 360, "language": language,
        "duration_s": starts[-1] + lasting_s + 0.2, "style": load_style("intention").to_json(),
        "speakers": {"A": {"color": "#ffd400", "name": None}},
        "cues": [
            {
                "id": f"c{index}", "start_s": start_s, "end_s": start_s + lasting_s,
                "speaker": "A", "lane": 0,
                "lines": [line for line in lines if line],
                "words": [
                    make_word(text, start_s + word_s * n, word_s, n == loud) for n, text in enumerate(texts)
                ],
            }
            for index, start_s in enumerate(starts)
        ],
    }  # fmt: skip


def make_word(text: str, start_s: float, lasting_s: float, loud: bool) -> dict[str, Any]:
    size, weight = (1.5, 600) if loud else (1.0, 400)
    end_s = start_s + lasting_s * 0.9
    return {"text": text, "start_s": start_s, "end_s": end_s, "size": size, "weight": weight, "width": 100}


def pictures(session: CaptureSession, first: int, count: int, fps: Fraction = FPS) -> list[np.ndarray]:
    """Copies of a session's frames: uint8 of shape (height, width, 4)."""
    shape = (session.box.height, session.box.width, 4)
    return [
        np.frombuffer(bytes(frame), np.uint8).reshape(shape) for frame in session.frames(first, count, fps)
    ]


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far each pixel differs, of 255: the worst of alpha and of the colours as they lie over black."""
    return np.abs(premultiplied(one) - premultiplied(other)).max(axis=-1)


def premultiplied(picture: np.ndarray) -> np.ndarray:
    alpha = picture[..., 3:].astype(float)
    return np.concatenate([picture[..., :3] * alpha / 255, alpha], axis=-1)
