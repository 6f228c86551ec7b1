"""Repairs of word times: every word timed and in order, nothing else touched, all of it marked."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg.speech.timing import AlignedSegment, TimedWord, repaired
from ecg.speech.waveform import SAMPLE_RATE
from ecg.transcript import MarkKind, Segment

ESTIMATED, SHORTENED = MarkKind.ESTIMATED_TIME, MarkKind.SHORTENED


def sounding(duration_s: float, *spans: tuple[float, float]) -> np.ndarray:
    """Noise in these spans, near silence elsewhere."""
    samples = np.random.default_rng(0).normal(0, 3, int(duration_s * SAMPLE_RATE))
    for start_s, end_s in spans:
        part = slice(int(start_s * SAMPLE_RATE), int(end_s * SAMPLE_RATE))
        samples[part] = np.random.default_rng(1).normal(0, 3000, len(samples[part]))
    return samples.astype(np.int16)


def times(segment: Segment) -> list[tuple[float, float]]:
    return [(word.start_s, word.end_s) for word in segment.words]


def marks(segment: Segment) -> list[tuple[MarkKind, str]]:
    return [(mark.kind, mark.text) for mark in segment.marks]


def test_measured_times_in_order_stay_to_the_last_digit():
    words = (TimedWord("one", 1.0371, 1.25, 0.9), TimedWord("two", 1.25, 1.4444, 0.2))

    (segment,) = repaired([AlignedSegment(1.0, 1.5, words, "one two")], None)

    assert times(segment) == [(1.0371, 1.25), (1.25, 1.4444)]
    assert [word.confidence for word in segment.words] == [0.9, 0.2]
    assert segment.marks == ()


def test_a_word_without_a_time_lies_between_its_neighbours_and_says_so():
    words = (TimedWord("it", 1.0, 1.2, 0.9), TimedWord("$5", None, None), TimedWord("now", 2.0, 2.2, 0.9))

    (segment,) = repaired([AlignedSegment(1.0, 2.2, words, "it $5 now")], None)

    (_, first_end), (start, end), (second_start, _) = times(segment)
    assert first_end == 1.2 <= start < end <= 2.0 == second_start
    assert marks(segment) == [(ESTIMATED, "$5")]


def test_a_word_that_borrowed_its_neighbours_time_is_laid_anew_and_the_neighbour_is_not():
    words = (TimedWord("$5", 2.0, 2.2, None), TimedWord("now", 2.0, 2.2, 0.9))

    (segment,) = repaired([AlignedSegment(1.0, 2.2, words, "$5 now")], None)

    assert times(segment)[1] == (2.0, 2.2)
    assert 1.0 <= times(segment)[0][0] < times(segment)[0][1] <= 2.0
    assert marks(segment) == [(ESTIMATED, "$5")]


def test_a_word_is_laid_on_sound_and_not_into_silence():
    samples = sounding(12, (0.5, 1), (7, 7.8), (9, 10))
    words = (TimedWord("a", 0.5, 1.0, 0.9), TimedWord("42nd", None, None), TimedWord("b", 9.0, 10.0, 0.9))

    (segment,) = repaired([AlignedSegment(0.5, 10.0, words, "a 42nd b")], samples)

    assert times(segment)[1] == pytest.approx((7.0, 7.8), abs=0.05)


def test_longer_words_get_more_time_and_digits_count_as_words():
    words = (TimedWord("a", None, None), TimedWord("2026", None, None), TimedWord("wonderful", None, None))

    (segment,) = repaired([AlignedSegment(0.0, 3.0, words, "a 2026 wonderful")], None)

    short, digits, letters = (end - start for start, end in times(segment))
    assert short < letters < digits


def test_without_room_a_neighbour_shares_its_time_and_is_marked_too():
    words = (TimedWord("one", 1.0, 1.5, 0.9), TimedWord("–", None, None), TimedWord("two", 1.5, 1.8, 0.9))

    (segment,) = repaired([AlignedSegment(1.0, 1.8, words, "one – two")], None)

    assert times(segment)[2] == (1.5, 1.8)
    assert times(segment)[0][1] <= times(segment)[1][0] < times(segment)[1][1] <= 1.5
    assert marks(segment) == [(ESTIMATED, "one –")]


def test_a_segment_whose_alignment_failed_keeps_its_text_and_its_place():
    failed = AlignedSegment(4.0, 6.0, (), " Costs $4.50, they say.")

    (segment,) = repaired([failed], None)

    assert [word.text for word in segment.words] == ["Costs", "$4.50,", "they", "say."]
    assert 4.0 <= segment.start_s < segment.end_s <= 6.0
    assert marks(segment) == [(ESTIMATED, "Costs $4.50, they say.")]


def test_one_word_with_a_time_far_ahead_does_not_drag_the_others_along():
    words = [TimedWord(f"w{i}", i * 1.0, i + 0.5, 0.9) for i in range(10)]
    words[3] = TimedWord("w3", 50.0, 51.0, 0.9)

    (segment,) = repaired([AlignedSegment(0.0, 9.5, tuple(words), "")], None)

    assert marks(segment) == [(ESTIMATED, "w3")]
    assert 2.5 <= times(segment)[3][0] < times(segment)[3][1] <= 4.0


def test_a_word_stretched_over_the_silence_after_it_is_shortened_to_its_sound():
    samples = sounding(10, (1, 1.5), (6, 6.5))
    words = (TimedWord("end.", 1.0, 6.0, 0.8), TimedWord("Next", 6.0, 6.5, 0.8))

    (segment,) = repaired([AlignedSegment(1.0, 6.5, words, "end. Next")], samples)

    assert times(segment)[0] == pytest.approx((1.0, 1.56), abs=0.03)
    assert times(segment)[1] == (6.0, 6.5)
    assert marks(segment) == [(SHORTENED, "end.")]


def test_a_word_that_starts_long_before_its_sound_is_shortened_too():
    (segment,) = repaired(
        [AlignedSegment(1.0, 6.5, (TimedWord("late", 1.0, 6.5, 0.8),), "late")], sounding(10, (6, 6.5))
    )

    assert times(segment)[0] == pytest.approx((5.94, 6.5), abs=0.03)


def test_a_number_spoken_with_short_pauses_stays_whole():
    samples = sounding(10, (1, 1.5), (2, 2.5), (3, 3.4))
    date = TimedWord("2026-11-20", 1.0, 3.4, 0.5)

    (segment,) = repaired([AlignedSegment(1.0, 3.4, (date,), "2026-11-20")], samples)

    assert times(segment) == [(1.0, 3.4)]
    assert segment.marks == ()


def test_a_quiet_voice_is_no_silence():
    samples = sounding(60, (1, 2), (50, 52))
    samples[49 * SAMPLE_RATE :] //= 30

    (segment,) = repaired([AlignedSegment(50, 52, (TimedWord("hush", 50.0, 52.0, 0.5),), "hush")], samples)

    assert segment.marks == ()


def test_characters_of_scripts_without_spaces_join_to_the_text_and_foreign_words_stay_whole():
    text = "今天是AI和5G。"
    words = tuple(TimedWord(char, i * 0.2, i * 0.2 + 0.2, 0.5) for i, char in enumerate(text))

    (segment,) = repaired([AlignedSegment(0.0, 2.0, words, text)], None)

    assert segment.text == text
    assert segment.marks == ()
    assert (segment.words[0].start_s, segment.words[-1].end_s) == (0.0, words[-1].end_s)
    assert any("AI" in word.text for word in segment.words)


def test_segments_without_text_are_left_out():
    assert repaired([AlignedSegment(0.0, 1.0, (), "  "), AlignedSegment(1.0, 2.0, (), "")], None) == ()


TIMES = st.one_of(st.none(), st.floats(-1, 30), st.floats(0, 30).map(lambda time: round(time, 2)))
WORDS = st.builds(
    TimedWord, st.sampled_from(["a", "word", "$4.50", "東", "東京", "한국", "–", "x" * 40]), TIMES, TIMES,
    st.one_of(st.none(), st.floats(0, 1)),
)  # fmt: skip
SEGMENTS = st.builds(
    lambda start, length, words: AlignedSegment(start, start + length, tuple(words)),
    st.floats(0, 30), st.floats(-1, 10), st.lists(WORDS, max_size=6),
)  # fmt: skip
SAMPLES = st.sampled_from([None, np.zeros(0, np.int16), sounding(0.01), sounding(20, (1, 3), (8, 9))])


def test_words_laid_side_by_side_do_not_overlap_by_what_is_rounded():
    texts = ("word", "word", 40 * "x")
    words = (*(TimedWord(text, None, None) for text in texts), TimedWord("a", 0.06, 1.0, 0.5))
    (segment,) = repaired([AlignedSegment(0.0, 0.0, words)], np.zeros(0, np.int16))
    assert all(one.end_s <= next_.start_s for one, next_ in itertools.pairwise(segment.words))


@settings(max_examples=200, deadline=None)
@given(segments=st.lists(SEGMENTS, max_size=6), samples=SAMPLES)
def test_whatever_comes_in_every_word_is_timed_in_order_and_only_marked_ones_have_moved(segments, samples):
    mended = repaired(segments, samples)

    given_words = [word for segment in segments for word in segment.words]
    words = [word for segment in mended for word in segment.words]
    assert [word.text for word in words] == [word.text for word in given_words]
    assert all(word.start_s < word.end_s for word in words)
    assert all(one.end_s <= next_.start_s for one, next_ in itertools.pairwise(words))
    marked = {
        index for index, word in enumerate(words) for segment in mended if word in segment.words
        for mark in segment.marks if mark.start_s <= word.start_s and word.end_s <= mark.end_s
    }  # fmt: skip
    for index, (before, after) in enumerate(zip(given_words, words, strict=True)):
        if index not in marked:
            assert (before.start_s, before.end_s) == (after.start_s, after.end_s)


@settings(max_examples=200, deadline=None)
@given(segments=st.lists(SEGMENTS, max_size=6), samples=SAMPLES)
def test_what_is_repaired_needs_no_repair(segments, samples):
    once = repaired(segments, samples)

    again = repaired(
        [
            AlignedSegment(
                segment.start_s, segment.end_s,
                tuple(TimedWord(w.text, w.start_s, w.end_s, w.confidence) for w in segment.words),
                segment.text,
            )
            for segment in once
        ],
        samples,
    )  # fmt: skip

    assert [segment.words for segment in again] == [segment.words for segment in once]
    assert not any(segment.marks for segment in again)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("ab1 é東京ひ한.$-"), min_size=1, max_size=20), by_character=st.booleans())
def test_the_words_of_a_segment_join_to_its_text(text, by_character):
    parts = [char for char in text if char != " "] if by_character else []
    words = tuple(TimedWord(part, i * 0.1, i * 0.1 + 0.1, 0.5) for i, part in enumerate(parts))

    segments = repaired([AlignedSegment(0.0, 5.0, words, text)], None)

    joined = "".join(segment.text for segment in segments)
    assert joined.replace(" ", "") == text.replace(" ", "")
    # No space comes in where the text had none.
    assert len(joined.split()) <= len(text.split())
