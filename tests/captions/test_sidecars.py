"""Sidecar files: what other programs read in those we write, and what we read in those of others."""

from __future__ import annotations

import json
import re
import shutil
import time
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pysubs2
import pytest
import webvtt
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ecg.captions import Scenario, compose, load_style
from ecg.captions.sidecars import FORMATS, MAX_BYTES, MAX_CUES, read, write
from ecg.captions.sidecars.shown import shown_cues, speaker_names
from ecg.errors import BadRequest, InvalidScenario
from ecg.transcript import Transcript
from tests.captions import sidecar_readers as readers
from tests.captions.builders import make_scenario, make_segment, make_words, two_speakers
from tests.captions.sidecar_scenarios import HOSTILE, hostile_scenarios, make_cue, scenario_of
from tests.conftest import require

ONE_SECOND_OF = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
TTML = "{http://www.w3.org/ns/ttml}"
STYLING = "{http://www.w3.org/ns/ttml#styling}"
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"


def many_tongues(name: str = "Ben & <Co>") -> Scenario:
    """Speakers who talk into each other; Korean, Japanese, Hebrew and Arabic; a name."""
    return scenario_of(
        make_cue(["And", "so,", "my", "fellow", "Americans,", "ask", "not"], 1.0),
        make_cue(["I", "will,", "believe", "me!"], 2.0, speaker="B", lane=1),
        make_cue(["안녕하세요", "여러분", "만나서", "반갑습니다."], 6.0),
        make_cue(["今日は", "天気が", "いいですね。"], 9.0, speaker="C"),
        make_cue(["שלום", "לכולם,", "NASA", "כאן"], 12.0, speaker="B"),
        make_cue(["أهلا", "وسهلا", "بكم"], 15.0, speaker="B"),
        names={"B": name},
    )


def hostile_words(texts: list[str] = HOSTILE, per_line: int = 3) -> Scenario:
    """Each of ``texts`` between two words that are not, on their line or on one of its own."""
    starts_s = range(1, 1 + 2 * len(texts), 2)
    lines = [["ok", text, "end"] for text in texts]
    return scenario_of(*(make_cue(*pair, per_line=per_line) for pair in zip(lines, starts_s, strict=True)))


def bare(text: str) -> str:
    """``text`` as a reader sees it: without invisible signs, with one kind of space, and U+FFFD for what
    cannot be written."""
    text = re.sub("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]", "\ufffd", text)
    text = "".join(
        "\ufffd" if unicodedata.category(c) == "Cc" and c not in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85" else c
        for c in text
    )
    text = re.sub("[\u2060\ufeff\u202a-\u202e\u2066-\u2069]", "", text)
    return " ".join(text.translate(str.maketrans("｛｝", "{}")).split())


def bare_cues(cues: readers.Cues) -> list[tuple[int, int, list[str]]]:
    return [(start_ms, end_ms, [bare(line) for line in lines]) for start_ms, end_ms, lines in cues]


def expected(scenario: Scenario, step_ms: int = 1, named: bool = False) -> list[tuple[int, int, list[str]]]:
    """Times and lines of a scenario's cues, in steps of ``step_ms``; ``named``: with names where the
    speaker changes."""
    found, before = [], None
    names = speaker_names(scenario)
    for cue in sorted(scenario.cues, key=lambda cue: (cue.start_s, cue.lane)):
        start_ms, end_ms = (int(time_s * 1000 + 0.5) for time_s in (cue.start_s, cue.end_s))
        end_ms = max(end_ms, start_ms + 1)
        start, end = ((ms + step_ms // 2) // step_ms * step_ms for ms in (start_ms, end_ms))
        lines = [" ".join(bare(cue.words[i].text) for i in line) for line in cue.lines]
        if named and len(names) > 1 and cue.speaker != before:
            lines[0] = f"{bare(names[cue.speaker])}: {lines[0]}"
        before = cue.speaker
        found.append((start, max(end, start + step_ms), [bare(line) for line in lines]))
    return found


# What other programs read in what we write


LIBRARIES: dict[str, tuple[str, Callable[[str], readers.Cues]]] = {
    "srt": ("srt", readers.read_with_srt),
    "webvtt-py": ("vtt", readers.read_with_webvtt_py),
    "ttconv": ("ttml", readers.read_with_ttconv),
    "pysubs2": ("ass", lambda text: readers.read_with_pysubs2(text, "ass")),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_reads_the_same_times_and_words(library: str) -> None:
    format, reader = LIBRARIES[library]
    found = bare_cues(reader(write(many_tongues(), format)))
    assert found == expected(many_tongues(), 10 if format == "ass" else 1, named=format == "srt")
    assert len(found) == 6


@pytest.mark.parametrize("library", LIBRARIES)
@given(scenario=hostile_scenarios())
@example(scenario=hostile_words())
@example(scenario=hostile_words(per_line=1))
@example(scenario=scenario_of(make_cue(["x"]), names={"A": "<!--"}))
@ONE_SECOND_OF
def test_no_text_breaks_out_of_its_cue_or_is_lost(library: str, scenario: Scenario) -> None:
    format, reader = LIBRARIES[library]
    text = write(scenario, format)
    text.encode()
    found = bare_cues(reader(text))
    assert found == expected(scenario, 10 if format == "ass" else 1, named=format == "srt")


# FFmpeg 5.1 takes backslashes in WebVTT for codes of ASS, and spills the names of voices with references.
NOT_FOR_FFMPEG = {"\\N", "\\n", "\\h"}


@pytest.mark.parametrize("format", ["srt", "vtt", "ass"])
@pytest.mark.parametrize("case", ["tongues", "hostile words", "hostile lines"])
def test_ffmpeg_reads_the_same_times_and_words(case: str, format: str, tmp_path: Path) -> None:
    require(shutil.which("ffmpeg"), "ffmpeg is not installed")
    texts = [text for text in HOSTILE if format != "vtt" or text not in NOT_FOR_FFMPEG]
    if case == "tongues":
        scenario = many_tongues("Ben" if format == "vtt" else "Ben & <Co>")
    else:
        scenario = hostile_words(texts, per_line=1 if case == "hostile lines" else 3)
    found = bare_cues(readers.read_with_ffmpeg(tmp_path / f"a.{format}", write(scenario, format)))
    assert found == expected(scenario, 10, named=format == "srt")


@given(scenario=hostile_scenarios())
@ONE_SECOND_OF
def test_a_json_file_is_the_scenario(scenario: Scenario) -> None:
    text = write(scenario, "json")
    assert Scenario.from_json(json.loads(text.encode())) == scenario


@pytest.mark.parametrize("format", ["srt", "vtt", "ass", "ttml", "txt"])
def test_a_direction_opened_in_a_line_is_closed_at_its_end(format: str) -> None:
    lines = [["\u202ea", "b", "\u2066c", "\u2069δ"], ["e", "\u2067\u202bφ"], ["\u202eg\u202c", "η"]]
    cues = [make_cue(words, 1.0 + 5 * index) for index, words in enumerate(lines)]
    text = write(scenario_of(*cues, names={"A": "\u202eε"}), format)
    for last, closed in (("δ", "δ\u202c"), ("φ", "φ\u202c\u2069"), ("η", "η")):
        assert re.findall(f"{last}[\u202c\u2069]*", text) == [closed]
    assert "ε" not in text or "ε\u202c" in text


def test_korean_is_readable_in_every_file() -> None:
    for format in FORMATS:
        assert "안녕하세요" in write(many_tongues(), format)


@pytest.mark.parametrize("format", FORMATS)
def test_a_scenario_without_cues_makes_a_file_without_cues(format: str) -> None:
    text = write(scenario_of(), format)
    assert "-->" not in text
    assert "Dialogue" not in text
    assert "<p" not in text


def test_a_format_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(BadRequest, match="no format 'sub'; choose one of srt, vtt, ass, ttml, json, txt"):
        write(many_tongues(), "sub")


@pytest.mark.parametrize(("format", "hours"), [("ass", 10), ("srt", 100), ("vtt", 100), ("ttml", 100)])
def test_times_a_format_cannot_say_are_refused_and_not_cut(format: str, hours: int) -> None:
    assert write(scenario_of(make_cue(["Hi"], hours * 3600 - 2)), format)
    with pytest.raises(BadRequest, match=f"cannot say times from {hours} hours on"):
        write(scenario_of(make_cue(["Hi"], hours * 3600 - 0.5)), format)


def test_two_speakers_of_one_name_stay_two() -> None:
    cues = make_cue(["One"], 1), make_cue(["Two"], 3, speaker="B")
    scenario = scenario_of(*cues, names={"A": "Kim", "B": "Kim"})
    captions = webvtt.WebVTT.from_string(write(scenario, "vtt"))
    assert [caption.voice for caption in captions] == ["Kim", "Kim (2)"]
    assert set(pysubs2.SSAFile.from_string(write(scenario, "ass")).styles) == {"Kim", "Kim (2)"}


# WebVTT


def test_every_cue_of_a_webvtt_file_has_its_voice_in_its_colour() -> None:
    scenario = many_tongues()
    file = webvtt.WebVTT.from_string(write(scenario, "vtt"), strict=True)
    voices = [caption.voice for caption in file]
    assert voices == ["A", "Ben &amp; &lt;Co&gt;", "A", "C", "Ben &amp; &lt;Co&gt;", "Ben &amp; &lt;Co&gt;"]
    rules = file.styles[0].text
    assert '::cue(v[voice="A"]) { color: #ffd400; }' in rules
    assert r'::cue(v[voice="Ben \26  \3c Co\3e "]) { color: #4da3ff; }' in rules


def test_each_word_of_a_webvtt_cue_follows_its_timestamp() -> None:
    text = write(scenario_of(make_cue(["One", "two"], 1.0)), "vtt")
    assert ("<v A><00:00:01.200><c>One</c><00:00:01.600> <00:00:01.700><c>two</c><00:00:02.100></v>") in text


@given(scenario=hostile_scenarios())
@ONE_SECOND_OF
def test_timestamps_rise_within_their_cue(scenario: Scenario) -> None:
    for caption in webvtt.WebVTT.from_string(write(scenario, "vtt"), strict=True):
        stamps = re.findall(r"<(\d\d:\d\d:\d\d\.\d\d\d)>", caption.raw_text)
        for before, after in pairwise([str(caption.start_time), *stamps, str(caption.end_time)]):
            assert before < after


def test_a_browser_colours_words_by_voice_and_time(chromium: Any) -> None:
    page = chromium.new_page()
    page.set_content("<video></video>")
    found = page.evaluate(_PARSE_IN_BROWSER, write(many_tongues(), "vtt"))
    page.close()
    assert [(round(cue["start"] * 1000), round(cue["end"] * 1000), cue["text"].split("\n"))
            for cue in found] == expected(many_tongues())  # fmt: skip
    assert [cue["voice"] for cue in found] == ["A", "Ben & <Co>", "A", "C", "Ben & <Co>", "Ben & <Co>"]
    assert found[0]["words"] == 7


_PARSE_IN_BROWSER = """async (text) => {
  const track = document.createElement('track');
  track.src = URL.createObjectURL(new Blob([text], { type: 'text/vtt' }));
  document.querySelector('video').append(track);
  track.track.mode = 'hidden';
  await new Promise((done, fail) => {
    track.onload = done;
    track.onerror = () => fail(new Error('no track'));
  });
  return [...track.track.cues].map((cue) => {
    const tree = cue.getCueAsHTML();
    return { start: cue.startTime, end: cue.endTime, text: tree.textContent,
      voice: tree.firstChild.title, words: tree.firstChild.querySelectorAll('span').length };
  });
}"""


# SubRip and plain text


def test_a_subrip_file_names_the_speaker_where_it_changes() -> None:
    lines = [lines[0] for _, _, lines in readers.read_with_srt(write(make_scenario(*two_speakers()), "srt"))]
    assert [line.split()[0] for line in lines] == ["SPEAKER_00:", "ask", "SPEAKER_01:", "SPEAKER_00:"]
    assert "SPEAKER_00" not in write(make_scenario(), "srt")


def test_plain_text_has_a_paragraph_per_turn_and_cuts_long_ones_at_pauses() -> None:
    scenario = scenario_of(
        make_cue(["We", "are", "here."], 1), make_cue(["Still."], 3), make_cue(["Later."], 9),
        make_cue(["Good", "<b>", "{x}"], 12, speaker="B"), names={"A": "Anna"},
    )  # fmt: skip
    assert write(scenario, "txt") == "Anna: We are here. Still.\n\nAnna: Later.\n\nB: Good <b> {x}\n"


def test_a_single_nameless_speaker_is_not_named_in_plain_text() -> None:
    assert write(scenario_of(make_cue(["Hello", "you."])), "txt") == "Hello you.\n"


def test_japanese_runs_on_without_spaces_in_plain_text() -> None:
    scenario = make_scenario(make_segment(make_words("今日は 天気が いいですね。")), language="ja")
    assert write(scenario, "txt") == "今日は天気がいいですね。\n"


@given(scenario=hostile_scenarios())
@ONE_SECOND_OF
def test_every_word_is_in_the_plain_text_in_order(scenario: Scenario) -> None:
    text, at = bare(write(scenario, "txt")), 0
    for cue in shown_cues(scenario):
        for word in cue.words:
            at = text.index(bare(word.text), at) + len(bare(word.text))


# ASS, as libass draws it


def drawn(scenario: Scenario, folder: Path, times_s: list[float]) -> list[np.ndarray]:
    require(shutil.which("ffmpeg"), "ffmpeg is not installed")
    text = write(scenario, "ass")
    return readers.draw_with_libass(folder / "a.ass", text, scenario.width, scenario.height, times_s)


def lit(frame: np.ndarray, color: str) -> np.ndarray:
    """Which pixels are of about ``color``."""
    wanted = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)])
    return np.asarray(np.abs(frame.astype(int) - wanted).max(axis=2) < 60)


def rows(mask: np.ndarray) -> tuple[int, int]:
    found = np.flatnonzero(mask.any(axis=1))
    return int(found[0]), int(found[-1])


def test_words_are_drawn_while_their_cue_lasts_and_lit_from_their_onset(tmp_path: Path) -> None:
    scenario = scenario_of(make_cue(["One", "two", "three"], 1.0))
    before, waiting, first, second, third, gone = drawn(scenario, tmp_path, [0.9, 1.1, 1.3, 1.8, 2.4, 2.9])
    assert before.max() == gone.max() == 0
    assert waiting.max() > 200
    counts = [int(lit(frame, "#ffd400").sum()) for frame in (waiting, first, second, third)]
    assert counts[0] == 0
    assert 0 < counts[1] < counts[2] < counts[3]
    whites = [int(lit(frame, "#e6e6e6").sum()) for frame in (waiting, first, second, third)]
    assert whites[0] > whites[1] > whites[2] > whites[3]


def test_a_word_is_lit_within_a_frame_of_its_onset(tmp_path: Path) -> None:
    # 0.05 s a frame; words at 1.2, 1.7 and 2.2 s
    scenario = scenario_of(make_cue(["One", "two", "three"], 1.0))
    frames = drawn(scenario, tmp_path, [1.15, 1.2, 1.65, 1.7, 2.15, 2.2])
    counts = [int(lit(frame, "#ffd400").sum()) for frame in frames]
    assert counts[0] < counts[1] == counts[2] < counts[3] == counts[4] < counts[5]


def test_two_lanes_are_drawn_one_above_the_other(tmp_path: Path) -> None:
    scenario = scenario_of(
        make_cue(["gÅ", "gÅ", "gÅ", "gÅ", "gÅ", "gÅ"], 1.0, per_line=3),
        make_cue(["Åg", "Åg", "Åg", "Åg", "Åg", "Åg"], 1.0, speaker="B", lane=1, per_line=3),
    )
    (frame,) = drawn(scenario, tmp_path, [4.0])
    lower, upper = rows(lit(frame, "#ffd400")), rows(lit(frame, "#4da3ff"))
    assert upper[1] < lower[0]
    assert lower[1] < 360


def test_an_upper_lane_keeps_clear_of_the_lower_one_without_a_players_help() -> None:
    scenario = scenario_of(
        make_cue(["One", "two", "three"], 1.0, per_line=1),
        make_cue(["Four"], 1.5, speaker="B", lane=1), make_cue(["Five"], 1.6, speaker="C", lane=2),
        make_cue(["Later"], 9.0, speaker="B", lane=1),
    )  # fmt: skip
    file = pysubs2.SSAFile.from_string(write(scenario, "ass"))
    low, middle, high, later = (event.marginv for event in file)
    line_px = file.styles["A"].fontsize
    assert middle >= low + 3 * line_px
    assert high >= middle + line_px
    assert later == low


@pytest.mark.parametrize("word", ["안녕하세요", "今日は", "שלום", "{\\an8}x", "<b>x", "\\Nx"])
def test_any_script_and_any_sign_is_drawn_at_the_bottom(word: str, tmp_path: Path) -> None:
    with_it, without = scenario_of(make_cue(["ok", word])), scenario_of(make_cue(["ok"], word_s=0.9))
    (frame,), (plain,) = drawn(with_it, tmp_path, [2.0]), drawn(without, tmp_path, [2.0])
    assert lit(frame, "#ffd400").sum() > 1.3 * lit(plain, "#ffd400").sum() > 0
    assert rows(frame.max(axis=2) > 0)[0] > 180


def test_a_hebrew_line_is_drawn_from_right_to_left(tmp_path: Path) -> None:
    # A thin letter and seven wide ones: the first word of the line must be at its right.
    scenario = scenario_of(make_cue(["ו", "ששששששש"]), width=1280, height=720)
    one_lit, both_lit = drawn(scenario, tmp_path, [1.5, 2.0])
    columns = np.flatnonzero((both_lit.max(axis=2) > 40).any(axis=0))
    space = int(np.diff(columns).argmax())
    assert 5 * (columns[-1] - columns[space + 1]) < columns[space] - columns[0]
    assert np.flatnonzero(lit(one_lit, "#ffd400").any(axis=0))[0] > columns[space]


def test_a_loud_word_is_drawn_larger_and_a_heavy_one_bolder(tmp_path: Path) -> None:
    def height_and_ink(**look: float) -> tuple[int, int]:
        document = scenario_of(make_cue(["Hello"])).to_json()
        document["cues"][0]["words"][0].update(look)
        (frame,) = drawn(Scenario.from_json(document), tmp_path, [1.5])
        mask = lit(frame, "#ffd400")
        return rows(mask)[1] - rows(mask)[0], int(mask.sum())

    plain, loud, heavy = height_and_ink(), height_and_ink(size=2.0), height_and_ink(weight=700)
    assert loud[0] > 1.7 * plain[0]
    assert heavy[0] <= plain[0] + 2
    assert heavy[1] > 1.2 * plain[1]


def test_a_cue_too_wide_for_the_picture_is_drawn_whole(tmp_path: Path) -> None:
    scenario = scenario_of(make_cue(["Incomprehensibilities"] * 6, per_line=6))
    (frame,) = drawn(scenario, tmp_path, [4.2])
    columns = np.flatnonzero(lit(frame, "#ffd400").any(axis=0))
    assert columns[0] > 5
    assert columns[-1] < 635


# TTML


def test_a_ttml_file_says_its_profile_language_and_speakers() -> None:
    root = ET.fromstring(write(many_tongues(), "ttml"))
    assert root.tag == f"{TTML}tt"
    assert root.get("{http://www.w3.org/ns/ttml#parameter}contentProfiles") == (
        "http://www.w3.org/ns/ttml/profile/imsc1.1/text"
    )
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
    names = root.iter("{http://www.w3.org/ns/ttml#metadata}name")
    assert [name.text for name in names] == ["A", "Ben & <Co>", "C"]


def test_ids_in_a_ttml_file_are_unique_and_all_that_is_referred_to_is_there() -> None:
    root = ET.fromstring(write(many_tongues(), "ttml"))
    ids = [element.get(XML_ID) for element in root.iter() if element.get(XML_ID)]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        for key in ("style", "region", "{http://www.w3.org/ns/ttml#metadata}agent"):
            assert element.get(key, ids[0]) in ids


def test_a_ttml_word_takes_its_speakers_colour_at_its_onset() -> None:
    text = write(scenario_of(make_cue(["One", "two"], 1.0)), "ttml")
    plain, yellow = (255, 255, 255, 230), (255, 212, 0, 255)
    assert readers.colors_at(text, 1100) == {"One": plain, "two": plain}
    assert readers.colors_at(text, 1199)["One"] == plain
    assert readers.colors_at(text, 1200) == {"One": yellow, "two": plain}
    assert readers.colors_at(text, 1700) == {"One": yellow, "two": yellow}
    assert readers.colors_at(text, 2400) == readers.colors_at(text, 999) == {}


def test_regions_of_a_ttml_file_lie_in_the_picture_and_do_not_overlap() -> None:
    cues = [make_cue(["One", "two"], 1.0, speaker="ABC"[lane], lane=lane, per_line=1) for lane in range(3)]
    root = ET.fromstring(write(scenario_of(*cues), "ttml"))
    bands = []
    for region in root.iter(f"{TTML}region"):
        origin, extent = region.attrib[f"{STYLING}origin"], region.attrib[f"{STYLING}extent"]
        top, height = (float(pair.split()[1].rstrip("%")) for pair in (origin, extent))
        bands.append((top, top + height))
    assert len(bands) == 3
    for lower, upper in pairwise(bands):
        assert upper[1] <= lower[0] + 0.01
    assert bands[0][1] <= 100
    assert bands[2][0] >= 0


def test_right_to_left_cues_say_so_in_ttml() -> None:
    paragraphs = list(ET.fromstring(write(many_tongues(), "ttml")).iter(f"{TTML}p"))
    assert [p.get(f"{STYLING}direction") for p in paragraphs] == [None] * 4 + ["rtl"] * 2


# What we read in files of others


def said(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in transcript.segments]


def times(transcript: Transcript) -> list[tuple[str, float, float]]:
    return [(word.text, word.start_s, word.end_s) for word in transcript.words]


def test_a_scenario_comes_back_from_webvtt_word_by_word() -> None:
    scenario = many_tongues()
    transcript = read(write(scenario, "vtt").encode())
    assert times(transcript) == [(w.text, w.start_s, w.end_s) for cue in scenario.cues for w in cue.words]
    assert [segment.speaker for segment in transcript.segments] == [
        "A", "Ben & <Co>", "A", "C", "Ben & <Co>", "Ben & <Co>"
    ]  # fmt: skip
    assert transcript.language == "en"
    assert transcript.warnings == ()


def test_a_transcript_from_a_file_can_be_composed_and_stored() -> None:
    transcript = read(write(many_tongues(), "vtt").encode())
    assert Transcript.from_json(json.loads(json.dumps(transcript.to_json()))) == transcript
    scenario = compose(transcript, load_style("minimal"), 1280, 720)
    assert Scenario.from_json(scenario.to_json()) == scenario
    words = [word.text for cue in scenario.cues for word in cue.words]
    assert sorted(words) == sorted(word.text for word in transcript.words)
    assert set(scenario.speakers) == {"A", "Ben & <Co>", "C"}


@pytest.mark.parametrize("format", ["vtt", "srt"])
@given(scenario=hostile_scenarios())
@example(scenario=hostile_words())
@ONE_SECOND_OF
def test_hostile_text_comes_back_as_it_was(format: str, scenario: Scenario) -> None:
    if format == "srt" and len(speaker_names(scenario)) > 1:
        return  # names stand in the text there
    transcript = read(write(scenario, format).encode(), language="en")
    assert all(word.text.strip() for word in transcript.words)
    found = "".join(bare(word.text) for word in transcript.words)
    wanted = "".join("".join(lines) for _, _, lines in expected(scenario))
    if format == "srt":
        for speaker in transcript.speakers:  # whoever says "Eve:" twice has named a speaker
            found, wanted = (text.replace(f"{speaker.id}:", "") for text in (found, wanted))
    assert found.replace(" ", "") == wanted.replace(" ", "")


def test_a_subrip_file_of_ours_gives_its_speakers_back() -> None:
    scenario = make_scenario(*two_speakers())
    transcript = read(write(scenario, "srt").encode())
    assert said(transcript) == [
        (cue.speaker, " ".join(word.text for word in cue.words)) for cue in scenario.cues
    ]
    assert "SPEAKER_00, SPEAKER_01" in transcript.warnings[1]


SRT = "1\n00:00:01,000 --> 00:00:03,000\nab abcd\n\n2\n00:00:04,000 --> 00:00:05,000\nend\n"


def test_a_cue_without_word_times_is_shared_out_by_letters() -> None:
    transcript = read(SRT.encode())
    assert times(transcript) == [("ab", 1.0, 1.667), ("abcd", 1.667, 3.0), ("end", 4.0, 5.0)]
    assert "no times of words" in transcript.warnings[0]
    assert transcript.duration_s == 5.0
    assert read(SRT.encode(), duration_s=60).duration_s == 60


@pytest.mark.parametrize("text", [
    "\ufeff" + SRT,
    SRT.replace("\n", "\r\n"),
    SRT.replace("\n", "\r"),
    SRT.replace(",", "."),
    SRT.replace("00:00:0", "00:0"),
    SRT.replace("1\n00", "00").replace("2\n00", "00"),
    SRT.replace("\n\n2", "\n2"),
    SRT.replace(" --> ", "-->"),
    SRT.replace("000\na", "000 X1:0 X2:99 Y1:0 Y2:9\na"),
    SRT.replace("ab abcd", "<i>ab</i> <font color=\"#fff\">abcd</font>"),
    SRT.replace("ab abcd", "{\\an8}ab\n\nabcd"),
    "WEBVTT\n\n" + SRT.replace(",", "."),
    "WEBVTT - title\nKind: captions\n\nNOTE a\nb --\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:fred\n\n"
    + SRT.replace(",", ".").replace("3.000\n", "3.000 align:start position:0% line:-1\n"),
    "WEBVTT\n\n00:04.000 --> 00:05.000\nend\n\n00:01.000 --> 00:03.000\n<b.x>ab</b> <lang en>abcd</lang>\n",
])  # fmt: skip
def test_many_ways_to_write_the_same_captions_are_read_alike(text: str) -> None:
    assert times(read(text.encode())) == times(read(SRT.encode()))


def test_timestamps_within_a_webvtt_cue_are_the_times_of_words() -> None:
    head = "WEBVTT\n\n00:01.000 --> 00:05.000\n"
    text = f"{head}One <00:02.000>two, <c>three</c><00:03.500> <00:04.000>fo<00:04.5>ur\n"
    assert times(read(text.encode())) == [
        ("One", 1.0, 2.0), ("two,", 2.0, 2.562), ("three", 2.562, 3.5), ("four", 4.0, 4.5)
    ]  # fmt: skip


def test_timestamps_that_do_not_rise_within_their_cue_are_passed_over() -> None:
    head = "WEBVTT\n\n00:01.000 --> 00:05.000\n"
    text = f"{head}One <00:09.000>two <00:00.500>six <00:03.000>ten <00:02.000>end\n"
    found = times(read(text.encode()))
    assert [word for word, _, _ in found] == ["One", "two", "six", "ten", "end"]
    assert (found[0][1], found[3][1], found[4][2]) == (1.0, 3.0, 5.0)
    assert all(before[2] == after[1] for before, after in pairwise(found))


def test_voices_within_one_cue_are_different_speakers() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:03.000\n<v.loud Anna>Hi there</v>\n<v Bj&ouml;rn>Hello\n"
    assert said(read(text.encode())) == [("Anna", "Hi there"), ("Björn", "Hello")]


def test_names_before_a_colon_are_speakers_when_they_come_again() -> None:
    lines = ["ANNA: Hi.", "How are you?", "BEN: Fine: really.", "Dr. No：どうも", "ANNA: Good.", "note: this"]
    transcript = read(subrip(lines))
    assert said(transcript) == [
        ("ANNA", "Hi."), ("ANNA", "How are you?"), ("BEN", "Fine: really."), ("Dr. No", "どうも"),
        ("ANNA", "Good."), ("ANNA", "note: this"),
    ]  # fmt: skip
    assert "ANNA, BEN, Dr. No" in transcript.warnings[1]
    assert [speaker.id for speaker in transcript.speakers] == ["ANNA", "BEN", "Dr. No"]


@pytest.mark.parametrize("lines", [
    ["It is 12:30 now.", "At 12:30 we leave."],
    ["See https://example.org now", "See https://example.org now"],
    ["He said: go.", "He said: stop."],
    ["Warning: hot.", "Do not touch."],
    ["One: two", "Three: four"],
    ["Ingredients:", "Ingredients:"],
    ["A very long line of words before the colon: yes"] * 2,
])  # fmt: skip
def test_a_colon_alone_makes_no_speaker(lines: list[str]) -> None:
    transcript = read(subrip(lines))
    assert said(transcript) == [(None, line) for line in lines]


def subrip(lines: list[str]) -> bytes:
    """A cue a second, each of one line."""
    cues = [f"{n}\n00:00:{n:02d},000 --> 00:00:{n:02d},900\n{line}\n" for n, line in enumerate(lines)]
    return "\n".join(cues).encode()


@pytest.mark.parametrize(("text", "language"), [
    ("今日はとても天気がいいですね。AIで散歩に行きましょう", "ja"),
    ("今天天气很好，我们去散步吧。", "zh"),
    ("วันนี้อากาศดีมาก", "th"),
])  # fmt: skip
def test_scripts_without_spaces_are_cut_into_phrases_and_joined_again(text: str, language: str) -> None:
    transcript = read(subrip([text]))
    assert transcript.language == language
    assert len(transcript.words) > 3
    assert write(compose(transcript, load_style(), 640, 360), "txt") == f"{text}\n"
    assert all(a.end_s == b.start_s for a, b in pairwise(transcript.words))


def test_korean_words_stay_whole() -> None:
    assert [w.text for w in read(subrip(["안녕하세요 여러분"])).words] == ["안녕하세요", "여러분"]


def test_overlapping_and_unsorted_cues_come_in_order_of_time() -> None:
    blocks = ["3\n00:00:09,000 --> 00:00:10,000\nC", "1\n00:00:01,000 --> 00:00:05,000\nA",
              "2\n00:00:02,000 --> 00:00:03,000\nB"]  # fmt: skip
    transcript = read("\n\n".join(blocks).encode())
    assert times(transcript) == [("A", 1, 5), ("B", 2, 3), ("C", 9, 10)]
    words = [w.text for cue in compose(transcript, load_style(), 640, 360).cues for w in cue.words]
    assert sorted(words) == ["A", "B", "C"]


def test_an_arrow_in_the_text_of_a_subrip_cue_is_text() -> None:
    assert read(subrip(["Turn A --> B now", "2 is next"])).segments[0].text == "Turn A --> B now"


def test_a_number_at_the_end_of_a_text_is_text() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nThe year\n1984\n\n2\n00:00:03,000 --> 00:00:04,000\nor\n42\n"
    assert said(read(text.encode())) == [(None, "The year 1984"), (None, "or 42")]


def test_text_outside_any_cue_is_told() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n\nlost\n"
    assert read(text.encode()).warnings[1] == "Text outside any cue was left out, at line 6."


@pytest.mark.parametrize(("data", "error", "message"), [
    (b"", InvalidScenario, "No cue was found in the file. Send SubRip or WebVTT"),
    (b"hello\n", InvalidScenario, "No cue was found"),
    (b"WEBVTT\n", InvalidScenario, "No cue was found"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", BadRequest, "Line 1: the file is not in UTF-8"),
    ("\n\nCafé".encode("latin-1"), BadRequest, "Line 3: the file is not in UTF-8"),
    (SRT.encode("utf-16"), BadRequest, "Line 1: the file is not in UTF-8"),
    (SRT.replace("00:00:05", "00:00:03").encode(), InvalidScenario, "Line 6: the cue ends at 3 s, before it"),
    (SRT.replace("00:00:05", "00:61:05").encode(), InvalidScenario, "Line 6: '00:00:04,000 --> 00:61"),
    (SRT.replace("00:00:05,000", "soon").encode(), InvalidScenario, "Line 6: '00:00:04,000 --> soon'"),
    (SRT.replace("00:00:05", "100:00:05").encode(), InvalidScenario, "Line 6: the cue ends after 100 hours"),
    (SRT.replace("00:00:05", "9" * 5000 + ":00:05").encode(), InvalidScenario, "Line 6: "),
    (SRT.replace("00:00:04", "-00:00:04").encode(), InvalidScenario, "Line 6: '-00:00:04,000 -->"),
    (b"WEBVTT\n\nid\nsoon --> later\nHi\n", InvalidScenario, "Line 4: 'soon --> later' is not two times"),
    (b"WEBVTT\n\n00:01.000 --> 00:02.000\n<b></b>\n", InvalidScenario, "No cue of the file has any words"),
    (SRT.replace("end", "x" * 20_001).encode(), InvalidScenario, "Line 6: the cue has more than 20000"),
    (b"x" * (MAX_BYTES + 1), BadRequest, f"at most {MAX_BYTES} are read"),
])  # fmt: skip
def test_absurd_input_is_refused_with_what_to_do(data: bytes, error: type[BadRequest], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        read(data)
    assert type(caught.value) is error
    assert caught.value.message.endswith(".")


def test_the_number_of_cues_is_bounded() -> None:
    cue = "00:00:01.000 --> 00:00:02.000\nx\n\n"
    assert len(read(("WEBVTT\n\n" + cue * MAX_CUES).encode()).segments) == MAX_CUES
    with pytest.raises(BadRequest, match=f"more than {MAX_CUES} cues .from line {2 + 3 * MAX_CUES + 1} on."):
        read(("WEBVTT\n\n" + cue * (MAX_CUES + 1)).encode())


@pytest.mark.parametrize("piece", [
    "<", "<v ", "<00:00:01.5>", "{\\", "&", "&#", "x", "\n", " ", "--> ", "1\n", "A: ", "\u202e", "あ",
    "</v>", "<v a>x",
])  # fmt: skip
@pytest.mark.parametrize("head", ["WEBVTT", "1"])
def test_half_a_megabyte_of_anything_is_read_or_refused_in_seconds(head: str, piece: str) -> None:
    text = piece * (19_000 // len(piece))
    data = f"{head}\n\n" + "".join(f"00:0{n % 9}.0 --> 00:09.9\n{text}\n\n" for n in range(25))
    begun_s = time.process_time()
    with suppress(BadRequest):
        read(data.encode())
    assert time.process_time() - begun_s < 5


@given(st.lists(st.sampled_from([
    "WEBVTT", "\n", "\n\n", "\r\n", "1", "00:00:01.000 --> 00:00:02.000", "00:00:01,000", " --> ", "00:03",
    "<v ", "<v Ann>", "</v>", "<c>", "<00:00:01.500>", "Ann: ", "text", "한국어", "です", "NOTE", "STYLE",
    "&lt;", "\x00", "\ufeff", "99:99:99.999", "{\\an8}", "--", "-",
]), max_size=30).map("".join))  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_any_file_is_read_or_refused_and_what_is_read_can_be_composed(text: str) -> None:
    try:
        transcript = read(text.encode())
    except BadRequest:
        return
    assert Transcript.from_json(transcript.to_json()) == transcript
    scenario = compose(transcript, load_style(), 640, 360)
    assert Scenario.from_json(scenario.to_json()) == scenario


LINE = st.lists(st.sampled_from(["one", "two", "3", "&amp;", "<i>x</i>"]), min_size=1, max_size=6)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**5), LINE), min_size=1, max_size=5))
@ONE_SECOND_OF
def test_we_read_the_cues_that_webvtt_py_reads(cues: list[tuple[int, int, list[str]]]) -> None:
    file = webvtt.WebVTT()
    for start_ms, length_ms, words in cues:
        file.captions.append(webvtt.Caption(stamp(start_ms), stamp(start_ms + length_ms), " ".join(words)))
    by_start = sorted(webvtt.WebVTT.from_string(file.content), key=lambda caption: caption.start_time)
    found = read(file.content.encode())
    assert [segment.text for segment in found.segments] == [c.text.replace("&amp;", "&") for c in by_start]
    assert [(round(s.start_s * 1000), round(s.end_s * 1000)) for s in found.segments] == [
        (c.start_time.in_milliseconds(), c.end_time.in_milliseconds()) for c in by_start
    ]


def stamp(time_ms: int) -> Any:
    return str(webvtt.models.Timestamp.from_seconds(time_ms / 1000))
