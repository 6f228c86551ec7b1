"""Letters on frames: equal to the plain definition, and tolerant where a text was not said."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg.errors import ProcessingError
from ecg.speech import trellis
from ecg.speech.trellis import Span, lay, lay_loosely, with_wildcard

BLANK = 0


def emission_of(rng: np.random.Generator, frames: int, tokens: int, peaks: float) -> np.ndarray:
    scores = rng.normal(0, peaks, (frames, tokens))
    return (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32)


def spoken(frames: int, heard: dict[int, int], tokens: int = 8) -> np.ndarray:
    """Emissions of a trained model: blank all over, but for one peak for each frame of ``heard``."""
    chances = np.full((frames, tokens), 1e-5)
    for frame in range(frames):
        chances[frame, heard.get(frame, BLANK)] = 1.0
    return np.log(chances / chances.sum(axis=1, keepdims=True)).astype(np.float32)


def plainly(emission: np.ndarray, tokens: list[int]) -> list[Span] | None:
    """The definition, cell by cell: trellis, way back, spans."""
    frames, count = len(emission), len(tokens)
    scores = np.full((frames + 1, count + 1), -np.inf, np.float32)
    scores[0, 0] = 0
    scores[1:, 0] = np.cumsum(emission[:, BLANK].astype(np.float64))
    # From here on too few frames are left.
    scores[max(0, frames + 1 - count) :, 0] = np.inf
    for frame in range(frames):
        for token in range(count):
            stay = scores[frame, token + 1] + emission[frame, BLANK]
            change = scores[frame, token] + emission[frame, tokens[token]]
            scores[frame + 1, token + 1] = max(stay, change)
    token, found = count, []
    end = int(np.argmax(scores[:, count]))
    members: dict[int, list[float]] = {}
    for frame in range(end - 1, -1, -1):
        stay = scores[frame, token] + emission[frame, BLANK]
        change = scores[frame, token - 1] + emission[frame, tokens[token - 1]]
        column = tokens[token - 1] if change > stay else BLANK
        members.setdefault(token - 1, []).append(float(np.exp(emission[frame, column])))
        if change > stay:
            chances = members[token - 1]
            found.append(Span(frame, frame + len(chances), sum(chances) / len(chances)))
            token -= 1
            if token == 0:
                return found[::-1]
    return None


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 40), letters=st.integers(2, 6),
    count=st.integers(1, 20), peaks=st.sampled_from([0.0, 0.5, 3.0, 10.0]),
)  # fmt: skip
def test_the_fast_path_equals_the_plain_definition(seed, frames, letters, count, peaks):
    rng = np.random.default_rng(seed)
    emission = emission_of(rng, frames, letters, peaks)
    if not peaks:  # ways that are equally good
        emission = -rng.integers(0, 3, emission.shape).astype(np.float32)
    emission = with_wildcard(emission, BLANK)
    tokens = rng.integers(1, letters + 1, count).tolist()  # with repeats and wildcards

    ours, plain = lay(emission, tokens, BLANK), plainly(emission, tokens)

    assert (ours is None) == (plain is None)
    for mine, other in zip(ours or [], plain or [], strict=True):
        assert (mine.start, mine.end) == (other.start, other.end)
        assert mine.score == pytest.approx(other.score, abs=1e-6)


def test_a_text_longer_than_the_sound_is_not_laid():
    emission = emission_of(np.random.default_rng(0), 3, 5, 3.0)

    assert lay(emission, [1, 2, 3, 4], BLANK) is None
    assert lay(emission, [1, 2, 3], BLANK) is not None


def test_a_wildcard_is_the_best_letter_of_each_frame_and_never_blank():
    emission = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32))

    assert np.exp(with_wildcard(emission, BLANK)[:, 3]) == pytest.approx([0.2, 0.6])


def test_letters_lie_where_they_are_heard():
    emission = spoken(20, {3: 1, 6: 2, 7: 2, 12: 3})

    starts = [span.start for span in lay(emission, [1, 2, 2, 3], BLANK)]

    assert starts == [3, 6, 7, 12]


# Two words, "1 2" and "3 4"; 5 is the space between words, 6 and 7 are letters of other words.
HEARD = {3: 1, 5: 2, 8: 5, 12: 3, 14: 4, 16: 5}


def test_words_that_are_said_lie_where_they_are_said():
    first, second = lay_loosely(spoken(20, HEARD), [[1, 2], [3, 4]], BLANK, separator=5)

    assert (first.start, first.end) == (3, 8)
    assert (second.start, second.end) == (12, 16)
    assert min(first.score, second.score) > 0.9


def test_a_word_that_is_not_said_is_left_out_and_moves_no_other():
    laid = lay_loosely(spoken(20, HEARD), [[7, 6, 7], [1, 2], [6, 7], [3, 4], [6]], BLANK, separator=5)

    assert [span and (span.start, span.end) for span in laid] == [None, (3, 8), None, (12, 16), None]


def test_sound_that_is_not_in_the_text_moves_no_word():
    heard = {1: 6, 2: 7, **{frame + 10: letter for frame, letter in HEARD.items()}, 19: 6, 27: 7, 29: 6}

    first, second = lay_loosely(spoken(31, heard), [[1, 2], [3, 4]], BLANK, separator=5)

    assert (first.start, second.start) == (13, 22)


def test_nothing_said_leaves_every_word_out():
    assert lay_loosely(spoken(20, {}), [[1, 2], [3, 4]], BLANK, separator=5) == [None, None]


def test_words_without_letters_have_no_span():
    assert lay_loosely(spoken(20, HEARD), [[], [1, 2], []], BLANK, 5)[::2] == [None, None]
    assert lay_loosely(spoken(20, HEARD), [], BLANK, 5) == []


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(0, 40), peaks=st.sampled_from([0.0, 1.0, 6.0]))
def test_loosely_laid_words_are_in_order_whatever_is_heard(seed, frames, peaks):
    rng = np.random.default_rng(seed)
    words = [rng.integers(1, 6, rng.integers(0, 5)).tolist() for _ in range(rng.integers(0, 8))]

    laid = lay_loosely(emission_of(rng, frames, 7, peaks), words, BLANK, rng.choice([None, 5]))

    spans = [span for span in laid if span]
    assert len(laid) == len(words)
    assert all(span.start < span.end <= frames and 0 <= span.score <= 1 for span in spans)
    assert all(before.end <= after.start for before, after in itertools.pairwise(spans))


def test_text_times_sound_beyond_the_memory_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(trellis, "_MOST_CELLS", 50)

    with pytest.raises(ProcessingError, match="split it"):
        lay_loosely(spoken(20, HEARD), [[1, 2], [3, 4]], BLANK, 5)
