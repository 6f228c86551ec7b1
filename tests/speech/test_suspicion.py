import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg.speech.script import form
from ecg.speech.suspicion import Clues, is_credit, suspicious, weakly_aligned
from ecg.transcript import MarkKind, Segment, Word


def said(text, confidence=0.9):
    words = tuple(
        Word(word, index * 0.5, index * 0.5 + 0.4, confidence) for index, word in enumerate(text.split())
    )
    return Segment(words[0].start_s, words[-1].end_s, words)


def kinds(segment, **clues):
    return [mark.kind for mark in suspicious([segment], [Clues(**clues)])[0].marks]


LOOP = "and the house was the house was the house was the house was the house was old"


def test_a_loop_is_marked_where_it_is():
    (segment,) = suspicious([said(LOOP)], None)
    (mark,) = segment.marks
    assert (mark.kind, mark.text) == (MarkKind.REPETITION, " ".join(LOOP.split()[1:16]))
    assert (mark.start_s, mark.end_s) == (0.5, 7.9)


@pytest.mark.parametrize(
    "text",
    [
        "never never never will I leave you",
        "no no no no that is not it",
        "location location location",
        "we shall fight on the beaches we shall fight on the landing grounds we shall fight in the fields",
        "row row row your boat gently down the stream merrily merrily merrily merrily life is but a dream",
        "ask not what your country can do for you ask what you can do for your country",
    ],
)
def test_rhetoric_is_no_loop(text):
    assert kinds(said(text)) == []


@pytest.mark.parametrize("text", ["you " * 6, "Oh, oh! " * 5, "I have been there before. " * 3])
def test_what_nobody_says_so_often_is_a_loop(text):
    assert kinds(said(text)) == [MarkKind.REPETITION]


def test_text_that_compresses_too_well_is_marked_though_no_phrase_repeats_word_for_word():
    assert kinds(said("the sea and the ship and the sky are all of them blue today and tomorrow"),
                 compression_ratio=2.6) == [MarkKind.REPETITION]  # fmt: skip
    assert kinds(said("yes yes"), compression_ratio=2.6) == []


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for watching!",
        "Subtitles by the Amara.org community",
        "Untertitel im Auftrag des ZDF, 2018",
        "Sous-titres réalisés para la communauté d'Amara.org",
        "시청해 주셔서 감사합니다.",
        "ご視聴ありがとうございました",
        "请订阅",
        "字幕由Amara.org社区提供",
        "Субтитры сделал DimaTorzok",
    ],
)
def test_a_phrase_of_subtitle_credits_alone_is_marked(text):
    assert kinds(said(text)) == [MarkKind.CREDIT]


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for watching the children while I was away.",
        "Please subscribe to the newspaper of your choice.",
        "Subtitles by hand take far longer than most people believe when they first begin to write them.",
        "Thank you very much.",
    ],
)
def test_the_same_words_in_a_sentence_are_not_marked(text):
    assert kinds(said(text)) == []


def test_a_credit_beside_other_words_counts_where_the_engine_doubts_that_anybody_speaks():
    text = "Thanks for watching! Bye."
    assert not is_credit(text)
    assert kinds(said(text), no_speech_prob=0.1) == []
    assert kinds(said(text), no_speech_prob=0.5) == [MarkKind.CREDIT]


def test_what_the_engine_doubts_itself_is_marked():
    fine, text = Clues(-0.3, 0.05, 1.4), said("we went home for dinner")
    assert suspicious([text], [fine]) == (text,)
    assert kinds(text, avg_logprob=-1.3) == [MarkKind.LOW_CONFIDENCE]
    assert kinds(text, no_speech_prob=0.8) == [MarkKind.NO_SPEECH]


def test_without_the_engines_clues_only_words_that_are_mostly_unlikely_are_marked():
    assert kinds(said("we went home for dinner", 0.05)) == [MarkKind.LOW_CONFIDENCE]
    assert kinds(said("we went home for dinner", 0.4)) == []
    assert kinds(said("we went home", None)) == []


def test_neighbours_that_fit_badly_share_a_mark():
    scores = {"a": 0.9, "b": 0.1, "c": 0.2, "d": 0.8, "e": 0.0, "f": None}
    words = [Word(text, i, i + 1, score) for i, (text, score) in enumerate(scores.items())]
    marks = weakly_aligned(words, 0.3)
    assert [(mark.kind, mark.text, mark.start_s, mark.end_s) for mark in marks] == [
        (MarkKind.LOW_ALIGNMENT, "b c", 1, 3), (MarkKind.LOW_ALIGNMENT, "e", 4, 5),
    ]  # fmt: skip


@given(st.lists(st.sampled_from(["a", "b", "Thanks", "for", "watching"]), min_size=1, max_size=40),
       st.floats(0, 1), st.floats(-3, 0), st.floats(0, 4))  # fmt: skip
def test_nothing_is_dropped_and_marks_lie_in_their_segment(words, no_speech, logprob, ratio):
    segment = said(" ".join(words))
    (marked,) = suspicious([segment], [Clues(logprob, no_speech, ratio)])
    assert marked.words == segment.words
    for mark in marked.marks:
        assert segment.start_s <= mark.start_s < mark.end_s <= segment.end_s
        assert form(mark.text) in form(segment.text)
