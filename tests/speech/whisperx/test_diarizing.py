"""Voiceprints are random here: not who is right is tested, but that it is what whisperx finds."""

import importlib.util
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.io import wavfile

from ecg.errors import EngineUnavailable, ProcessingError
from ecg.speech.word_speakers import label_words
from ecg.transcript import Turn, Word
from tests.conftest import require
from tests.speech.rttm import diarization_error, read_rttm
from tests.speech.sounds import RATE, ignore_progress, recording, write
from tests.speech.tiny_diarization import make_tiny_diarization


@pytest.fixture(scope="module")
def stack():
    """The libraries, ready to be imported."""
    require(importlib.util.find_spec("whisperx"), "whisperx is not installed")
    from ecg.speech.whisperx import stack

    stack.prepare()
    return stack


@pytest.fixture(scope="module")
def folder(stack, tmp_path_factory) -> Path:
    return make_tiny_diarization(tmp_path_factory.mktemp("models") / "diarization")


@pytest.fixture(scope="module")
def diarizer(folder):
    from ecg.speech.whisperx.diarizing import Diarizer

    return Diarizer(folder, "cpu")


@pytest.fixture(scope="module")
def theirs(folder):
    from whisperx.diarize import DiarizationPipeline

    return DiarizationPipeline(model_name=str(folder), device="cpu")


@pytest.fixture(scope="module")
def conversation(stack) -> Path:
    """The conversation of two women in pyannote's wheel, 30 s; its truth lies beside it."""
    import pyannote.audio

    return Path(pyannote.audio.__file__).parent / "sample" / "sample.wav"


@pytest.fixture(scope="module")
def sounds(conversation, tmp_path_factory) -> dict[str, Path]:
    """Two real voices, from the 6th second of the conversation; one; voices between silences and noise."""
    folder = tmp_path_factory.mktemp("sounds")
    talk = wavfile.read(conversation)[1] / 32768
    jfk = wavfile.read(recording("jfk.flac", folder))[1] / 32768
    noise = np.random.default_rng(4).normal(0, 0.01, 3 * RATE)
    parts = [noise, jfk[: 3 * RATE], np.zeros(4 * RATE), talk[8 * RATE : 12 * RATE]]
    return {
        "conversation": write(folder / "conversation.wav", talk[6 * RATE : 22 * RATE]),
        "one voice": write(folder / "one.wav", jfk[: 6 * RATE]),
        "between silences": write(folder / "mixed.wav", np.concatenate(parts)),
    }


def spoken(turns) -> np.ndarray:
    """Whether somebody speaks, every 10 ms of half a minute."""
    at_s = np.arange(0, 30, 0.01)
    return np.any([(at_s >= turn.start_s) & (at_s < turn.end_s) for turn in turns], axis=0)


def test_of_a_long_recording_some_voiceprints_say_who_there_is(diarizer, sounds, monkeypatch):
    from ecg.speech.whisperx import diarizing

    compared = []
    grouped = diarizer._pipeline.clustering.filter_embeddings
    monkeypatch.setattr(
        diarizer._pipeline.clustering, "filter_embeddings",
        lambda *given, **more: compared.append(grouped(*given, **more)) or compared[-1],
    )  # fmt: skip
    whole = diarizer.find_speakers(sounds["conversation"], 2, ignore_progress)
    monkeypatch.setattr(diarizing, "_MOST_COMPARED", 6)
    some = diarizer.find_speakers(sounds["conversation"], 2, ignore_progress)
    assert [len(parts[0]) > 6 for parts in compared] == [True, False]
    assert {turn.speaker for turn in some} == {turn.speaker for turn in whole}
    assert np.array_equal(spoken(some), spoken(whole)), "all that is said has a speaker, taken or not"


def raw(theirs, wav: Path, speakers: int | None = None):
    from whisperx.audio import load_audio

    return theirs(load_audio(str(wav)), num_speakers=speakers)


def as_turns(frame) -> list[tuple[float, float, str]]:
    return [(row.start, row.end, row.speaker) for row in frame.itertuples()]


@pytest.mark.parametrize("given", [None, 2])
@pytest.mark.parametrize("name", ["conversation", "one voice", "between silences"])
def test_turns_are_those_of_whisperx_named_in_order_of_appearance(diarizer, theirs, sounds, name, given):
    expected = as_turns(raw(theirs, sounds[name], given))
    found = diarizer.find_speakers(sounds[name], given, ignore_progress)
    assert [(turn.start_s, turn.end_s) for turn in found] == [(start, end) for start, end, _ in expected]
    pairs = {(turn.speaker, name) for turn, (_, _, name) in zip(found, expected, strict=True)}
    assert len(pairs) == len({ours for ours, _ in pairs}) == len({name for _, name in pairs})
    assert list(dict.fromkeys(turn.speaker for turn in found)) == [
        f"SPEAKER_{n:02d}" for n in range(len(pairs))
    ]


def test_overlapping_speech_is_in_two_turns_at_once(diarizer, sounds):
    found = diarizer.find_speakers(sounds["conversation"], None, ignore_progress)
    assert any(b.start_s < a.end_s and a.speaker != b.speaker for a, b in pairwise(found))


def test_the_real_segmentation_hears_who_talks_even_if_voices_are_random(diarizer, sounds, conversation):
    found = diarizer.find_speakers(sounds["conversation"], 2, ignore_progress)
    anybody = [Turn(turn.start_s, turn.end_s, "one") for turn in found]
    truth = [
        Turn(turn.start_s - 6, min(16, turn.end_s - 6), "one")
        for turn in read_rttm(conversation.with_suffix(".rttm")) if turn.start_s < 22
    ]  # fmt: skip
    assert diarization_error(truth, anybody) < 0.1


def test_our_diarization_error_is_the_one_of_pyannote(stack, conversation):
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(turns) -> Annotation:
        made = Annotation()
        for index, turn in enumerate(turns):
            made[Segment(turn.start_s, turn.end_s), index] = turn.speaker
        return made

    truth = read_rttm(conversation.with_suffix(".rttm"))
    found = [Turn(5, 8.4, "x"), Turn(8, 15.5, "y"), Turn(14, 21, "x"), Turn(20.5, 27, "z"), Turn(26, 31, "y")]
    expected = DiarizationErrorRate()(annotation(truth), annotation(found))
    assert diarization_error(truth, found) == pytest.approx(expected, abs=1e-3)


@pytest.fixture(scope="module", params=["tiny", "full size"])
def networks(request, stack, folder, tmp_path_factory):
    """An embedding as pyannote runs it, and the shared one on the same weights."""
    import torch
    from pyannote.audio.pipelines.speaker_verification import PyannoteAudioPretrainedSpeakerEmbedding

    from ecg.speech.whisperx.voiceprints import SharedVoiceprints

    if request.param == "full size":
        folder = make_tiny_diarization(tmp_path_factory.mktemp("full"), full_size=True)
    own = PyannoteAudioPretrainedSpeakerEmbedding({"checkpoint": folder, "subfolder": "embedding"})
    return own, SharedVoiceprints.in_place_of(own, torch.device("cpu"))


def test_shared_voiceprints_are_bit_for_bit_those_of_pyannote(networks, sounds):
    import torch

    own, shared = networks
    sound = wavfile.read(sounds["conversation"])[1].astype(np.float32) / 32768
    chunks = [torch.from_numpy(sound[first * RATE : (first + 3) * RATE])[None] for first in (2, 3, 9)]
    rng = np.random.default_rng(5)
    masks = torch.from_numpy((rng.random((9, 176)) < 0.4).astype(np.float32))
    # A speaker who is silent in the chunk, one with a single frame, a chunk in which nobody speaks.
    masks[1], masks[4], masks[6:] = 0, 0, 0
    masks[4, 100] = 1
    waveforms = torch.stack([chunk for chunk in chunks for _ in range(3)])
    assert np.array_equal(shared(waveforms, masks), own(waveforms, masks), equal_nan=True)
    assert np.array_equal(shared(waveforms, masks * 0), own(waveforms, masks * 0), equal_nan=True)
    assert np.array_equal(shared(waveforms), own(waveforms), equal_nan=True)


def test_the_network_looks_once_at_a_chunk_and_never_at_one_in_which_nobody_speaks(networks):
    import torch

    _, shared = networks
    waveforms = torch.randn(3, 1, RATE).repeat_interleave(3, dim=0)
    masks = torch.ones(9, 60)
    masks[3:6] = 0
    looked: list[int] = []
    watching = shared.model_.resnet.conv1.register_forward_hook(
        lambda _module, inputs, _output: looked.append(len(inputs[0]))
    )
    shared(waveforms, masks)
    watching.remove()
    assert looked == [2]


def test_an_embedding_that_cannot_be_shared_is_run_as_pyannote_does(folder, sounds, tmp_path, diarizer):
    import torch
    from pyannote.audio.models.embedding import XVectorSincNet

    from ecg.speech.whisperx.diarizing import Diarizer

    other = tmp_path / "diarization"
    shutil.copytree(folder, other)
    path = other / "embedding" / "pytorch_model.bin"
    checkpoint = torch.load(path, weights_only=False)
    model = XVectorSincNet(dimension=32)
    checkpoint |= {"state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams)}
    checkpoint["pyannote.audio"]["architecture"] = {
        "module": XVectorSincNet.__module__, "class": "XVectorSincNet",
    }  # fmt: skip
    torch.save(checkpoint, path)
    made = Diarizer(other, "cpu")
    assert (diarizer.embeddings_shared, made.embeddings_shared) == (True, False)
    assert made.find_speakers(sounds["one voice"], None, ignore_progress)


def test_words_far_from_borders_have_the_speaker_whisperx_gives_them(theirs, sounds):
    from whisperx.diarize import assign_word_speakers

    frame = raw(theirs, sounds["conversation"])
    turns = [Turn(*row) for row in as_turns(frame)]
    words = [Word("so", start, start + 0.2) for start in np.arange(0.8, 15.5, 0.1).round(2).tolist()]
    segment = {"start": 0.8, "end": 15.7, "words": [{"start": w.start_s, "end": w.end_s} for w in words]}
    given = assign_word_speakers(frame, {"segments": [segment]})["segments"][0]["words"]
    edges = [edge for turn in turns for edge in (turn.start_s, turn.end_s)]
    compared = 0
    for word, labelled, told in zip(words, label_words(words, turns), given, strict=True):
        talking = {turn.speaker for turn in turns if turn.start_s < word.end_s and turn.end_s > word.start_s}
        if len(talking) == 1 and all(not -0.3 <= edge - word.start_s <= 0.5 for edge in edges):
            assert labelled.speaker == told["speaker"]
            compared += 1
    assert compared > 20


def test_silence_has_no_speakers_and_neither_has_an_empty_file(diarizer, tmp_path):
    for name, seconds in (("silence", 12), ("empty", 0)):
        wav = write(tmp_path / f"{name}.wav", np.zeros(seconds * RATE))
        assert diarizer.find_speakers(wav, None, ignore_progress) == ()


def test_progress_rises_to_one_and_may_stop_the_work(diarizer, sounds):
    shares: list[float] = []
    diarizer.find_speakers(sounds["conversation"], None, shares.append)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert len(set(shares)) > 5

    def stop(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        diarizer.find_speakers(sounds["conversation"], None, stop)


def test_more_speakers_than_there_is_speech_for_is_said(diarizer, sounds):
    with pytest.raises(ProcessingError, match="find 50 speakers in it: ask for fewer"):
        diarizer.find_speakers(sounds["one voice"], 50, ignore_progress)


def test_a_folder_without_a_pipeline_is_said_with_what_to_do(stack, tmp_path, folder):
    from ecg.speech.whisperx.diarizing import Diarizer

    half = tmp_path / "half"
    shutil.copytree(folder, half)
    shutil.rmtree(half / "plda")
    other = tmp_path / "other"
    other.mkdir()
    listed = yaml.safe_load((folder / "config.yaml").read_text())
    listed["pipeline"]["name"] = "pyannote.audio.pipelines.NothingOfTheKind"
    (other / "config.yaml").write_text(yaml.safe_dump(listed))
    for broken in (tmp_path / "nothing", half, other):
        broken.mkdir(exist_ok=True)
        with pytest.raises(EngineUnavailable, match="ecg models pull"):
            Diarizer(broken, "cpu")
