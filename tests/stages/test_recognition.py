import json
import shutil
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import wavfile

from ecg.errors import InvalidMedia
from ecg.speech.engine import choose_engine
from ecg.speech.offline import OfflineEngine
from ecg.speech.waveform import read_wav
from ecg.stages import analysis
from ecg.stages.recognition import recognize
from tests.speech.sounds import RATE, hum, ignore_progress, talk, write
from tests.speech.tiny_whisper import make_tiny_whisper
from tests.speech.word_errors import plain, word_error_rate
from tests.stages.speaking import RECOGNISED, TALK, TALK_CHUNK_S, Drawer, Watched, peak_kib

PART_NAMES = ["part-0000.json", "part-0001.json", "part-0002.json"]


@pytest.fixture(scope="module")
def offline():
    return OfflineEngine()


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    make_tiny_whisper(models / "faster-whisper-base")
    return choose_engine("faster-whisper", models, "base")


@pytest.fixture(scope="module")
def long_talk(tmp_path_factory):
    return talk(tmp_path_factory.mktemp("talk"), TALK, gap_s=0.9)[0]


@pytest.fixture(scope="module")
def whole(offline, long_talk):
    """What the offline engine hears in the talk when it gets it all at once."""
    return offline.transcribe(long_talk, None, ignore_progress)


@pytest.fixture(scope="module")
def in_chunks(offline, long_talk, tmp_path_factory):
    """The same in chunks: the result, the engine, the parts and the progress that was told."""
    folder, shares = tmp_path_factory.mktemp("chunks"), []
    engine, drawer = Watched(offline, TALK_CHUNK_S), Drawer(folder / "parts")
    return recognize(long_talk, folder, engine, None, drawer, shares.append), engine, drawer, shares


def untimed(recognized):
    """Without the one figure that differs from run to run."""
    known = {key: value for key, value in recognized.metadata.items() if key != "transcribe_s"}
    return replace(recognized, metadata=known)


def texts(recognized):
    return [word.text.lower() for segment in recognized.segments for word in segment.words]


def times_s(recognized):
    words = [word for segment in recognized.segments for word in segment.words]
    return [time_s for word in words for time_s in (word.start_s, word.end_s)]


def test_chunks_cut_in_pauses_give_the_very_words_and_times_of_the_whole(whole, in_chunks):
    recognized, engine, drawer, _ = in_chunks
    assert len(engine.calls) == 3
    assert drawer.names() == PART_NAMES
    assert len(texts(recognized)) > 35
    assert untimed(recognized) == whole


def test_the_language_is_decided_by_the_first_chunk_and_kept(in_chunks):
    recognized, engine, _, _ = in_chunks
    assert [language for language, _, _ in engine.calls] == [None, "en", "en"]
    assert recognized.language == "en"


def test_progress_grows_over_the_whole_recording(in_chunks):
    shares = in_chunks[3]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.34
    assert len(set(shares)) >= 6  # the sentences
    assert shares[-1] == 1.0


def test_the_time_it_took_counts_the_work_of_every_attempt(in_chunks, offline, long_talk, tmp_path):
    recognized, _, drawer, _ = in_chunks
    again = recognize(long_talk, tmp_path, Watched(offline, TALK_CHUNK_S, 0), None, drawer, ignore_progress)
    parts = [json.loads(drawer.part(name).read_text()) for name in PART_NAMES]
    taken_s = sum(part["recognized"]["metadata"]["transcribe_s"] for part in parts)
    assert taken_s > 0
    assert again.metadata["transcribe_s"] == recognized.metadata["transcribe_s"] == round(taken_s, 2)


def test_a_recording_of_one_chunk_is_recognised_as_ever_and_leaves_no_part(offline, tmp_path):
    wav, drawer = talk(tmp_path, TALK[:1], gap_s=0.5)[0], Drawer(tmp_path / "parts")
    recognized = recognize(wav, tmp_path, offline, None, drawer, ignore_progress)
    assert untimed(recognized) == offline.transcribe(wav, None, ignore_progress)
    assert drawer.names() == []


def test_after_an_interruption_only_the_rest_is_recognised(offline, in_chunks, long_talk, tmp_path):
    drawer, shares = Drawer(tmp_path / "parts"), []

    def stop_in_the_third_chunk(share):
        if len(drawer.names()) == 2 and share > 0.8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recognize(long_talk, tmp_path, Watched(offline, TALK_CHUNK_S), None, drawer, stop_in_the_third_chunk)
    assert drawer.names() == PART_NAMES[:2]
    engine = Watched(offline, TALK_CHUNK_S)
    recognized = recognize(long_talk, tmp_path, engine, None, drawer, shares.append)
    assert engine.calls == in_chunks[1].calls[2:]
    assert untimed(recognized) == untimed(in_chunks[0])
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("other", ["engine", "model", "language", "chunks", "hotwords"])
def test_parts_of_other_work_are_not_used(other, whisper, offline, in_chunks, long_talk, tmp_path):
    drawer = Drawer(tmp_path / "parts")
    shutil.copytree(in_chunks[2].folder, drawer.folder, dirs_exist_ok=True)
    # It has no life: it is ended as soon as it is asked for anything.
    engine = Watched(whisper if other == "engine" else offline, 8.0 if other == "chunks" else TALK_CHUNK_S, 0)
    engine.model = "another" if other == "model" else engine.model
    with pytest.raises(SystemExit):
        recognize(long_talk, tmp_path, engine, "en" if other == "language" else None, drawer,
                  ignore_progress, ["Ada Lovelace"] if other == "hotwords" else ())  # fmt: skip


def test_whisper_works_on_chunks_in_one_language_and_its_words_are_in_order(whisper, long_talk, tmp_path):
    engine = Watched(whisper, TALK_CHUNK_S)
    recognized = recognize(long_talk, tmp_path, engine, None, Drawer(tmp_path / "parts"), ignore_progress)
    first = next(i for i, (_, _, end_s) in enumerate(engine.calls) if recognized.segments[0].end_s <= end_s)
    languages = [language for language, _, _ in engine.calls]
    assert languages == [None] * (first + 1) + [recognized.language] * (2 - first)
    assert 0 < recognized.metadata["language_probability"] < 1
    assert times_s(recognized) == sorted(times_s(recognized))
    for segment in recognized.segments:
        assert any(start_s <= segment.start_s < segment.end_s <= end_s for _, start_s, end_s in engine.calls)


def test_speech_without_a_pause_is_cut_where_it_is_quietest_and_the_result_says_so(offline, tmp_path):
    wav, _ = talk(tmp_path, TALK, gap_s=0.0)
    truth = plain(" ".join(text for _, text in TALK))
    at_once = texts(offline.transcribe(wav, "en", ignore_progress))
    engine = Watched(offline, 5.0)
    cut = recognize(wav, tmp_path, engine, "en", Drawer(tmp_path / "parts"), ignore_progress)
    assert len(engine.calls) == 3
    assert [start_s for _, start_s, _ in engine.calls[1:]] == [end_s for _, _, end_s in engine.calls[:-1]]
    assert times_s(cut) == sorted(times_s(cut))
    assert abs(len(texts(cut)) - len(at_once)) <= 4
    # Two cuts in eleven seconds; a real chunk has one in half a minute or more.
    assert word_error_rate(truth, texts(cut)) <= word_error_rate(truth, at_once) + 0.1
    assert "Nobody pauses around 0:02, 0:06, where" in cut.warnings[-1]


def test_a_recording_that_begins_without_words_takes_its_language_from_where_they_begin(offline, tmp_path):
    spoken = read_wav(talk(tmp_path, TALK[:1], gap_s=0.5)[0]) / 32768
    quiet = np.zeros(RATE)
    wav = write(tmp_path / "late.wav", np.concatenate([quiet, hum(140, 2), quiet, spoken, quiet, spoken]))
    engine = Watched(offline, 3.5)
    recognized = recognize(wav, tmp_path, engine, None, Drawer(tmp_path / "parts"), ignore_progress)
    assert [language for language, _, _ in engine.calls] == [None, None, "en"]
    assert len(recognized.segments) == 2
    assert not any("No speech" in warning for warning in recognized.warnings)


def test_a_recording_in_which_no_chunk_has_words_is_refused(offline, tmp_path):
    quiet, engine = np.zeros(RATE), Watched(offline, 2.5)
    wav = write(tmp_path / "hum.wav", np.concatenate([quiet, hum(140, 2), quiet, quiet, hum(140, 2), quiet]))
    with pytest.raises(InvalidMedia, match="No speech was found"):
        analysis.transcribe(
            wav, tmp_path / "out.json", engine, None, Drawer(tmp_path / "parts"), ignore_progress
        )
    assert len(engine.calls) == 2


def test_memory_holds_a_chunk_and_not_the_recording(offline, tmp_path):
    spoken = np.array(read_wav(talk(tmp_path, TALK[:1], gap_s=0.5)[0]))
    sound = np.zeros(20 * 60 * RATE, np.int16)
    for start_s in (0, 600, 1190):
        sound[start_s * RATE : start_s * RATE + len(spoken)] = spoken
    wav = tmp_path / "long.wav"
    wavfile.write(wav, RATE, sound)
    tracemalloc.start()
    recognized = recognize(wav, tmp_path, offline, "en", Drawer(tmp_path / "parts"), ignore_progress)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(recognized.segments) == 3
    assert peak_bytes < sound.nbytes / 10



@pytest.mark.long
@pytest.mark.timeout(7200)
def test_an_hour_takes_little_more_memory_than_ten_minutes(tmp_path):
    peaks = [peak_kib(RECOGNISED, "offline", "", minutes, tmp_path) for minutes in (10, 60)]
    print(f"peaks of 10 and 60 minutes in KiB: {peaks}")
    assert peaks[1] <= 1.5 * peaks[0]
