"""A transcript as text and as JSON."""

from __future__ import annotations

import pytest

from ecg.transcript import Segment, Transcript, Word


def said(*words: str) -> Segment:
    return Segment(0.0, float(len(words)), tuple(Word(text, i, i + 0.5) for i, text in enumerate(words)))


@pytest.mark.parametrize(("words", "line"), [
    (("And", "so,", "my"), "And so, my"),
    (("안녕하세요", "여러분"), "안녕하세요 여러분"),
    (("今日", "は", "いい", "天気"), "今日はいい天気"),
    (("你好", "世界"), "你好世界"),
    (("使用", "Python", "编程"), "使用 Python 编程"),
])  # fmt: skip
def test_words_are_written_as_their_language_writes_them(words: tuple[str, ...], line: str):
    assert said(*words).text == line


def test_a_transcript_survives_its_json():
    transcript = Transcript((said("one", "two"),), (), "en", 2.0, {"engine": "offline"}, ("Draft.",))
    assert Transcript.from_json(transcript.to_json()) == transcript
