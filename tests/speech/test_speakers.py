import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from ecg.speech.speakers import find_speakers
from ecg.transcript import Turn
from tests.conftest import require
from tests.speech.rttm import diarization_error, read_rttm
from tests.speech.sounds import RATE, ignore_progress, recording, talk, write
from tests.spoken import ffmpeg

SENTENCES = [
    "The committee met on Tuesday to talk about the new bridge over the river.",
    "I think we should wait until the weather gets better before we start.",
    "She said that the money would be ready by the end of the month.",
    "Nobody in the room had heard the story before that night.",
    "We walked along the beach for an hour and then went home for dinner.",
    "Please close the door when you leave the house tomorrow morning.",
]


def in_turn(*voices: str) -> list[tuple[str, str]]:
    return [(voices[index % len(voices)], text) for index, text in enumerate(SENTENCES)]


def confusion(truth: list[Turn], found: tuple[Turn, ...]) -> float:
    """Share of the spoken time that is under another speaker than most of that voice's time, or none."""
    times = np.arange(0, truth[-1].end_s, 0.01)
    said, heard = _at(truth, times), _at(found, times)
    wrong = 0
    for voice in {turn.speaker for turn in truth}:
        labels = [label for label, who in zip(heard, said, strict=True) if who == voice]
        wrong += len(labels) - max(labels.count(label) for label in set(labels))
    return wrong / sum(who is not None for who in said)


def _at(turns, times) -> list[str | None]:
    return [next((t.speaker for t in turns if t.start_s <= time < t.end_s), None) for time in times]


@pytest.mark.parametrize("gap_s", [0.2, 0.6])
@pytest.mark.parametrize("voices", [("slt", "rms"), ("rms", "awb"), ("slt", "kal16")], ids="-".join)
def test_two_voices_in_turn_are_two_speakers(tmp_path, voices, gap_s):
    wav, truth = talk(tmp_path, in_turn(*voices), gap_s)
    found = find_speakers(wav, None, ignore_progress)
    assert sorted({turn.speaker for turn in found}) == ["SPEAKER_00", "SPEAKER_01"]
    assert found[0].speaker == "SPEAKER_00"
    assert confusion(truth, found) <= 0.05


def test_three_voices_are_three_speakers(tmp_path):
    wav, truth = talk(tmp_path, in_turn("slt", "rms", "awb"), 0.4)
    found = find_speakers(wav, None, ignore_progress)
    assert len({turn.speaker for turn in found}) == 3
    assert confusion(truth, found) <= 0.05


@pytest.mark.parametrize("name", ["jfk.flac", "austen-0870.wav", "austen-0890.wav"])
def test_one_person_reading_is_one_speaker(tmp_path, name):
    found = find_speakers(recording(name, tmp_path), None, ignore_progress)
    assert {turn.speaker for turn in found} == {"SPEAKER_00"}


@pytest.mark.parametrize("rate", ["64k", "128k"])
def test_one_person_is_one_speaker_after_lossy_compression_too(tmp_path, rate):
    packed = tmp_path / "packed.m4a"
    ffmpeg("-i", recording("jfk.flac", tmp_path), "-c:a", "aac", "-b:a", rate, packed)
    ffmpeg("-i", packed, "-ac", "1", "-ar", "16000", tmp_path / "unpacked.wav")
    found = find_speakers(tmp_path / "unpacked.wav", None, ignore_progress)
    assert {turn.speaker for turn in found} == {"SPEAKER_00"}


@pytest.mark.parametrize("voice", ["slt", "rms", "awb"])
def test_one_voice_at_length_is_one_speaker(tmp_path, voice):
    wav, _ = talk(tmp_path, in_turn(voice), 0.4)
    assert {turn.speaker for turn in find_speakers(wav, None, ignore_progress)} == {"SPEAKER_00"}


def test_the_number_of_speakers_is_the_one_given(tmp_path):
    wav, _ = talk(tmp_path, in_turn("slt", "rms", "awb"), 0.4)
    for count in (1, 2, 3):
        assert len({turn.speaker for turn in find_speakers(wav, count, ignore_progress)}) == count


def test_turns_are_in_order_and_apart(tmp_path):
    wav, _ = talk(tmp_path, in_turn("slt", "rms"), 0.3)
    found = find_speakers(wav, None, ignore_progress)
    times = [time_s for turn in found for time_s in (turn.start_s, turn.end_s)]
    assert times == sorted(times)
    assert all(turn.start_s < turn.end_s for turn in found)


def test_silence_has_no_speakers_and_progress_still_ends_at_one(tmp_path):
    shares = []
    assert find_speakers(write(tmp_path / "silence.wav", np.zeros(3 * RATE)), None, shares.append) == ()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.fixture
def conversation() -> tuple[Path, tuple[Turn, ...]]:
    """Two women on the telephone, real, 30 s, and who really speaks when; it is inside pyannote's wheel."""
    # The package above it is a namespace: looking this far imports nothing.
    package = importlib.util.find_spec("pyannote")
    roots = package.submodule_search_locations or () if package else ()
    found = [path for root in roots for path in Path(root).glob("audio/sample/sample.wav")]
    require(found, "pyannote.audio is not installed")
    return found[0], read_rttm(found[0].with_suffix(".rttm"))


@pytest.mark.parametrize("given", [2, None], ids=["two given", "none given"])
def test_a_real_conversation_of_two_is_told_apart(conversation, given):
    wav, truth = conversation
    found = find_speakers(wav, given, ignore_progress)
    error, count = diarization_error(truth, found), len({turn.speaker for turn in found})
    print(f"speakers given: {given}; found: {count}; diarization error: {error:.1%}")
    assert count == 2
    assert error <= 0.25


@pytest.mark.parametrize("speaker", ["speaker90", "speaker91"])
def test_one_side_of_a_real_conversation_is_one_speaker(tmp_path, conversation, speaker):
    wav, truth = conversation
    sound = wavfile.read(wav)[1] / 32768
    mine = alone(truth, speaker, len(sound))
    found = find_speakers(write(tmp_path / "side.wav", sound[mine]), None, ignore_progress)
    assert {turn.speaker for turn in found} == {"SPEAKER_00"}


def alone(truth: tuple[Turn, ...], speaker: str, samples: int) -> np.ndarray:
    """Where only this speaker talks, bool (samples,)."""
    said, others = np.zeros(samples, bool), np.zeros(samples, bool)
    for turn in truth:
        talking = said if turn.speaker == speaker else others
        talking[int(turn.start_s * RATE) : int(turn.end_s * RATE)] = True
    return said & ~others


def test_a_click_is_nobody(tmp_path):
    wav, _ = talk(tmp_path, in_turn("slt", "rms"), 0.3)
    sound = wavfile.read(wav)[1] / 32768
    hiss = np.random.default_rng(1).normal(0, 0.1, RATE // 2)
    quiet = np.zeros(RATE)
    found = find_speakers(write(tmp_path / "click.wav", np.concatenate([quiet, hiss, quiet, sound])), None,
                          ignore_progress)  # fmt: skip
    assert found[0].start_s > 2.0
    assert len({turn.speaker for turn in found}) == 2
