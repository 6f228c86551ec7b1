"""How a render is cut into chunks: all of it, evenly, for the workers there are."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ecg.media.encode import KEY_FRAME_EVERY
from ecg.stages.render import MOST_CHUNK_S, Plan, cut


def lengths_s(minutes: float, workers: int, fps: str = "30") -> list[float]:
    """Seconds of each chunk; also that they follow one another from key frame to key frame."""
    rate = Fraction(fps)
    frames = round(minutes * 60 * rate)
    spans = cut(Plan(1280, 720, fps, 75, frames, minutes * 60, {}), workers)
    assert [span.first for span in spans] == [sum(s.count for s in spans[:n]) for n in range(len(spans))]
    assert all(span.first % KEY_FRAME_EVERY == 0 and span.count > 0 for span in spans)
    assert sum(span.count for span in spans) == frames
    return [float(span.count / rate) for span in spans]


@pytest.mark.parametrize("minutes", [0.01, 0.5])
def test_a_short_clip_is_one_chunk_whoever_is_there(minutes: float):
    assert len(lengths_s(minutes, workers=8)) == 1


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
@pytest.mark.parametrize("fps", ["24000/1001", "30", "60"])
def test_every_worker_gets_an_even_share(workers: int, fps: str):
    lengths = lengths_s(10, workers, fps)
    assert len(lengths) % workers == 0
    assert max(lengths) - min(lengths) <= 2 * KEY_FRAME_EVERY / Fraction(fps)


def test_however_few_workers_there_are_no_chunk_is_longer_than_may_be_lost():
    lengths = lengths_s(120, workers=1)
    assert max(lengths) <= MOST_CHUNK_S + 10
    assert len(lengths) >= 24


def test_no_chunk_is_too_short_to_be_worth_it_however_many_workers_there_are():
    assert min(lengths_s(2, workers=100)) >= 16
