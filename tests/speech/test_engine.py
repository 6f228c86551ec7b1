import pytest

from ecg.errors import EngineUnavailable
from ecg.speech.engine import Recognized, choose_engine
from ecg.transcript import Segment, Word
from tests.speech.tiny_whisper import make_tiny_whisper


def test_auto_takes_the_offline_engine_when_there_are_no_weights(tmp_path):
    assert choose_engine("auto", tmp_path, "base").name == "offline"


def test_auto_takes_faster_whisper_when_its_weights_are_there(tmp_path):
    make_tiny_whisper(tmp_path / "faster-whisper-base")
    engine = choose_engine("auto", tmp_path, "base")
    assert (engine.name, engine.model) == ("faster-whisper", "base")


def test_a_model_may_be_named_by_its_folder(tmp_path):
    folder = make_tiny_whisper(tmp_path / "mine")
    assert choose_engine("faster-whisper", tmp_path, str(folder)).name == "faster-whisper"


def test_faster_whisper_without_weights_says_where_to_put_them(tmp_path):
    with pytest.raises(EngineUnavailable, match=str(tmp_path / "faster-whisper-small")):
        choose_engine("faster-whisper", tmp_path, "small")


def test_weights_without_their_tokenizer_are_not_taken_for_it_would_be_fetched(tmp_path):
    folder = make_tiny_whisper(tmp_path / "faster-whisper-base")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(EngineUnavailable, match=r"tokenizer\.json"):
        choose_engine("faster-whisper", tmp_path, "base")


def test_whisperx_without_its_libraries_or_weights_says_how_to_get_them(tmp_path):
    with pytest.raises(EngineUnavailable, match=r"pip install 'ecg\[whisperx\]'|ecg models pull"):
        choose_engine("whisperx", tmp_path, "base")


def test_an_engine_nobody_knows_is_refused_with_the_ones_there_are(tmp_path):
    with pytest.raises(EngineUnavailable, match=r"'whisper'.*whisperx, faster-whisper, offline"):
        choose_engine("whisper", tmp_path, "base")


def test_what_was_recognised_survives_json():
    word = Word("Hello", 0.1, 0.5, 0.9)
    recognized = Recognized((Segment(0.1, 0.5, (word,)),), "en", ("careful",), {"engine": "offline"})
    assert Recognized.from_json(recognized.to_json()) == recognized
