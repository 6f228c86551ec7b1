"""Drafts: what may be edited in a transcript, what is refused, and what is shown of it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ecg.captions import Draft, load_style, sidecars
from ecg.captions.draft import MOST_SPEAKERS
from ecg.errors import InvalidScenario
from ecg.transcript import Baseline, Features, Speaker, Transcript
from tests.captions.builders import make_segment, make_transcript, make_words, two_speakers

FIRST = "transcript.segments[0]"
SECOND_WORD = f"{FIRST}.words[1]"


def as_json(draft: Draft) -> dict[str, Any]:
    """As a client gets it."""
    return json.loads(json.dumps(draft.to_json()))


def sent(**word: Any) -> dict[str, Any]:
    """The transcript of three words, half a second each, whose second one is changed."""
    transcript = as_json(Draft.of(make_transcript(make_segment(make_words("one two three", gap_s=0.2)))))
    transcript["transcript"]["segments"][0]["words"][1].update(word)
    return transcript["transcript"]


def wrong(**sent: Any) -> str:
    """Where a change is found wrong."""
    with pytest.raises(InvalidScenario) as refused:
        Draft.of(make_transcript()).changed(sent)
    return refused.value.details["path"]


def test_what_was_not_edited_is_taken_back_as_it_was() -> None:
    draft = Draft.of(make_transcript(*two_speakers()))
    assert draft.changed(as_json(draft)) == draft
    assert Draft.from_json(as_json(draft)) == draft
    style = load_style("minimal")
    other = draft.changed({"style": style.to_json(), "strength": 0.5, "colors": {"SPEAKER_01": "#00ff00"}})
    assert Draft.from_json(as_json(other)) == other
    assert (other.style, other.transcript) == (style, draft.transcript)


def test_a_caption_file_makes_a_draft_that_keeps_to_the_rules() -> None:
    rolling = """WEBVTT

        00:01.000 --> 00:04.000
        <v Ann>I <00:03.000>said</v> <v Bob>no

        00:02.000 --> 00:02.500
        and then
        """.replace("        ", "")
    draft = Draft.of(sidecars.read(rolling.encode()))
    assert draft.changed({"transcript": as_json(draft)["transcript"]}) == draft


def test_segments_are_widened_to_hold_their_words_and_put_in_order() -> None:
    late, early = make_segment(make_words("b", start_s=5.0)), make_segment(make_words("a", start_s=1.0))
    short = Transcript((late, early), (), "en", 9.0)
    draft = Draft.of(short)
    assert [segment.text for segment in draft.transcript.segments] == ["a", "b"]
    assert draft.changed({"transcript": as_json(draft)["transcript"]}) == draft


def test_how_words_sound_stays_with_them_but_for_the_mfcc() -> None:
    (segment,) = make_transcript(make_segment(make_words("one", volume_db=[-20.0]))).segments
    words = [copy.replace(w) if hasattr(copy, "replace") else w for w in segment.words]
    assert words
    features = Features(volume_db=-20.0, mfcc=(1.0,) * 13)
    from dataclasses import replace

    loud = replace(segment, words=(replace(segment.words[0], features=features),))
    draft = Draft.of(make_transcript(loud))
    assert draft.transcript.words[0].features == Features(volume_db=-20.0)
    edited = as_json(draft)["transcript"]
    edited["segments"][0]["words"][0]["word"] = "two"
    assert draft.changed({"transcript": edited}).transcript.words[0].features == Features(volume_db=-20.0)
