"""Scenarios for sidecar files, by hand and at random, hostile ones among them."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from ecg.captions import Scenario, load_style
from ecg.captions.fields import NO_CHARACTERS
from ecg.captions.scenario import Cue, CueSpeaker, CueWord

#: What some reader takes for a sign of its own.
HOSTILE = [
    "<b>", "</v>", "<v Eve>", "<00:00:09.000>", "<!--", "<c.red>x</c>", "&lt;", "&amp;", "&", "&#10;", "<",
    ">", "{\\an8}", "{", "}", "{x}", "\\N", "\\n", "\\h", "\\", "-->", "00:00:01.000 --> 00:00:09.000", "42",
    "a\n\nb", "a\r\nb", "a\rb", "a\u2028b", "a\x85b", "\ufeff", "NOTE", "STYLE",
    "WEBVTT", "Eve:", "]]>", "<![CDATA[", '"', "'", "\u202edrow", "\u2066a", "\u202c",
    "Dialogue: 0,0:00:00.00,0:00:09.00,X,,0,0,0,,x", "[Events]", ",", "*", ";", "\u200b", "\u00a0x", "🙂",
    "안녕하세요", "こんにちは。", "שלום", "مرحبا", "e\u0301", "\t\tx", " padded ",
]  # fmt: skip

_TEXT = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(codec="utf-8").filter(lambda char: not re.match(NO_CHARACTERS, char)), min_size=1,
            max_size=12),
    st.lists(st.sampled_from([*HOSTILE, "word"]), min_size=1, max_size=3).map(" ".join),
).filter(lambda text: not (text.isspace() or not text))  # fmt: skip


def make_cue(
    texts: list[str], start_s: float = 1.0, word_s: float = 0.4, speaker: str = "A", lane: int = 0,
    name: str = "c", per_line: int = 4, gap_s: float = 0.1,
) -> Cue:  # fmt: skip
    """A cue of ``texts``, a word each, one after the other."""
    words = []
    for index, text in enumerate(texts):
        begin_s = start_s + 0.2 + index * (word_s + gap_s)
        words.append(CueWord(text, round(begin_s, 3), round(begin_s + word_s, 3)))
    order = range(len(words))
    lines = tuple(tuple(order[at : at + per_line]) for at in range(0, len(words), per_line))
    return Cue(f"{name}{start_s}-{lane}", start_s, words[-1].end_s + 0.3, speaker, lane, lines, tuple(words))


def scenario_of(*cues: Cue, names: dict[str, str | None] | None = None, language: str = "en",
                width: int = 640, height: int = 360) -> Scenario:  # fmt: skip
    """A scenario of ``cues`` that has been checked as one from a file is."""
    ids = dict.fromkeys(cue.speaker for cue in cues)
    colors = ["#ffd400", "#4da3ff", "#ff5c5c", "#4cd964"]
    speakers = {
        speaker: CueSpeaker(colors[index % 4], (names or {}).get(speaker))
        for index, speaker in enumerate(ids)
    }
    last_s = max((cue.end_s for cue in cues), default=0)
    made = Scenario(1, width, height, last_s + 1, language, load_style(), speakers, cues)
    return Scenario.from_json(made.to_json())


@st.composite
def hostile_scenarios(draw: st.DrawFn) -> Scenario:
    """Up to four cues in two lanes by speakers of any name, of any words with any times."""
    cues, at_s = [], {0: 0.0, 1: 0.0}
    names = {speaker: draw(st.none() | _TEXT) for speaker in ("A", "B")}
    for number in range(draw(st.integers(1, 4))):
        lane = draw(st.integers(0, 1))
        texts = draw(st.lists(_TEXT, min_size=1, max_size=5))
        start_s = round(at_s[lane] + 0.001 + draw(st.floats(0, 3)), 4)
        cue = make_cue(
            texts, start_s, draw(st.sampled_from([0.002, 0.01, 0.4])), draw(st.sampled_from("AB")),
            lane, f"c{number}-", draw(st.integers(1, 5)),
            draw(st.sampled_from([0.0, 0.1])),
        )  # fmt: skip
        at_s[lane] = cue.end_s
        cues.append(cue)
    return scenario_of(*draw(st.permutations(cues)), names=names)
