"""Drafts: what may be edited in a transcript, what is refused, and what is shown of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ecg.captions import Draft, draft, load_style, sidecars
from ecg.errors import InvalidScenario
from ecg.transcript import Baseline, Features, Speaker, Transcript
from tests.captions.builders import make_segment, make_transcript, make_words, two_speakers

SEGMENT = "transcript.segments[0]"
ROLLING = """WEBVTT

00:01.000 --> 00:04.000
<v Ann>I <00:03.000>said</v> <v Bob>no

00:02.000 --> 00:02.500
and then
"""


def as_json(made: Draft) -> dict[str, Any]:
    """As a client gets it."""
    return json.loads(json.dumps(made.to_json()))


def three_words(**second: Any) -> dict[str, Any]:
    """A transcript of three words, half a second each with pauses between, whose second one is changed."""
    segment = make_segment(make_words("one two three", start_s=1.0, word_s=0.5, gap_s=0.2))
    transcript = as_json(Draft.of(make_transcript(segment)))["transcript"]
    transcript["segments"][0]["words"][1].update(second)
    return transcript


def wrong(**sent: Any) -> str:
    """Where a change is found wrong."""
    with pytest.raises(InvalidScenario) as refused:
        Draft.of(make_transcript()).changed(sent)
    return refused.value.details["path"]


@pytest.mark.parametrize("transcript", [make_transcript(*two_speakers()), sidecars.read(ROLLING.encode())])
def test_what_was_not_edited_is_taken_back_as_it_was(transcript: Transcript) -> None:
    made = Draft.of(transcript)
    assert made.changed(as_json(made)) == made
    assert Draft.from_json(as_json(made)) == made
    changes = {"style": load_style("minimal").to_json(), "strength": 0.5, "colors": {"Ann": "#00ff00"}}
    other = made.changed(changes)
    assert Draft.from_json(as_json(other)) == other
    assert other.transcript == made.transcript


def test_segments_are_put_in_order_and_widened_to_hold_their_words() -> None:
    late, early = make_segment(make_words("b", start_s=5.0)), make_segment(make_words("a", start_s=1.0))
    narrow = replace(early, end_s=1.1)
    made = Draft.of(Transcript((late, narrow), (), "en", 9.0))
    assert [segment.text for segment in made.transcript.segments] == ["a", "b"]
    assert made.transcript.segments[0].end_s == early.end_s
    assert made.changed(as_json(made)) == made


def test_how_words_sound_stays_with_them_as_finely_as_it_is_shown() -> None:
    heard = Features(volume_db=-20.00012, pitch_hz=None, mfcc=(1.0,) * 13)
    word = replace(make_words("one")[0], features=heard)
    made = Draft.of(make_transcript(make_segment([word])))
    sent = as_json(made)["transcript"]
    sent["segments"][0]["words"][0]["word"] = "two"
    (edited,) = made.changed({"transcript": sent}).transcript.words
    assert (edited.text, edited.features) == ("two", Features(volume_db=-20.0))


def test_speakers_are_those_of_the_segments_with_the_baselines_that_are_known() -> None:
    usual = Baseline(-20.0, 2.0)
    ann = Speaker("SPEAKER_00", 1.0, 1, usual, usual)
    made = Draft.of(replace(make_transcript(*two_speakers()), speakers=(ann,)))
    sent = as_json(made)["transcript"]
    sent["speakers"]["Ann"] = sent["speakers"].pop("SPEAKER_00")
    sent["segments"][0]["speaker"]["speaker_id"] = "Ann"
    first, second = made.changed({"transcript": sent}).transcript.speakers
    assert (first.id, first.volume_db, first.segment_count) == ("Ann", usual, 1)
    assert (second.id, second.volume_db) == ("SPEAKER_01", Baseline(None, None))


def test_what_tells_how_a_transcript_was_made_is_not_edited() -> None:
    made = Draft.of(replace(make_transcript(), metadata={"engine": "offline"}))
    sent = {**as_json(made)["transcript"], "metadata": {"engine": "x"}, "duration": "long", "text": 7}
    assert made.changed({"transcript": sent}) == made


@pytest.mark.parametrize(
    ("second", "field"),
    [
        ({"word": " "}, "word"),
        ({"word": "a\x00b"}, "word"),
        ({"word": "\ud800"}, "word"),
        ({"word": "x" * 1001}, "word"),
        ({"word": "a" + "\u0301" * 9}, "word"),
        ({"start": None}, "start"),
        ({"start": -1}, "start"),
        ({"start": "1"}, "start"),
        ({"start": True}, "start"),
        ({"start": float("nan")}, "start"),
        ({"start": 0.9}, "start"),  # before the word ahead of it
        ({"end": float("inf")}, "end"),
        ({"end": 10**400}, "end"),
        ({"end": 1.6}, "end"),  # before it starts
        ({"end": 3.0}, "end"),  # after the segment
        ({"confidence": 2}, "confidence"),
        ({"colour": "red"}, "colour"),
        ({"acoustic_features": {"volume_db": "loud"}}, "acoustic_features.volume_db"),
    ],
)
def test_a_word_that_breaks_a_rule_is_refused_by_its_place(second: dict[str, Any], field: str) -> None:
    assert wrong(transcript=three_words(**second)) == f"{SEGMENT}.words[1].{field}"


@pytest.mark.parametrize(
    ("segment", "field"),
    [
        ({"words": []}, "words"),
        ({"start": 1.1}, "words[0].start"),
        ({"end": 0.5}, "end"),
        ({"speaker": {"speaker_id": ""}}, "speaker.speaker_id"),
        ({"warnings": [{"kind": "odd", "start": 1, "end": 2}]}, "warnings[0].kind"),
    ],
)
def test_a_segment_that_breaks_a_rule_is_refused_by_its_place(segment: dict[str, Any], field: str) -> None:
    sent = three_words()
    sent["segments"][0].update(segment)
    assert wrong(transcript=sent) == f"{SEGMENT}.{field}"


def test_segments_come_in_the_order_of_their_start() -> None:
    sent = three_words()
    earlier = three_words()["segments"][0]
    for times in (earlier, *earlier["words"]):
        times.update(start=times["start"] - 0.5, end=times["end"] - 0.5)
    sent["segments"].append(earlier)
    assert wrong(transcript=sent) == "transcript.segments[1].start"


def test_nothing_may_be_without_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [str(number) for number in range(draft.MOST_SPEAKERS + 1)]
    crowd: dict[str, Any] = {"segments": [], "speakers": {name: {} for name in many}}
    assert wrong(transcript=crowd) == "transcript.speakers"
    assert wrong(colors=dict.fromkeys(many, "#ffffff")) == "colors"
    monkeypatch.setattr(draft, "MOST_WORDS", 2)
    assert wrong(transcript=three_words()) == "transcript.segments"


def test_a_colour_of_ones_own_takes_the_place_of_the_style_s() -> None:
    style = load_style()
    chosen = {"SPEAKER_01": "#123456", "X": "#000000"}
    made = replace(Draft.of(make_transcript(*two_speakers())), colors=chosen)
    plain = replace(made, colors={}).composed(style, 1280, 720)
    shown = made.composed(style, 1280, 720)
    assert shown.speakers["SPEAKER_01"].color == "#123456"
    assert shown.speakers["SPEAKER_00"] == plain.speakers["SPEAKER_00"]
    assert (shown.cues, set(shown.speakers)) == (plain.cues, set(plain.speakers))
    assert replace(made, scenario=plain).composed(style, 640, 360) == plain, "drawn exactly as it is"
