import random
from itertools import pairwise

from ecg.speech.word_speakers import label_words
from ecg.transcript import Turn, Word


def spoken(text: str, *times_s: float) -> list[Word]:
    """The words of a text, each until the next one's time; the last time is the end of the last word."""
    return [Word(word, *times_s[index : index + 2]) for index, word in enumerate(text.split())]


def speakers(words: list[Word], *turns: Turn) -> list[str]:
    return [labelled.speaker for labelled in label_words(words, turns)]


def by_overlap(word: Word, turns: list[Turn]) -> str:
    """Whom the word goes to when only its own overlap with each speaker counts."""
    shares: dict[str, float] = {}
    for turn in turns:
        both = min(word.end_s, turn.end_s) - max(word.start_s, turn.start_s)
        shares[turn.speaker] = shares.get(turn.speaker, 0.0) + max(0.0, both)
    return max(shares, key=shares.__getitem__)


def test_the_first_word_of_a_sentence_goes_with_it_when_the_turn_begins_a_little_late():
    words = spoken("we go home. I quite agree", 0, 0.4, 0.8, 1.2, 1.4, 1.8, 2.2)
    turns = [Turn(0, 1.45, "A"), Turn(1.45, 3, "B")]
    assert by_overlap(words[3], turns) == "A"
    assert speakers(words, *turns) == ["A", "A", "A", "B", "B", "B"]


def test_the_last_word_of_a_sentence_stays_with_it_when_the_turn_ends_a_little_early():
    words = spoken("we go to it. I quite agree", 0, 0.4, 0.8, 1.2, 1.4, 1.8, 2.2, 2.6)
    turns = [Turn(0, 1.15, "A"), Turn(1.15, 3, "B")]
    assert by_overlap(words[3], turns) == "B"
    assert speakers(words, *turns) == ["A", "A", "A", "A", "B", "B", "B"]


def test_a_word_before_a_pause_stays_with_the_words_before_it():
    words = [*spoken("we go now", 0, 0.4, 0.8, 1.0), *spoken("I quite agree", 1.5, 1.7, 2.1, 2.5)]
    turns = [Turn(0, 0.85, "A"), Turn(0.85, 3, "B")]
    assert by_overlap(words[2], turns) == "B"
    assert speakers(words, *turns) == ["A"] * 3 + ["B"] * 3


def test_a_short_answer_between_two_sentences_is_the_other_speakers():
    words = spoken("shall we go? yes. then we go", 0, 0.4, 0.7, 1.2, 1.5, 1.9, 2.3, 2.7)
    assert speakers(words, Turn(0, 1.2, "A"), Turn(1.2, 1.5, "B"), Turn(1.5, 3, "A")) == [
        "A", "A", "A", "B", "A", "A", "A",
    ]  # fmt: skip


def test_a_word_that_two_people_talk_over_goes_to_the_speaker_of_its_segment():
    alice, bob = Turn(0, 3, "A"), Turn(1.5, 5, "B")
    before = spoken("what I meant to say was this", 0, 0.4, 0.8, 1.3, 1.7, 2.1, 2.6, 3)
    after = spoken("but I never heard you say it", 2, 2.3, 2.5, 3, 3.4, 3.8, 4.2, 4.6)
    assert speakers(before, alice, bob) == ["A"] * 7
    assert speakers(after, alice, bob) == ["B"] * 7


def test_a_short_turn_whose_middle_is_far_from_its_borders_keeps_that_word():
    words = spoken("one two three four five", 0, 0.5, 1, 1.1, 1.6, 2.1)
    turns = [Turn(0, 0.65, "A"), Turn(0.65, 1.45, "B"), Turn(1.45, 3, "A")]
    assert speakers(words, *turns)[2] == "B"


def test_far_from_every_border_the_speaker_is_the_one_of_most_overlap():
    rng = random.Random(3)
    compared = 0
    for _ in range(300):
        edges = sorted(rng.uniform(0, 20) for _ in range(8))
        turns = [Turn(a, b, rng.choice("ABC")) for a, b in pairwise(edges)]
        times = sorted(rng.uniform(edges[0], edges[-1]) for _ in range(12))
        words = [Word(rng.choice(["so", "yes."]), a, b) for a, b in pairwise(times)]
        for word, speaker in zip(words, speakers(words, *turns), strict=True):
            if all(edge < word.start_s - 0.3 or edge > word.end_s + 0.3 for edge in edges):
                assert speaker == by_overlap(word, turns)
                compared += 1
    assert compared > 300
