import socket

import pytest

from ecg.errors import LanguageUnsupported
from ecg.speech.engine import choose_engine
from tests.speech.sounds import recording, talk
from tests.speech.tiny_whisper import make_tiny_whisper


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    make_tiny_whisper(models / "faster-whisper-base")
    return choose_engine("faster-whisper", models, "base")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*address):
        raise AssertionError(f"the engine went to the network: {address}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_words_are_in_order_inside_the_sound_and_segments_begin_with_their_first_word(engine, tmp_path):
    recognized = engine.transcribe(recording("jfk.flac", tmp_path), "en", lambda share: None)
    assert recognized.segments
    for segment in recognized.segments:
        times = [time_s for word in segment.words for time_s in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert (segment.start_s, segment.end_s) == (times[0], times[-1])
        assert 0 <= times[0] <= times[-1] <= 11.0
        assert all(0 <= word.confidence <= 1 and word.text == word.text.strip() for word in segment.words)


def test_words_of_a_later_chunk_carry_the_time_of_the_file(engine, tmp_path):
    wav, turns = talk(tmp_path, [("slt", "Good morning."), ("rms", "How are you today?")], gap_s=3.0)
    shares = []
    recognized = engine.transcribe(wav, "en", shares.append)
    assert shares[-1] == 1.0
    assert 0 < shares[0] < 1
    assert recognized.segments[-1].start_s >= turns[1].start_s - 0.3


def test_the_language_asked_for_is_the_one_used_and_without_one_it_is_detected(engine, tmp_path):
    wav = recording("austen-0890.wav", tmp_path)
    asked = engine.transcribe(wav, "ko-KR", lambda share: None)
    assert (asked.language, asked.metadata["language_probability"]) == ("ko", None)
    detected = engine.transcribe(wav, None, lambda share: None)
    assert 0 < detected.metadata["language_probability"] < 1


def test_a_language_whisper_lacks_is_refused(engine, tmp_path):
    with pytest.raises(LanguageUnsupported, match="'tlh'"):
        engine.transcribe(tmp_path / "unread.wav", "tlh", lambda share: None)


def test_the_result_names_engine_model_and_precision(engine, tmp_path):
    recognized = engine.transcribe(recording("austen-0890.wav", tmp_path), "en", lambda share: None)
    wanted = {"engine": "faster-whisper", "model": "base", "device": "cpu", "compute_type": "int8"}
    assert wanted.items() <= recognized.metadata.items()
