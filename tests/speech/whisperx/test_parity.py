"""What our listener hears equals what whisperx's own functions hear, on the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import wavfile

from ecg.speech.memory_ladder import MemoryLadder, Rung
from tests.speech.sounds import ignore_progress, recording
from tests.speech.whisperx.heard_once import HeardOnce

RATE = 16000
NAMES = [
    "austen-0870.wav", "jfk.flac", "two-channels.wav", "conversation", "silence", "noise", "two minutes",
    "ten minutes",
]  # fmt: skip


@pytest.fixture(scope="module")
def recordings(conversation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    sounds = {name: wavfile.read(recording(name, folder))[1] for name in NAMES[:3]}
    sounds["conversation"] = wavfile.read(conversation)[1]
    sounds["silence"] = np.zeros(5 * RATE, np.int16)
    sounds["noise"] = np.random.default_rng(0).normal(0, 3000, 10 * RATE).astype(np.int16)
    pause = np.zeros(RATE, np.int16)
    parts = [part for name in NAMES[:4] for part in (sounds[name], pause)]
    sounds["ten minutes"] = np.tile(np.concatenate(parts), 12)[: 600 * RATE]
    sounds["two minutes"] = sounds["ten minutes"][: 120 * RATE]
    return sounds


@pytest.fixture(scope="module")
def activity(whisperx_stack):
    return HeardOnce()


@pytest.fixture(scope="module", params=["float32", "int8"])
def both(request, tiny_models, activity):
    """Our listener and whisperx's pipeline on one loaded Whisper."""
    import whisperx.asr

    from ecg.speech.whisperx import stack
    from ecg.speech.whisperx.listening import Listener

    whisper = stack.open_whisper(tiny_models / "faster-whisper-tiny", "cpu", request.param)
    ladder = MemoryLadder((Rung(4, request.param, "cpu"),), lambda: None)
    ours = Listener(tiny_models, ladder, ladder, lambda *_: whisper)
    ours._vad = "cpu", activity
    theirs = whisperx.asr.load_model("", "cpu", model=whisper, vad_model=activity)
    return ours, theirs


@pytest.mark.parametrize("name", [*NAMES[:-1], pytest.param(NAMES[-1], marks=pytest.mark.long)])
def test_texts_and_spans_are_those_of_whisperx(both, recordings, name):
    ours, theirs = both
    samples = recordings[name]
    heard = ours.listen(samples, "en", (), ignore_progress)
    expected = theirs.transcribe(samples.astype(np.float32) / 32768, batch_size=4, language="en")["segments"]
    assert [(spoken.start_s, spoken.end_s, spoken.text) for spoken in heard.spoken] == [
        (segment["start"], segment["end"], segment["text"]) for segment in expected
    ]
    assert [clues.avg_logprob for clues in heard.clues] == pytest.approx(
        [segment["avg_logprob"] for segment in expected], abs=1e-3
    )
    assert bool(expected) == (name not in {"silence", "noise"})


def test_the_texts_compared_are_not_all_alike(both, recordings):
    ours, _ = both
    heard = ours.listen(recordings["two minutes"], "en", (), ignore_progress)
    texts = {spoken.text for spoken in heard.spoken}
    assert len(texts) == len(heard.spoken) > 3
    assert len({word for text in texts for word in text.split()}) > 40


def test_hotwords_are_given_to_the_decoder_as_whisperx_gives_them(both, recordings):
    import dataclasses

    ours, theirs = both
    samples = recordings["austen-0870.wav"]
    plain = ours.listen(samples, "en", (), ignore_progress)
    led = ours.listen(samples, "en", ("Dashwood", "Norland"), ignore_progress)
    assert plain.spoken != led.spoken
    options = theirs.options
    theirs.options = dataclasses.replace(options, hotwords="Dashwood, Norland")
    expected = theirs.transcribe(samples.astype(np.float32) / 32768, batch_size=4, language="en")["segments"]
    theirs.options = options
    assert [spoken.text for spoken in led.spoken] == [segment["text"] for segment in expected]


def test_the_language_detected_is_whisperxs_and_comes_with_its_probability(both, recordings):
    ours, theirs = both
    samples = recordings["conversation"]
    heard = ours.listen(samples, None, (), ignore_progress)
    assert heard.language == theirs.detect_language(samples.astype(np.float32) / 32768)
    assert 0 < heard.language_probability < 1
