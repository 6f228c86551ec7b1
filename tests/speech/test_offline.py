import time

import numpy as np
import pytest

from ecg.errors import LanguageUnsupported, ProcessingError
from ecg.speech.offline import OfflineEngine
from tests.speech.espeak import speak
from tests.speech.sounds import RATE, TRUTH, ignore_progress, recording, sine, talk, write
from tests.speech.word_errors import plain, start_errors_s, word_error_rate

SPOKEN = [
    "The committee met on Tuesday to talk about the new bridge over the river.",
    "She said that the money would be ready by the end of the month.",
    "We walked along the beach for an hour and then went home for dinner.",
]
DURATIONS_S = {"jfk.flac": 11.0, "austen-0870.wav": 7.1, "austen-0890.wav": 5.3}


@pytest.fixture(scope="module")
def engine():
    return OfflineEngine()


@pytest.fixture(scope="module")
def heard(engine, tmp_path_factory):
    """What the engine makes of each real recording, and the seconds of processor time it took."""
    folder, results = tmp_path_factory.mktemp("real"), {}
    for name in TRUTH:
        wav = recording(name, folder)
        before = time.process_time()
        results[name] = engine.transcribe(wav, "en", ignore_progress), time.process_time() - before
    return results


@pytest.mark.parametrize(
    ("name", "most"), [("austen-0870.wav", 0.40), ("austen-0890.wav", 0.40), ("jfk.flac", 0.65)]
)
def test_a_real_recording_is_recognised_at_draft_quality(heard, name, most):
    words = [word.text for segment in heard[name][0].segments for word in segment.words]
    assert word_error_rate(plain(TRUTH[name]), plain(" ".join(words))) <= most


def test_recognition_takes_one_core_less_time_than_the_speech_itself(heard):
    assert sum(cost_s for _, cost_s in heard.values()) < sum(DURATIONS_S.values())


def test_words_are_in_order_inside_their_segment_and_the_sound(heard):
    for recognized, _ in heard.values():
        for segment in recognized.segments:
            times = [time_s for word in segment.words for time_s in (word.start_s, word.end_s)]
            assert times == sorted(times)
            assert (segment.start_s, segment.end_s) == (times[0], times[-1])
            assert all(word.start_s < word.end_s <= 11.0 for word in segment.words)


def test_the_text_reads_like_words_a_person_wrote(heard):
    for recognized, _ in heard.values():
        for segment in recognized.segments:
            assert segment.text[0].isupper()
            assert not set(segment.text) & set("<>[]()0123456789")
            assert "i" not in segment.text.split()


def test_every_word_has_a_confidence_that_differs_from_word_to_word(heard):
    confidences = [w.confidence for r, _ in heard.values() for s in r.segments for w in s.words]
    assert all(0 <= confidence <= 1 for confidence in confidences)
    assert np.std(confidences) > 0.05


def test_words_recognised_correctly_start_when_they_are_spoken(engine, tmp_path):
    errors = []
    for text in SPOKEN:
        truth = speak(text, tmp_path / "spoken.wav")
        recognized = engine.transcribe(tmp_path / "spoken.wav", "en", ignore_progress)
        errors += start_errors_s(truth, [word for segment in recognized.segments for word in segment.words])
    assert len(errors) >= 20
    assert max(errors) <= 0.15
    assert np.median(errors) <= 0.03


def test_the_result_names_its_engine_and_says_that_it_is_a_draft(heard):
    recognized, _ = heard["jfk.flac"]
    assert recognized.metadata == {"engine": "offline", "model": "pocketsphinx en-us"}
    assert recognized.language == "en"
    assert "draft" in recognized.warnings[0]


def test_a_language_it_lacks_is_refused_with_the_engines_that_know_it(engine, tmp_path):
    with pytest.raises(LanguageUnsupported, match=r"'ko'.*faster-whisper.*whisperx"):
        engine.transcribe(tmp_path / "unread.wav", "ko", ignore_progress)


@pytest.mark.parametrize("sound", [np.zeros(3 * RATE), sine(1000, -20, 0.02)], ids=["silence", "a blip"])
def test_sound_without_speech_gives_no_words_and_a_warning(engine, tmp_path, sound):
    recognized = engine.transcribe(write(tmp_path / "quiet.wav", sound), None, ignore_progress)
    assert recognized.segments == ()
    assert "No speech was recognised." in recognized.warnings
    assert any("taken for English" in warning for warning in recognized.warnings)


def test_progress_grows_with_each_stretch_and_ends_at_one(engine, tmp_path):
    wav, _ = talk(tmp_path, [("slt", "Good morning."), ("rms", "How are you today?")], gap_s=0.8)
    shares = []
    engine.transcribe(wav, "en", shares.append)
    assert shares == sorted(shares)
    assert 0.1 < shares[0] < 0.9
    assert shares[-1] == 1.0


def test_work_stops_where_progress_raises_and_the_engine_can_be_used_again(engine, tmp_path):
    wav, _ = talk(tmp_path, [("slt", "Good morning."), ("rms", "How are you today?")], gap_s=0.8)

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.transcribe(wav, "en", stop)
    assert engine.transcribe(wav, "en", ignore_progress).segments


def test_the_same_sound_gives_the_same_words(engine, heard, tmp_path):
    again = engine.transcribe(recording("austen-0890.wav", tmp_path), "en", ignore_progress)
    assert again == heard["austen-0890.wav"][0]


def test_sound_of_another_form_is_refused_by_name(engine, tmp_path):
    (tmp_path / "notes.wav").write_bytes(b"not a sound at all")
    with pytest.raises(ProcessingError, match=r"notes\.wav"):
        engine.transcribe(tmp_path / "notes.wav", "en", ignore_progress)
