"""Which words stand together, when and where."""

import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from ecg.captions import Scenario, compose, load_style
from ecg.captions.scenario import Cue
from ecg.errors import BadRequest
from ecg.transcript import Baseline, Features, Segment, Speaker, Transcript, Word
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


TOKENS = {
    "en": ["the", "people", "said,", "Mr.", "Holmes", "5", "million", "now.", "(or", "not)", "—", "why?"],
    "ko": ["여러분", "조국을", "위해", "할", "수", "있는지", "3", "만", "명이", "물어보세요.", "AI"],
    "ja": ["国", "が", "あなた", "の", "ため", "に", "、", "。", "「", "」", "AI", "42", "ーッ", "図書館"],
    "zh": ["不要", "问", "你", "的", "国家", "，", "人工智能", "。", "了", "3", "个"],
    "ar": ["ماذا", "يمكن", "لبلدكم", "،", "أن", "يفعل", "؟", "1961"],
    "": ["word", "国", "여", "ا", "👩‍👩‍👧‍👦", "e\u0301\u0323", "x" * 50, "…", "$"],
}


def random_transcript(seed: int) -> Transcript:
    """One to four people in turn or at once; each says one word at a time."""
    noise = random.Random(seed)
    language = noise.choice(list(TOKENS))
    segments, clock = [], {name: noise.uniform(0, 3) for name in "ABCD"[: noise.randint(1, 4)]}
    for number in range(noise.randint(1, 8)):
        speaker = noise.choice(list(clock))
        start_s = clock[speaker] if noise.random() < 0.3 else max(clock.values())
        words = []
        for index in range(noise.randint(1, 30)):
            length_s = noise.choice([0, 0.02, 0.1, 0.3, 1.2])
            text = noise.choice(TOKENS[language]) + noise.choice(["", f"{number}_{index}"])
            words.append(Word(text, start_s, start_s + length_s, None, random_features(noise)))
            start_s += length_s + noise.choice([0.001, 0.02, 0.1, 0.1, 0.9])
        clock[speaker] = start_s
        segments.append(make_segment(words, None if speaker == "A" else speaker))
    return make_transcript(*segments, language=language, duration_s=max(clock.values()))


def random_features(noise: random.Random) -> Features | None:
    def maybe(value: float) -> float | None:
        return value if noise.random() < 0.8 else None

    return noise.choice([None, Features(
        maybe(noise.gauss(-25, 8)), maybe(noise.uniform(60, 400)), 0.5, maybe(noise.uniform(200, 5000))
    )])  # fmt: skip


def check_composed(transcript: Transcript, scenario: Scenario) -> None:
    said = [word for segment in transcript.segments for word in segment.words if word.text.strip()]
    cued = [(word, cue) for cue in scenario.cues for word in cue.words]
    assert Counter(word.text for word, _ in cued) == Counter(word.text for word in said)
    when = Counter((word.text, round(word.start_s, 3)) for word in said)
    assert Counter((word.text, word.start_s) for word, _ in cued) == when
    for word, cue in cued:
        assert cue.start_s <= word.start_s < word.end_s <= cue.end_s
    assert all(1 <= len(cue.lines) <= 2 for cue in scenario.cues)
    for lane in {cue.lane for cue in scenario.cues}:
        for before, after in pairwise(cue for cue in scenario.cues if cue.lane == lane):
            assert before.end_s <= after.start_s
    assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario


@pytest.mark.parametrize("block", range(10))
def test_a_thousand_random_transcripts_keep_every_word_on_screen_once_in_two_lines(block: int) -> None:
    style = load_style()
    for seed in range(block * 100, block * 100 + 100):
        transcript = random_transcript(seed)
        width, height = random.Random(seed).choice([(1920, 1080), (1080, 1920), (64, 36), (720, 720)])
        try:
            check_composed(transcript, compose(transcript, style, width, height))
        except AssertionError as error:
            raise AssertionError(f"transcript {seed}") from error


def hostile_texts() -> Iterator[str]:
    yield from ("", " ", "\t\n", "\u3000", "\x00", "\x1b[31m", "\u200b", "\ufeff", "\u00ad", "\U0010ffff")
    yield from ("a" + "\u0301" * 100_000, "\u0301" * 1000, "x" * 10_000, "国" * 10_000, "." * 5000, "ß", "İ")
    yield from ("\u202eabc", "\u2066abc", "a\u202e b\u202c", "\u202a" * 50, "שלום\u202e", "\u200f,")
    yield from ("\ud800", "a\udfffb", "\ud83d", "</script><b>", "$(rm)", "%s%n", "\\", "\u2028", "\U000e0041")
    yield from ("﷽", "\U0001f468\u200d\U0001f469", "゛゜", "々", "ー", "'", '"', "-", "(", "」", "—", "١٢٣")


HOSTILE_TIMES: list[tuple[Any, Any]] = [
    (math.nan, 1.0), (1.0, math.nan), (math.inf, math.inf), (-math.inf, 0.0), (1e308, 1e308), (0.0, 1e308),
    (-5.0, -4.0), (-1.0, 1.0), (5.0, 1.0), (3.0, 3.0), (5e-324, 1e-323), (10**400, 1), (0, 10**30), (True, 2),
    ("1", "2"), (None, 1.0), (1.0, None), ([], {}), (1j, 2), (1e7, 1e7), (9_999_999.9999, 9_999_999.9999),
]  # fmt: skip
HOSTILE_VALUES: list[Any] = [math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0, -1, 10**400, "x", []]


def spoken(words: Sequence[Word]) -> Transcript:
    return Transcript((Segment(0.0, 60.0, tuple(words), "A"),), (), "en", 60.0)


def hostile_transcripts() -> Iterator[Transcript]:
    plain = make_words("we said this and then it was over", start_s=1)
    for text in hostile_texts():
        yield spoken([*plain, Word(text, 4.0, 4.2), Word(text, 4.2, 4.4)])
    for start_s, end_s in HOSTILE_TIMES:
        yield spoken([*plain, Word("then", start_s, end_s)])
    for value in HOSTILE_VALUES:
        features = Features(value, value, value, value)
        yield make_transcript(make_segment([replace(plain[0], features=features), *plain[1:]]))
        yield replace(make_transcript(), duration_s=value)
        usual = Speaker("SPEAKER_00", 60, 20, Baseline(value, value), Baseline(value, value))
        yield replace(make_transcript(*two_speakers()), speakers=(usual,))
    yield from disordered_transcripts(plain)
    yield from misnamed_transcripts(plain)


def disordered_transcripts(plain: tuple[Word, ...]) -> Iterator[Transcript]:
    yield make_transcript(make_segment(plain[::-1]))
    yield make_transcript(make_segment(random.Random(1).sample(make_words("so " * 60), 60)))
    yield make_transcript(make_segment([Word(f"w{n}", 0.0, 100.0) for n in range(40)]))
    yield make_transcript(make_segment([Word(f"w{n}", 0.0, 100.0) for n in range(1000)]))
    yield make_transcript(make_segment([Word(f"w{n}", 1.0, 1.0) for n in range(1000)]))
    yield make_transcript(*(make_segment([Word("all", 0.0, 9.0)], f"S{n}") for n in range(40)))
    yield make_transcript(*(make_segment([Word("turn", float(n), n + 0.5)], f"S{n}") for n in range(200)))
    yield make_transcript(make_segment([Word(".", n / 100, n / 100) for n in range(5000)]))
    yield make_transcript(make_segment([Word("(", n / 100, n / 100) for n in range(5000)]))
    yield make_transcript(make_segment([Word("国", n / 100, n / 100) for n in range(5000)]), language="ja")
    yield Transcript((Segment(0, 0, ()), Segment(0, 0, (), "B")), (), "en", 0.0)


def misnamed_transcripts(plain: tuple[Word, ...]) -> Iterator[Transcript]:
    for name in ("", " ", "\ud800", "x" * 10_000, "__proto__", "\u202e", 7, ["A"]):
        yield make_transcript(make_segment(plain, name))  # type: ignore[arg-type]
    for language in ("", "  ", "zz-ZZ", "\ud800", "JA", "zh-Hant-TW", "x" * 10_000, None, 5):
        yield replace(make_transcript(make_segment(plain)), language=language)  # type: ignore[arg-type]
    for text in (None, 5, b"bytes", ["a"]):
        yield spoken([*plain, Word(text, 4.0, 4.2)])  # type: ignore[arg-type]


def test_hostile_transcripts_are_composed_or_refused_with_a_typed_error() -> None:
    style, composed, refused, longest = load_style(), 0, 0, 0
    for number, transcript in enumerate(hostile_transcripts()):
        try:
            scenario = compose(transcript, style, 1920, 1080)
        except BadRequest as error:
            refused += 1
            longest = max(longest, len(error.message))
            continue
        except Exception as error:
            raise AssertionError(f"hostile transcript {number}") from error
        composed += 1
        document = json.dumps(scenario.to_json(), ensure_ascii=False, allow_nan=False).encode()
        assert Scenario.from_json(json.loads(document)) == scenario
    assert composed + refused >= 100
    assert composed > refused > 20
    assert longest < 300


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda word: replace(word, start_s=math.nan), "segments[1].words[2].start: must be a number of s"),
        (lambda word: replace(word, end_s=1e9), "segments[1].words[2].end: must be a number of seconds, at"),
        (lambda word: replace(word, text=None), "segments[1].words[2].word: must be text"),
        (lambda word: replace(word, features=Features(volume_db="loud")),
         "segments[1].words[2].acoustic_features.volume_db: must be a number or null"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_transcript_is_named_by_its_path(
    change: Callable[[Word], Word], message: str
) -> None:
    first, second = make_words("one two three"), list(make_words("four five six", start_s=9))
    second[2] = change(second[2])
    transcript = Transcript((make_segment(first), make_segment(second)), (), "en", 20.0)
    with pytest.raises(BadRequest, match=re.escape(message)) as caught:
        compose(transcript, load_style(), 1920, 1080)
    assert caught.value.details["path"] == message.partition(":")[0]


@pytest.mark.parametrize(("width", "height"), [(0, 100), (100, -1), (1920.0, 1080), (100_000, 9), (True, 64)])
def test_a_picture_of_impossible_size_is_refused(width: Any, height: Any) -> None:
    with pytest.raises(BadRequest, match=r"^(width|height): must be a whole number from 16"):
        compose(make_transcript(), load_style(), width, height)


def test_more_captions_at_once_than_there_are_lanes_are_refused_with_the_time() -> None:
    segments = [make_segment([Word("all", 3.5, 9.0)], f"S{number}") for number in range(17)]
    assert {cue.lane for cue in make_scenario(*segments[:16]).cues} == set(range(16))
    with pytest.raises(BadRequest, match=r"At 3\.5 s more than 16 captions"):
        make_scenario(*segments)


def test_what_would_turn_the_words_after_it_round_is_not_shown() -> None:
    words = [Word("\u202eabc", 1.0, 1.2), Word("d\x00e\ud800f", 1.2, 1.4), Word("\u2067", 1.4, 1.5)]
    shown = make_scenario(make_segment(words)).cues[0].words
    assert [word.text for word in shown] == ["abc", "def"]


def test_punctuation_between_chinese_words_has_no_space_about_it() -> None:
    scenario = make_scenario(make_segment(make_words("他 说 ： 「 『 好 。 』 」 、")), language="zh")
    assert all(word.glued for cue in scenario.cues for word in cue.words[1:])


def test_a_speaker_who_was_named_keeps_the_name_and_one_who_was_only_told_apart_has_none() -> None:
    told_apart = make_segment(make_words(start_s=20), "SPEAKER_01")
    scenario = make_scenario(make_segment(make_words(), "Ann"), told_apart)
    assert {speaker: shown.name for speaker, shown in scenario.speakers.items()} == {
        "Ann": "Ann", "SPEAKER_01": None,
    }  # fmt: skip
