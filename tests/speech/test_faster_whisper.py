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


def test_a_script_is_kept_word_for_word_and_every_word_is_timed(engine, tmp_path):
    script = "And so, my fellow Americans:\nask not what your country can do for you."
    followed = engine.follow(recording("jfk.flac", tmp_path), script, "en", lambda share: None)
    assert [segment.text for segment in followed.segments] == script.split("\n")
    times = [t for s in followed.segments for word in s.words for t in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert any(segment.marks for segment in followed.segments)  # this model hears nothing right
    assert followed.metadata["words_by"] == "script"


def test_hotwords_reach_the_decoder(engine, tmp_path, monkeypatch):
    told = []
    prompt = engine._whisper.get_prompt

    def listen(*arguments, **options):
        told.append(options.get("hotwords"))
        return prompt(*arguments, **options)

    monkeypatch.setattr(engine._whisper, "get_prompt", listen)
    wav = recording("austen-0890.wav", tmp_path)
    engine.transcribe(wav, "en", lambda share: None, hotwords=["Ada Lovelace", "Dashwood"])
    engine.transcribe(wav, "en", lambda share: None)
    assert told[0] == "Ada Lovelace, Dashwood"
    assert told[-1] is None


def test_the_models_own_doubts_become_marks(engine, tmp_path):
    recognized = engine.transcribe(recording("jfk.flac", tmp_path), "en", lambda share: None)
    assert any(segment.marks for segment in recognized.segments)


def test_speakers_are_told_apart_by_their_sound(engine, tmp_path):
    wav, _ = talk(tmp_path, [("slt", "Good morning my friend."), ("rms", "How are you?")], gap_s=0.8)
    assert len({turn.speaker for turn in engine.find_speakers(wav, 2, lambda share: None)}) == 2
    assert engine.speakers_by == "clustering"
