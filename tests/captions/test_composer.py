"""Which words stand together, when and where."""

import random
from itertools import pairwise

import pytest

from ecg.captions import Scenario, compose, load_style
from ecg.captions.scenario import Cue
from ecg.transcript import Segment, Transcript, Word
from tests.captions.builders import (
    SPEECH,
    make_scenario,
    make_segment,
    make_transcript,
    make_words,
    two_speakers,
)


def lines_in(cue: Cue) -> list[str]:
    return [" ".join(cue.words[i].text for i in line) for line in cue.lines]


def lines_of(scenario: Scenario) -> list[list[str]]:
    return [lines_in(cue) for cue in scenario.cues]


def wild_segments(seed: int) -> list[Segment]:
    """Speakers who talk into each other, words without length, words that start before others end."""
    noise, segments = random.Random(seed), []
    for number in range(30):
        time_s, words = noise.uniform(0, 60), []
        for index in range(noise.randint(1, 30)):
            length_s = noise.choice([0, 0.05, 0.3, 0.9])
            text = noise.choice(["a", "word,", "Sentence.", "42", "여러분", "です", "x" * 60])
            words.append(Word(f"{text}{number}·{index}", time_s, time_s + length_s))
            time_s += noise.choice([-0.1, 0.1, 0.3, 1.5])
        segments.append(make_segment(words, noise.choice(["A", "B", None])))
    return segments


@pytest.mark.parametrize("seed", range(4))
def test_every_word_is_in_exactly_one_cue_that_is_on_screen_during_all_of_it(seed: int) -> None:
    segments = wild_segments(seed)
    scenario = make_scenario(*segments)
    said = sorted(word.text for segment in segments for word in segment.words)
    assert sorted(word.text for cue in scenario.cues for word in cue.words) == said
    times = {word.text: word for segment in segments for word in segment.words}
    for cue in scenario.cues:
        for word in cue.words:
            assert cue.start_s <= max(times[word.text].start_s, 0) + 0.001
            assert cue.end_s >= times[word.text].end_s - 0.001


@pytest.mark.parametrize("seed", range(4))
def test_what_is_composed_is_a_valid_scenario(seed: int) -> None:
    scenario = make_scenario(*wild_segments(seed))
    assert Scenario.from_json(scenario.to_json()) == scenario


def test_phrases_are_of_six_to_twelve_words_on_at_most_two_lines() -> None:
    text = "when all is said and done we went home by the long road that nobody else had ever taken " * 6
    cues = make_scenario(make_segment(make_words(text))).cues
    assert all(6 <= len(cue.words) <= 12 for cue in cues)
    assert all(len(cue.lines) <= 2 for cue in cues)
    assert all(len(line) <= 42 for cue in cues for line in lines_in(cue))


def test_phrases_end_with_sentences_and_clauses() -> None:
    assert lines_of(make_scenario()) == [
        ["And so, my fellow Americans,"],
        ["ask not what your country can do for you."],
        ["Ask what you can do for your country!"],
    ]


def test_a_phrase_ends_at_a_pause() -> None:
    before, after = make_words("we were on our way and"), make_words("then it rained all day long", start_s=9)
    scenario = make_scenario(make_segment([*before, *after]))
    assert [len(cue.words) for cue in scenario.cues] == [6, 6]
    assert scenario.cues[0].end_s < 4 < 8.5 < scenario.cues[1].start_s < 9


def test_a_phrase_ends_when_another_speaker_starts() -> None:
    first = make_segment(make_words("I think that we"), "A")
    second = make_segment(make_words("should go home now", start_s=1.9), "B")
    cues = make_scenario(first, second).cues
    assert [(cue.speaker, len(cue.words)) for cue in cues] == [("A", 4), ("B", 4)]


def test_a_line_never_ends_after_an_article_or_inside_a_name() -> None:
    text = "yesterday evening everybody went to the house of Mr. Sherlock Holmes in London"
    for lines in lines_of(make_scenario(make_segment(make_words(text)))):
        for line in lines[:-1]:
            assert line.split()[-1] not in {"the", "of", "to", "Mr.", "Sherlock", "in"}


def test_people_who_speak_at_once_stand_in_two_lanes() -> None:
    cues = make_scenario(*two_speakers()).cues
    assert {(cue.speaker, cue.lane) for cue in cues} == {("SPEAKER_00", 0), ("SPEAKER_01", 1)}


def test_cues_of_one_lane_follow_each_other_without_overlap_or_blinking() -> None:
    cues = make_scenario(make_segment(make_words(SPEECH * 3))).cues
    for before, after in pairwise(cues):
        assert before.end_s == after.start_s


def test_a_cue_comes_before_its_first_word_and_stays_after_its_last() -> None:
    segment = make_segment(make_words("Hello there my old friend", start_s=2))
    cue = make_scenario(segment, duration_s=60).cues[0]
    assert cue.start_s == pytest.approx(1.85)
    assert cue.end_s == pytest.approx(cue.words[-1].end_s + 0.5)


def test_a_cue_does_not_outlast_the_media() -> None:
    scenario = make_scenario(make_segment(make_words("The end.", start_s=2)), duration_s=2.7)
    assert scenario.cues[-1].end_s == pytest.approx(2.7)


def test_lines_are_shorter_in_a_tall_picture() -> None:
    wide = make_scenario(width=1920, height=1080)
    tall = make_scenario(width=1080, height=1920)
    assert max(len(line) for lines in lines_of(wide) for line in lines) > 36
    assert max(len(line) for lines in lines_of(tall) for line in lines) <= 30


def test_japanese_words_stand_together_and_korean_ones_apart() -> None:
    japanese = make_segment(make_words("国 が あなた の ため に AI で 何 を 。"))
    assert all(word.glued for word in make_scenario(japanese, language="ja").cues[0].words[1:])
    korean = make_segment(make_words("국가가 여러분을 위해 AI 무엇을"))
    assert not any(word.glued for word in make_scenario(korean, language="ko").cues[0].words)


def test_no_line_starts_with_closing_punctuation() -> None:
    text = "国 が あなた の ため に 何 が できる か を 問う の で は なく 、 " * 5
    for lines in lines_of(make_scenario(make_segment(make_words(text)), language="ja")):
        assert not any(line.startswith("、") for line in lines)


def test_japanese_lines_are_of_at_most_sixteen_characters() -> None:
    text = "国 が あなた の ため に 何 が できる か を 問う の で は なく 、 " * 5
    for lines in lines_of(make_scenario(make_segment(make_words(text)), language="ja")):
        assert all(len(line.replace(" ", "")) <= 16 for line in lines)


def test_who_speaks_most_gets_the_first_colour() -> None:
    brief = make_segment(make_words("Hm."), "BRIEF")
    long = make_segment(make_words(start_s=3), "LONG")
    scenario = make_scenario(brief, long)
    main = load_style().palette.main
    assert (scenario.speakers["LONG"].color, scenario.speakers["BRIEF"].color) == (main[0], main[1])


def test_a_speaker_not_yet_known_has_a_name_all_the_same() -> None:
    scenario = make_scenario(make_segment(make_words(), speaker=None))
    assert {cue.speaker for cue in scenario.cues} == set(scenario.speakers) == {"SPEAKER_00"}


def test_media_without_words_gives_a_scenario_without_cues() -> None:
    scenario = compose(Transcript((), (), "en", 5.0), load_style(), 640, 360)
    assert scenario.cues == ()
    assert Scenario.from_json(scenario.to_json()) == scenario


def test_composing_twice_gives_the_same_scenario() -> None:
    transcript = make_transcript(*wild_segments(9))
    assert compose(transcript, load_style(), 1920, 1080) == compose(transcript, load_style(), 1920, 1080)
