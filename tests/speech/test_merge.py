import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from ecg.speech.engine import Recognized
from ecg.speech.merge import merge
from ecg.speech.offline import OfflineEngine
from ecg.speech.prosody import Tracks, measure
from ecg.speech.speakers import find_speakers
from ecg.transcript import UNKNOWN_SPEAKER, Segment, Transcript, Turn, Word, json_schema
from tests.speech.sounds import hum, ignore_progress, recording, talk, write


def quiet_tracks(duration_s: float) -> Tracks:
    frames = round(duration_s * 100)
    zeros = np.zeros(frames, np.float32)
    return Tracks(zeros, zeros, zeros, np.zeros((frames, 13), np.float32))


def said(*spans: tuple[float, float]) -> Recognized:
    """One segment of words with the given times."""
    words = tuple(Word(f"w{index}", start, end) for index, (start, end) in enumerate(spans))
    return Recognized((Segment(spans[0][0], spans[-1][1], words),), "en", (), {"engine": "test"})


def merged(recognized: Recognized, turns=(), duration_s: float = 10.0) -> Transcript:
    return merge(recognized, turns, quiet_tracks(duration_s), duration_s, {})


def speakers_of(transcript: Transcript) -> list[str]:
    return [segment.speaker for segment in transcript.segments for _ in segment.words]


FIVE = [(0.0, 0.4), (0.4, 0.8), (0.8, 1.2), (1.2, 1.6), (1.6, 2.0)]


def test_a_segment_is_parted_where_the_speaker_changes():
    transcript = merged(said(*FIVE), (Turn(0, 0.85, "A"), Turn(0.85, 2, "B")))
    assert [(s.speaker, len(s.words), s.start_s, s.end_s) for s in transcript.segments] == [
        ("A", 2, 0.0, 0.8), ("B", 3, 0.8, 2.0),
    ]  # fmt: skip
    assert [s.speaker_confidence for s in transcript.segments] == [1.0, pytest.approx(1 - 0.05 / 1.2)]


def test_a_lone_word_in_the_middle_of_a_sentence_does_not_flicker():
    transcript = merged(said(*FIVE), (Turn(0, 0.8, "A"), Turn(0.8, 1.2, "B"), Turn(1.2, 2, "A")))
    assert speakers_of(transcript) == ["A"] * 5
    assert transcript.segments[0].speaker_confidence == pytest.approx(0.8)


def test_a_lone_word_between_pauses_keeps_its_speaker():
    spans = [(0.0, 0.4), (0.4, 0.8), (1.4, 1.8), (2.4, 2.8), (2.8, 3.2)]
    transcript = merged(said(*spans), (Turn(0, 0.8, "A"), Turn(1.3, 1.9, "B"), Turn(2.4, 3.2, "A")))
    assert speakers_of(transcript) == ["A", "A", "B", "A", "A"]


def test_a_speaker_that_was_given_with_the_words_is_not_guessed_again():
    spoken = said(*FIVE)
    named = Recognized((replace(spoken.segments[0], speaker="Ann"),), "en")
    for turns in ((Turn(0, 0.85, "A"), Turn(0.85, 2, "B")), (), None):
        transcript = merged(named, turns)
        assert speakers_of(transcript) == ["Ann"] * 5
        assert transcript.warnings == ()


def test_words_outside_every_turn_go_to_the_nearest_speaker():
    transcript = merged(said((4.0, 4.4), (4.4, 4.8)), (Turn(0, 1, "A"), Turn(5, 6, "B")))
    assert speakers_of(transcript) == ["B", "B"]
    assert transcript.segments[0].speaker_confidence == 0


def test_a_word_between_two_turns_goes_to_the_nearer_one():
    spans = [(0.0, 0.4), (1.0, 1.4), (1.9, 2.3)]
    assert speakers_of(merged(said(*spans), (Turn(0, 0.5, "A"), Turn(1.5, 3, "B")))) == ["A", "B", "B"]
    assert speakers_of(merged(said(*spans), (Turn(0, 0.9, "A"), Turn(1.9, 3, "B")))) == ["A", "A", "B"]


def test_without_turns_every_word_is_under_the_unknown_speaker_and_a_warning_says_so():
    transcript = merged(said(*FIVE), None)
    assert speakers_of(transcript) == [UNKNOWN_SPEAKER] * 5
    assert transcript.segments[0].speaker_confidence is None
    assert "could not be told apart" in transcript.warnings[0]
    assert merged(said(*FIVE), ()).warnings != transcript.warnings


@pytest.mark.parametrize("spans", [
    [(1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, 2.0)],
    [(0.5, 2.0), (1.0, 3.0), (0.7, 0.9)],
    [(9.0, 11.0), (11.0, 12.0), (12.0, 12.5)],
    [(-0.5, -0.2), (-0.1, 0.3)],
    [(9.999, 9.999)] * 700,
], ids=["no length", "out of order", "past the end", "before the start", "crowded at the end"])  # fmt: skip
def test_every_word_ends_after_its_start_in_order_and_inside_the_media(spans):
    transcript = merged(said(*spans))
    times = [time_s for word in transcript.words for time_s in (word.start_s, word.end_s)]
    assert len(transcript.words) == len(spans)
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 10.0
    assert all(word.start_s < word.end_s for word in transcript.words)
    assert transcript.metadata["words_retimed"] > 0


def test_words_that_were_in_order_keep_their_times():
    transcript = merged(said(*FIVE))
    assert [(word.start_s, word.end_s) for word in transcript.words] == FIVE
    assert transcript.metadata["words_retimed"] == 0


def test_the_pause_before_a_word_is_the_silence_since_the_last_one():
    transcript = merged(said((0.5, 1.0), (1.0, 1.4), (2.0, 2.5)), (Turn(0, 1.5, "A"), Turn(1.9, 3, "B")))
    pauses = [word.features.pause_before_s for word in transcript.words]
    assert pauses == [pytest.approx(p) for p in (0.5, 0.0, 0.6)]
    assert transcript.segments[1].features.pause_before_s == pytest.approx(0.6)


def test_each_speaker_has_a_baseline_of_its_own(tmp_path):
    loud, soft = hum(220, 2), hum(110, 2) * 0.1
    tracks = measure(write(tmp_path / "two.wav", np.concatenate([loud, soft])), ignore_progress)
    spans = [(0.2, 0.7), (0.7, 1.2), (1.2, 1.7), (2.2, 2.7), (2.7, 3.2), (3.2, 3.7)]
    transcript = merge(said(*spans), (Turn(0, 2, "A"), Turn(2, 4, "B")), tracks, 4.0, {})
    a, b = transcript.speakers
    assert (a.id, b.id) == ("A", "B")
    assert a.volume_db.median - b.volume_db.median == pytest.approx(20, abs=0.3)
    assert a.pitch_hz.median == pytest.approx(220, rel=0.02)
    assert b.pitch_hz.median == pytest.approx(110, rel=0.02)
    assert (a.total_duration_s, a.segment_count) == (pytest.approx(1.5), 1)


def test_spread_is_the_scaled_median_absolute_deviation(tmp_path):
    sounds = [hum(hz, 1) for hz in (100, 120, 160)]
    tracks = measure(write(tmp_path / "three.wav", np.concatenate(sounds)), ignore_progress)
    (speaker,) = merge(said((0.2, 0.8), (1.2, 1.8), (2.2, 2.8)), (Turn(0, 3, "A"),), tracks, 3.0, {}).speakers
    assert speaker.pitch_hz.median == pytest.approx(120, rel=0.02)
    assert speaker.pitch_hz.spread == pytest.approx(1.4826 * 20, rel=0.1)


def test_nothing_recognised_is_an_empty_transcript():
    transcript = merged(Recognized((), "en", ("No speech was recognised.",), {}))
    assert (transcript.segments, transcript.speakers) == ((), ())
    assert transcript.warnings == ("No speech was recognised.",)


@pytest.fixture(scope="module")
def conversation(tmp_path_factory) -> Transcript:
    """Two voices through the whole of the analysis."""
    first = ("slt", "I think we should wait until the weather gets better.")
    second = ("rms", "Nobody in the room had heard the story.")
    parts = [first, second, first, second]
    wav, _ = talk(tmp_path_factory.mktemp("talk"), parts, gap_s=0.5)
    tracks = measure(wav, ignore_progress)
    recognized = OfflineEngine().transcribe(wav, "en", ignore_progress)
    turns = find_speakers(wav, None, ignore_progress)
    return merge(recognized, turns, tracks, len(tracks.power) / 100, {"speakers_by": "clustering"})


def test_a_conversation_is_told_apart_speaker_by_speaker(conversation):
    assert [s.speaker for s in conversation.segments] == ["SPEAKER_00", "SPEAKER_01"] * 2
    assert conversation.segments[0].text == conversation.segments[2].text
    assert [s.pitch_hz.median > 140 for s in conversation.speakers] == [True, False]
    assert conversation.metadata["speakers_by"] == "clustering"
    assert conversation.metadata["engine"] == "offline"


def test_an_analysis_keeps_to_the_published_schema(conversation):
    data = json.loads(json.dumps(conversation.to_json()))
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(json_schema())
    validator.validate(data)
    assert Transcript.from_json(data) == conversation
    data["segments"][0]["words"][0]["start"] = -1
    assert not validator.is_valid(data)


def test_a_transcript_of_real_speech_keeps_to_the_published_schema(tmp_path):
    wav = recording("austen-0890.wav", tmp_path)
    tracks = measure(wav, ignore_progress)
    recognized = OfflineEngine().transcribe(wav, "en", ignore_progress)
    transcript = merge(recognized, None, tracks, 5.3, {})
    jsonschema.validate(json.loads(json.dumps(transcript.to_json())), json_schema())
    assert all(word.features.volume_db is not None for word in transcript.words)
