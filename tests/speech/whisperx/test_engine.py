"""The engine as a whole, on tiny weights."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time

import numpy as np
import pytest

from ecg.errors import EngineUnavailable, GpuMemoryError, LanguageUnsupported
from ecg.speech.activity import Stretch
from ecg.speech.engine import choose_engine
from ecg.transcript import MarkKind
from tests.speech.sounds import RATE, ignore_progress, recording, write
from tests.speech.whisperx.heard_once import HeardOnce
from tests.stages.speaking import RECOGNISED, SPEAKERS_TOLD, peak_kib

WHISPER = "faster-whisper-tiny"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*address):
        raise AssertionError(f"the engine went to the network: {address}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def engine(tiny_models):
    return choose_engine("whisperx", tiny_models, "tiny")


@pytest.fixture(scope="module")
def austen(tmp_path_factory):
    return recording("austen-0870.wav", tmp_path_factory.mktemp("austen"))


@pytest.fixture(scope="module")
def heard(engine, austen):
    shares = []
    return engine.transcribe(austen, "en", shares.append), shares


def test_every_word_is_timed_in_order_inside_the_sound(heard):
    words = [word for segment in heard[0].segments for word in segment.words]
    times = [time_s for word in words for time_s in (word.start_s, word.end_s)]
    assert len(words) > 10
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 7.2


def test_the_result_tells_how_it_was_made(heard):
    told = heard[0].metadata
    wanted = {"engine": "whisperx", "model": "tiny", "device": "cpu", "compute_type": "int8", "batch_size": 8,
              "language_probability": None, "memory_steps": []}  # fmt: skip
    assert wanted.items() <= told.items()
    assert told["aligner"].startswith("align-en")
    assert {"whisperx", "torch", "ctranslate2"} <= told["versions"].keys()
    assert {"listening", "aligning"} <= told["timings_s"].keys()


def test_progress_goes_forward_to_the_end(heard):
    shares = heard[1]
    assert shares == sorted(shares)
    assert (shares[0] > 0, shares[-1]) == (True, 1.0)


def test_nothing_is_reported_to_anybody_and_no_hub_is_asked(heard):
    from pyannote.audio.telemetry.metrics import is_metrics_enabled

    assert not is_metrics_enabled()
    assert (os.environ["HF_HUB_OFFLINE"], os.environ["TRANSFORMERS_OFFLINE"]) == ("1", "1")


def test_without_a_language_it_is_detected_with_its_probability(engine, austen):
    detected = engine.transcribe(austen, None, ignore_progress)
    assert detected.language == "en"
    assert 0 < detected.metadata["language_probability"] < 1


def test_a_language_whisper_lacks_is_refused(engine, austen):
    with pytest.raises(LanguageUnsupported, match="'tlh'"):
        engine.transcribe(austen, "tlh", ignore_progress)


def test_a_language_without_an_aligner_gets_marked_times_and_a_warning(engine, austen):
    result = engine.transcribe(austen, "ko-KR", ignore_progress)
    assert (result.language, result.metadata["aligner"]) == ("ko", None)
    assert "align-ko" in result.warnings[0]
    for segment in result.segments:
        marked = [mark for mark in segment.marks if mark.kind is MarkKind.ESTIMATED_TIME]
        assert [(mark.start_s, mark.end_s) for mark in marked] == [(segment.start_s, segment.end_s)]


def test_silence_has_no_words_and_the_result_says_so(engine, tmp_path):
    result = engine.transcribe(write(tmp_path / "silence.wav", np.zeros(3 * RATE)), "en", ignore_progress)
    assert (result.segments, result.warnings) == ((), ("No speech was found.",))


def test_only_the_stretches_are_worked_on_and_words_carry_the_time_of_the_file(engine, conversation):
    result = engine.transcribe(
        conversation, "en", ignore_progress, [Stretch(10.0, 14.0), Stretch(15.0, 20.0)]
    )
    assert result.segments
    assert result.segments[0].start_s >= 10.0
    assert result.segments[-1].end_s <= 20.0


def test_a_callback_that_raises_stops_the_work(engine, austen):
    class Stopped(Exception):
        pass

    def stop(share):
        raise Stopped

    with pytest.raises(Stopped):
        engine.transcribe(austen, "en", stop)


def test_a_script_is_followed_verbatim(engine, austen):
    script = "And Mr. John Dashwood had then leisure\nto consider how much there might be"
    followed = engine.follow(austen, script, "en", ignore_progress)
    assert [segment.text for segment in followed.segments] == script.splitlines()


def test_speakers_come_from_pyannote_where_its_models_are_and_else_from_the_light_engines_way(
    engine, tiny_models, conversation, tmp_path
):
    turns = engine.find_speakers(conversation, 2, ignore_progress)
    assert engine.speakers_by == "pyannote"
    assert {turn.speaker for turn in turns} == {"SPEAKER_00", "SPEAKER_01"}
    shutil.copytree(tiny_models / WHISPER, tmp_path / WHISPER)
    assert choose_engine("whisperx", tmp_path, "tiny").speakers_by == "clustering"


def test_models_are_let_go_and_loaded_again(engine, austen, heard):
    engine.close()
    assert not engine.loaded
    again = engine.transcribe(austen, "en", ignore_progress)
    assert again.segments == heard[0].segments


def test_models_nobody_uses_are_let_go_after_a_while(tiny_models, austen, heard):
    from ecg.speech.whisperx.engine import WhisperXEngine

    engine = WhisperXEngine(tiny_models, tiny_models / WHISPER, "tiny", idle_s=0.1)
    engine.transcribe(austen, "en", ignore_progress)
    deadline_s = time.monotonic() + 10
    while engine.loaded and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not engine.loaded
    assert engine.transcribe(austen, "en", ignore_progress).segments == heard[0].segments


def test_two_threads_may_use_one_engine_one_for_words_and_one_for_speakers(engine, conversation):
    found = []

    def tell_apart():
        found.extend(engine.find_speakers(conversation, 2, ignore_progress))

    beside = threading.Thread(target=tell_apart)
    beside.start()
    words = engine.transcribe(conversation, "en", ignore_progress)
    beside.join()
    assert words.segments
    assert found


class SmallGpu:
    """Opens weights on the CPU whatever is asked for, and has memory for what ``fits`` allows only."""

    def __init__(self, fits):
        self.fits = fits

    def open_whisper(self, folder, device, compute_type):
        from ecg.speech.whisperx import stack

        whisper = stack.open_whisper(folder, "cpu", "int8" if "int8" in compute_type else "float32")
        whisper.encode = self.limited(whisper.encode, device, compute_type)
        return whisper

    def limited(self, encode, device, compute_type):
        def allocate(features):
            if not self.fits(features.shape[0] if features.ndim == 3 else 1, compute_type, device):
                raise RuntimeError("CUDA failed with error out of memory")
            return encode(features)

        return allocate


@pytest.fixture(scope="module")
def activity(whisperx_stack):
    return HeardOnce()


@pytest.fixture
def on_a_small_gpu(tiny_models, activity, monkeypatch):
    """Makes an engine on a GPU that has memory for what a function allows."""
    from ecg.speech.whisperx.engine import WhisperXEngine
    from ecg.speech.whisperx.models import Choices, Models

    # Voice activity and alignment have no such GPU to run on here.
    monkeypatch.setattr("ecg.speech.whisperx.listening.stack.open_vad", lambda device: activity)
    monkeypatch.setattr(Models, "aligner_folder", lambda self, language: None)

    def make(fits):
        gpu = SmallGpu(fits)
        choices = Choices(4, device="cuda", open_whisper=gpu.open_whisper)
        return gpu, WhisperXEngine(tiny_models, tiny_models / WHISPER, "tiny", choices)

    return make


@pytest.fixture(scope="module")
def two_minutes(conversation, tmp_path_factory):
    from scipy.io import wavfile

    wav = tmp_path_factory.mktemp("long") / "long.wav"
    wavfile.write(wav, RATE, np.tile(wavfile.read(conversation)[1], 4))
    return wav


@pytest.mark.parametrize(("fits", "device", "compute_type", "batches"), [
    (lambda batch, compute_type, device: batch <= 2, "cuda", "float16", [2]),
    (lambda batch, compute_type, device: compute_type != "float16", "cuda", "int8_float16", [2, 1, 1]),
    (lambda batch, compute_type, device: device == "cpu", "cpu", "int8", [2, 1, 1, 4]),
])  # fmt: skip
def test_out_of_memory_halves_the_batch_then_takes_8_bits_then_the_cpu_and_the_result_says_so(
    on_a_small_gpu, two_minutes, fits, device, compute_type, batches
):
    _, engine = on_a_small_gpu(fits)
    told = engine.transcribe(two_minutes, "en", ignore_progress).metadata
    assert (told["device"], told["compute_type"], told["batch_size"]) == (device, compute_type, batches[-1])
    assert [step["batch_size"] for step in told["memory_steps"]] == batches
    again = engine.transcribe(two_minutes, "en", ignore_progress).metadata
    assert again["memory_steps"] == told["memory_steps"]


def test_when_no_memory_is_left_at_all_the_error_is_typed_and_the_engine_works_on(on_a_small_gpu, austen):
    gpu, engine = on_a_small_gpu(lambda *_: False)
    with pytest.raises(GpuMemoryError, match="free the GPU"):
        engine.transcribe(austen, "en", ignore_progress)
    gpu.fits = lambda *_: True
    assert engine.transcribe(austen, "en", ignore_progress).segments


def test_weights_that_lack_a_file_are_refused_with_what_to_do(whisperx_stack, tiny_models, tmp_path):
    shutil.copytree(tiny_models / WHISPER, tmp_path / WHISPER)
    (tmp_path / WHISPER / "preprocessor_config.json").unlink()
    with pytest.raises(EngineUnavailable, match=r"preprocessor_config\.json.*ecg models pull"):
        choose_engine("whisperx", tmp_path, "tiny")


def test_a_worker_loads_the_models_while_it_starts(tiny_models, monkeypatch):
    from ecg.config import settings
    from ecg.tasks import audio
    from workers.audio import warm_up

    for name, value in {"ECG_MODELS_DIR": str(tiny_models), "ECG_WHISPER_MODEL": "tiny"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(audio, "_engines", {})
    settings.cache_clear()
    try:
        warm_up()
        deadline_s = time.monotonic() + 60
        while not audio.engine("auto").loaded and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert audio.engine("auto").name == "whisperx"
        assert audio.engine("auto").loaded
        assert audio.engine("whisperx") is audio.engine("auto")
    finally:
        audio.engine("auto").close()
        settings.cache_clear()


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("work", [RECOGNISED, SPEAKERS_TOLD], ids=["recognised", "speakers told"])
def test_an_hour_takes_little_more_memory_than_ten_minutes(tiny_models, tmp_path, work):
    for name, made in {"faster-whisper-large-v3": WHISPER, "align-en": "", "diarization": ""}.items():
        (tmp_path / name).symlink_to(tiny_models / (made or name))
    peaks = [peak_kib(work, "whisperx", tmp_path, minutes, tmp_path) for minutes in (10, 60)]
    print(f"peaks of 10 and 60 minutes in KiB: {peaks}")
    assert peaks[1] <= 1.5 * peaks[0]
