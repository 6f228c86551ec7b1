"""Where somebody speaks: WebRTC voice activity, as pocketsphinx carries it, made into stretches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pocketsphinx

from ecg.speech.waveform import SAMPLE_RATE, Samples, seconds

# A pause shorter than this is part of speech (stops, breaths); longer ones end a stretch.
PAUSE_S = 0.3
_SHORTEST_S = 0.09
# Soft beginnings and endings lie outside what WebRTC calls speech.
_MARGIN_S = 0.15
_FRAME_S = 0.03


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span of speech, in seconds."""

    start_s: float
    end_s: float


def speech_stretches(samples: Samples) -> list[Stretch]:
    """Stretches of speech in order, apart from each other, inside the sound."""
    flags = _frames_with_speech(samples)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    runs = [(start * _FRAME_S, end * _FRAME_S) for start, end in edges.reshape(-1, 2).tolist()]
    joined: list[tuple[float, float]] = []
    for start, end in runs:
        if joined and start - joined[-1][1] < PAUSE_S:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    kept = [run for run in joined if run[1] - run[0] >= _SHORTEST_S]
    return [Stretch(*span) for span in _widened(kept, seconds(samples))]


def _frames_with_speech(samples: Samples) -> np.ndarray:
    vad = pocketsphinx.Vad(pocketsphinx.Vad.MEDIUM_STRICT, SAMPLE_RATE, _FRAME_S)
    size = vad.frame_bytes // 2
    starts = range(0, len(samples) - size + 1, size)
    return np.fromiter((vad.is_speech(samples[i : i + size].tobytes()) for i in starts), bool, len(starts))


def _widened(runs: list[tuple[float, float]], duration_s: float) -> list[tuple[float, float]]:
    """Each run with its margin; neighbours meet in the middle of the pause at most."""
    widened = []
    for index, (start, end) in enumerate(runs):
        before = runs[index - 1][1] if index else -_MARGIN_S
        after = runs[index + 1][0] if index + 1 < len(runs) else duration_s + _MARGIN_S
        widened.append((
            max(0.0, start - _MARGIN_S, (before + start) / 2 if index else 0.0),
            min(duration_s, end + _MARGIN_S, (end + after) / 2),
        ))  # fmt: skip
    return widened


def cut(stretch: Stretch, samples: Samples, longest_s: float) -> list[Stretch]:
    """The stretch in pieces of at most ``longest_s``, parted where it is quietest."""
    pieces = []
    while stretch.end_s - stretch.start_s > longest_s:
        middle = _quietest(samples, stretch.start_s + longest_s / 2, stretch.start_s + longest_s)
        pieces.append(Stretch(stretch.start_s, middle))
        stretch = Stretch(middle, stretch.end_s)
    return [*pieces, stretch]


def _quietest(samples: Samples, start_s: float, end_s: float) -> float:
    """The middle of the quietest 90 ms between two times."""
    first, frame = int(start_s * SAMPLE_RATE), int(_FRAME_S * SAMPLE_RATE)
    span = samples[first : int(end_s * SAMPLE_RATE)].astype(np.float64)
    power = np.square(span[: len(span) // frame * frame]).reshape(-1, frame).mean(axis=1)
    return start_s + (int(np.argmin(np.convolve(power, np.ones(3), "valid"))) + 1.5) * _FRAME_S


def chunks(
    stretches: Sequence[Stretch], samples: Samples, longest_s: float, longest_pause_s: float = math.inf
) -> list[Stretch]:
    """The stretches put together across short pauses, each chunk at most ``longest_s`` long.

    Borders lie in pauses, except in stretches that are themselves longer.
    """
    together: list[Stretch] = []
    for piece in (piece for stretch in stretches for piece in cut(stretch, samples, longest_s)):
        last = together[-1] if together else None
        if last and piece.start_s - last.end_s < longest_pause_s and piece.end_s - last.start_s <= longest_s:
            together[-1] = Stretch(last.start_s, piece.end_s)
        else:
            together.append(piece)
    return together
