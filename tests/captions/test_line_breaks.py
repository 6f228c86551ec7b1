"""Lines and cues of sense units, in the scripts people speak; how long they stay, and where."""

from __future__ import annotations

import random
import unicodedata
from itertools import pairwise

import budoux
import pytest

from ecg.captions import Scenario
from ecg.captions.lines import ends_sentence
from ecg.captions.scenario import Cue
from tests.captions.builders import make_scenario, make_segment, make_words

JAPANESE = (
    "今日はとても天気がいいので、みんなで近くの公園に行って、持ってきたお弁当を食べました。"
    "その後、東京都庁の展望台から富士山を眺めることができました。"
)
CHINESE = (
    "不要问你的国家能为你做些什么，而要问你能为你的国家做些什么。"
    "今天我们在图书馆里讨论了人工智能的发展和它对社会的影响。"
)
TAIWANESE = "不要問你的國家能為你做些什麼，而要問你能為你的國家做些什麼。今天我們在圖書館裡討論了人工智慧。"
THAI = "วันนี้อากาศดีมากพวกเราจึงไปสวนสาธารณะใกล้บ้านด้วยกันและกินข้าวกล่องที่เตรียมมา"
KOREAN = (
    "지난 2023 년 10 월 15 일에 서울에서 열린 회의에는 약 3 만 명이 참석했는데 여러분이 조국을 위해 "
    "무엇을 할 수 있는지 묻지 않을 수 없었습니다. 그래서 우리는 더 큰 장소를 찾아야 합니다."
)
ARABIC = (
    "أيها المواطنون لا تسألوا ماذا يمكن لبلدكم أن يفعل من أجلكم ، بل اسألوا ماذا يمكنكم أن تفعلوا "
    "من أجل بلدكم . هل هذا صحيح ؟ نعم هذا صحيح في كل مكان من العالم ."
)
HEBREW = "אל תשאלו מה המדינה יכולה לעשות למענכם , אלא מה אתם יכולים לעשות למען המדינה שלכם !"

# Where a line may be broken in languages without spaces, after the library's own models.
PARSERS = {
    "ja": (JAPANESE, budoux.load_default_japanese_parser),
    "zh": (CHINESE, budoux.load_default_simplified_chinese_parser),
    "zh-TW": (TAIWANESE, budoux.load_default_traditional_chinese_parser),
    "th": (THAI, budoux.load_default_thai_parser),
}
NAMES_AND_NUMBERS = [
    "Ada Lovelace", "Ludwig van Beethoven", "Apollo 11", "New York City", "John F. Kennedy", "5 million",
    "3 000 000", "twenty five thousand", "$ 500", "25 percent", "3 p.m.", "June 5", "40 km",
]  # fmt: skip
PLAIN_WORDS = ["people", "often", "walked", "along", "quietly", "while", "others", "waited", "near", "old",
               "houses", "beyond", "green", "hills"]  # fmt: skip


def said(text: str, language: str, word_s: float = 0.3, gap_s: float = 0.02) -> Scenario:
    return make_scenario(make_segment(make_words(text, word_s=word_s, gap_s=gap_s)), language=language)


def by_letter(text: str, language: str) -> Scenario:
    """As recognisers hand over languages without spaces: a letter at a time."""
    return said(" ".join(text), language, word_s=0.1, gap_s=0.01)


def line_text(cue: Cue, line: tuple[int, ...]) -> str:
    words = [cue.words[index] for index in line]
    return "".join(f"{'' if word.glued or not n else ' '}{word.text}" for n, word in enumerate(words))


def line_texts(scenario: Scenario) -> list[str]:
    return [line_text(cue, line) for cue in scenario.cues for line in cue.lines]


@pytest.mark.parametrize("language", PARSERS)
def test_lines_of_languages_without_spaces_end_where_words_do(language: str) -> None:
    text, parser = PARSERS[language]
    lines, pieces = line_texts(by_letter(text, language)), parser().parse(text)
    assert "".join(lines) == text
    ends = {sum(map(len, pieces[:count])) for count in range(len(pieces) + 1)}
    assert {sum(map(len, lines[:count])) for count in range(len(lines) + 1)} <= ends
    assert len(lines) >= 3


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_words_without_spaces_are_found_where_the_language_is_not_known(language: str) -> None:
    text = PARSERS[language][0].replace("、", "").replace("，", "").replace("。", "")
    assert line_texts(by_letter(text, "")) == line_texts(by_letter(text, language))


def test_chinese_particles_stay_with_their_word() -> None:
    text = "今天我们在北京大学的图书馆里讨论了人工智能的发展和它对社会的影响。" * 2
    assert not any(line[0] in "的了着过们吗呢吧" for line in line_texts(by_letter(text, "zh")))


def test_korean_breaks_between_eojeol_and_keeps_those_together_that_mean_one_thing() -> None:
    lines = line_texts(said(KOREAN, "ko"))
    assert " ".join(lines) == KOREAN
    together = ["2023 년", "10 월", "15 일에", "3 만", "할 수 있는지", "더 큰", "묻지 않을", "찾아야 합니다."]
    for words in together:
        assert any(words in line for line in lines), words


@pytest.mark.parametrize(("text", "language"), [(ARABIC, "ar"), (HEBREW, "he")])
def test_words_written_from_right_to_left_stay_in_the_order_they_are_said(text: str, language: str) -> None:
    scenario = said(text, language)
    assert " ".join(word.text for cue in scenario.cues for word in cue.words) == text
    for cue in scenario.cues:
        assert [index for line in cue.lines for index in line] == list(range(len(cue.words)))
    assert not any(line[0] in ",.،؟!" for line in line_texts(scenario))


def test_mixed_scripts_keep_their_words_and_their_spaces() -> None:
    text = "우리는 OpenAI 모델로 今日は 天気が いい という 문장을 번역했고 the result was good 라고 했습니다"
    lines = line_texts(said(text, "ko"))
    assert " ".join(lines).replace(" ", "") == text.replace(" ", "")
    assert any("今日は天気がいい" in line for line in lines)
    assert any("the result" in line for line in lines)


@pytest.mark.parametrize("seed", range(60))
def test_no_line_and_no_cue_ends_inside_a_name_or_a_number(seed: int) -> None:
    noise = random.Random(seed)
    whole = noise.sample(NAMES_AND_NUMBERS, 5)
    parts = [" ".join(noise.choices(PLAIN_WORDS, k=noise.randint(2, 7))) + f" {name}" for name in whole]
    text = " ".join([*parts, "indeed nobody knows"])
    lines = line_texts(said(text, "en"))
    assert " ".join(lines) == text
    for name in whole:
        assert any(name in line for line in lines), (name, lines)


@pytest.mark.parametrize("seed", range(40))
def test_no_line_starts_with_closing_punctuation_and_none_ends_with_opening(seed: int) -> None:
    noise = random.Random(seed)
    letters = "国があなたのために何できるか问你家人工智能"
    tokens = [noise.choice(letters) for _ in range(120)]
    for _ in range(25):
        tokens.insert(noise.randrange(1, len(tokens)), noise.choice("、。」！？ー・っ"))
        tokens.insert(noise.randrange(1, len(tokens) - 4), noise.choice("「（"))
    for language in ("ja", "zh"):
        lines = line_texts(said(" ".join(tokens), language, word_s=0.1, gap_s=noise.choice([0.01, 0.3, 0.9])))
        assert "".join(lines) == "".join(tokens)
        assert not any(line[0] in "、。」！？ー・っ" for line in lines)
        assert not any(line[-1] in "「（" for line in lines[:-1])


def test_a_full_stop_that_comes_late_stays_with_its_word() -> None:
    words = [*make_words("we are going home"), *make_words(". And then it rained", start_s=4.0)]
    lines = line_texts(make_scenario(make_segment(words)))
    assert any("home ." in line for line in lines)
    assert not any(line[0] == "." for line in lines)


@pytest.mark.parametrize("text", ["Mr.", "J.", "U.S.", "prof."])
def test_an_abbreviation_ends_no_sentence(text: str) -> None:
    assert not ends_sentence(text)
    assert ends_sentence("there.")
    assert ends_sentence("هذا؟")


def test_a_long_word_stands_alone_on_its_line() -> None:
    scenario = said(f"this is {'x' * 70} as they say", "en")
    assert "x" * 70 in line_texts(scenario)
    assert all(len(cue.lines) <= 2 for cue in scenario.cues)


def test_marks_over_letters_take_no_room() -> None:
    marked = " ".join(letters + "\u0301\u0323" for letters in ["ona", "pade", "labe", "ewure", "ijapa"] * 3)
    plain = marked.replace("\u0301\u0323", "")
    assert [cue.lines for cue in said(marked, "yo").cues] == [cue.lines for cue in said(plain, "yo").cues]


def test_hangul_in_parts_is_as_wide_as_hangul_in_one() -> None:
    parts = unicodedata.normalize("NFD", KOREAN)
    assert len(parts) > 1.5 * len(KOREAN)
    # The words of the language are written in one, so that only the widths can be compared.
    assert [cue.lines for cue in said(parts, "").cues] == [cue.lines for cue in said(KOREAN, "").cues]


def test_nobody_reads_one_caption_for_longer_than_seven_seconds() -> None:
    scenario = said("slowly " * 40, "en", word_s=0.9, gap_s=0.4)
    assert max(cue.end_s - cue.start_s for cue in scenario.cues) <= 7.0 + 0.15 + 0.5


def test_no_caption_is_gone_before_it_was_seen() -> None:
    text = (
        "near often houses people walked near hills houses quietly people others walked green, waited old "
        "houses old, quietly often beyond beyond others often walked. hills near, green others beyond walked "
        "near hills green waited green near along. while often waited old walked."
    )
    assert min(cue.end_s - cue.start_s for cue in said(text, "en", word_s=0.22, gap_s=0).cues) >= 0.8


@pytest.mark.parametrize("seed", range(10))
def test_korean_lines_keep_to_sixteen_letters_a_space_counting_half(seed: int) -> None:
    words = "그래서 우리 모두 다시 그 길로 나가 꽃을 보고 또 새를 보며 늘 집 앞을 지나 걸어서 갔다 위해"
    text = " ".join(random.Random(seed).choices(words.split(), k=40))
    for line in line_texts(said(text, "ko")):
        assert len(line) - 0.5 * line.count(" ") <= 16


def test_a_caption_said_fast_stays_until_it_can_be_read_if_there_is_room() -> None:
    text = "extraordinarily complicated international telecommunications"
    alone = make_scenario(make_segment(make_words(text, word_s=0.2, gap_s=0)), duration_s=60).cues[0]
    assert len(text) / (alone.end_s - alone.start_s) == pytest.approx(20, rel=0.25)
    hurried = make_scenario(
        make_segment(make_words(text, word_s=0.2, gap_s=0)), make_segment(make_words("no", start_s=1.5), "B")
    )
    assert hurried.cues[0].end_s < alone.end_s


def test_a_wide_script_is_read_more_slowly_than_a_narrow_one() -> None:
    fast = said(" ".join("天気がいいので公園に"), "ja", word_s=0.05, gap_s=0).cues[0]
    assert 10 / (fast.end_s - fast.start_s) < 9


def test_a_brief_answer_does_not_wipe_the_question_off() -> None:
    question = make_segment(make_words("Really?", word_s=0.2), "A")
    answer = make_segment(make_words("Yes, of course it is true.", start_s=0.75), "B")
    first, second = make_scenario(question, answer).cues
    assert first.end_s - first.start_s >= 0.8
    assert (first.lane, second.lane) == (0, 1)


def test_a_change_of_speakers_stays_in_one_lane_when_there_is_time() -> None:
    first = make_segment(make_words("I think that we should go"), "A")
    second = make_segment(make_words("Then let us go home now", start_s=2.7), "B")
    assert [cue.lane for cue in make_scenario(first, second).cues] == [0, 0]


def test_gaps_in_a_lane_are_long_enough_to_be_seen_or_there_are_none() -> None:
    noise, segments, clock = random.Random(4), [], 0.0
    for number in range(60):
        words = make_words("so we said this and that", start_s=clock, word_s=noise.uniform(0.1, 0.4))
        segments.append(make_segment(words, "AB"[number % 2]))
        clock = words[-1].end_s + noise.uniform(0, 2)
    lane = [cue for cue in make_scenario(*segments).cues if cue.lane == 0]
    gaps = [after.start_s - before.end_s for before, after in pairwise(lane)]
    assert all(abs(gap) < 1e-6 or gap >= 0.24 for gap in gaps)
    assert any(gap >= 0.24 for gap in gaps)
