import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg.speech.numerals import readings
from ecg.speech.script import form, laid, lines_of
from ecg.transcript import MarkKind, Word

INSERTION, OMISSION, SUBSTITUTION = (
    MarkKind.SCRIPT_INSERTION, MarkKind.SCRIPT_OMISSION, MarkKind.SCRIPT_SUBSTITUTION,
)  # fmt: skip
VOCABULARY = ["sea", "Ship", "a", "the", "the,", "$4.50", "1961", "cold-hearted", "sailor's", "—", "ship!"]
texts = st.lists(st.sampled_from(VOCABULARY), max_size=12)


def heard(words):
    """Half a second a word, a tenth of it silence."""
    return [Word(text, index * 0.5, index * 0.5 + 0.4, 0.9) for index, text in enumerate(words)]


def marks(segments):
    return [(mark.kind, mark.text) for segment in segments for mark in segment.marks]


def spans(segments):
    return [(word.start_s, word.end_s) for segment in segments for word in segment.words]


@settings(max_examples=200, deadline=None)
@given(st.lists(texts.filter(bool), min_size=1, max_size=4), texts)
def test_the_script_stays_as_it_is_and_every_word_has_a_time_in_order(lines, said):
    segments = laid(lines, heard(said))
    assert [[word.text for word in segment.words] for segment in segments] == lines
    times_s = [time_s for span in spans(segments) for time_s in span]
    assert times_s == sorted(times_s)
    assert times_s[0] >= 0
    for segment in segments:
        assert (segment.start_s, segment.end_s) == (segment.words[0].start_s, segment.words[-1].end_s)


@settings(max_examples=200, deadline=None)
@given(texts.filter(bool), texts)
def test_nothing_is_marked_exactly_when_the_same_is_said(words, said):
    same = "".join(map(form, words)) == "".join(map(form, said))
    found = marks(laid([words], heard(said)))
    assert not (found and same)
    assert found or same


@settings(max_examples=100, deadline=None)
@given(texts.filter(bool))
def test_words_that_are_said_take_the_times_at_which_they_are(words):
    said = heard(words)
    for word, span in zip(said, spans(laid([words], said)), strict=True):
        assert not form(word.text) or span == (word.start_s, word.end_s)


def test_each_deviation_is_marked_once_with_its_time():
    lines = lines_of("We walked along the river\n\nand then went quickly home for dinner.")
    spoken = "we walked along the beach and then went home for a dinner"
    said = heard(spoken.split())
    segments = laid(lines, said)
    assert marks(segments) == [(SUBSTITUTION, "river"), (OMISSION, "quickly"), (INSERTION, "a")]
    assert [len(segment.marks) for segment in segments] == [1, 2]
    replaced, _, added = [mark for segment in segments for mark in segment.marks]
    assert (replaced.start_s, replaced.end_s) == (2.0, 2.4)
    assert (added.start_s, added.end_s) == (5.0, 5.4)


def test_words_left_out_lie_in_the_silence_between_those_that_are_said():
    segments = laid([["one", "two", "three", "four"]], [Word("one", 0, 1), Word("four", 3, 4)])
    assert spans(segments) == [(0, 1), (1, 1.25), (1.25, 1.5), (3, 4)]
    assert spans(laid([["one", "four"]], [Word("four", 3, 4)])) == [(2.75, 3), (3, 4)]


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("$4.50", "four dollars fifty"),
        ("$4.50", "four dollars and fifty cents"),
        ("1961", "nineteen sixty one"),
        ("1905.", "nineteen oh five"),
        ("21st", "twenty first"),
        ("50%", "fifty percent"),
        ("10,000", "ten thousand"),
        ("3×4", "three times four"),
        ("cold-hearted", "cold hearted"),
        ("can not", "cannot"),
        ("“Hello!”", "hello"),
    ],
)
def test_what_is_written_otherwise_than_it_is_spoken_is_no_deviation(written, spoken):
    segments = laid(lines_of(f"so {written} then"), heard(f"So {spoken}, then".split()))
    assert marks(segments) == []
    assert segments[0].text == f"so {written} then"


def test_plain_words_have_no_other_readings_and_odd_numbers_do_no_harm():
    assert readings("hello") == ()
    assert readings("٣") == (("٣",),)
    assert readings("1" * 40)[0][:2] == ("one", "one")


def test_where_a_writing_has_no_spaces_every_sign_is_a_word_and_the_text_is_kept():
    (line,) = lines_of("今日は良い天気です。")
    assert line == ["今", "日", "は", "良", "い", "天", "気", "で", "す。"]
    said = heard("今日は良い日です")
    segments = laid([line], said)
    assert segments[0].text == "今日は良い天気です。"
    assert {kind for kind, _ in marks(segments)} <= {SUBSTITUTION, OMISSION}
    assert marks(laid([line], heard("今日は良い天気です"))) == []


def test_a_passage_left_out_of_hours_is_found():
    numbers = random.Random(0)
    words = [f"word{int(20 * numbers.paretovariate(0.8)) % 3000}" for _ in range(9000)]
    said = [word for index, word in enumerate(words) if not 4000 <= index < 4100]
    said[2000::300] = ["another"] * len(said[2000::300])
    found = marks(laid([words], heard(said)))
    assert [text for kind, text in found if kind == OMISSION] == words[4000:4100]
    assert sum(kind == SUBSTITUTION for kind, _ in found) == said.count("another")
    assert len(found) == 100 + said.count("another")
