import numpy as np
import pytest

from ecg.speech.activity import chunks, cut, speech_stretches
from ecg.speech.waveform import read_wav
from tests.speech.sounds import RATE, recording, talk, write

SENTENCES = [("slt", "Nobody in the room had heard the story."), ("slt", "We went home for dinner.")]


def test_every_spoken_sentence_lies_in_a_stretch_of_its_own(tmp_path):
    wav, turns = talk(tmp_path, SENTENCES, gap_s=1.0)
    stretches = speech_stretches(read_wav(wav))
    assert len(stretches) == len(turns)
    for stretch, turn in zip(stretches, turns, strict=True):
        assert stretch.start_s <= turn.start_s + 0.03
        assert stretch.end_s >= turn.end_s - 0.03
        assert stretch.end_s - stretch.start_s < turn.end_s - turn.start_s + 0.6


def test_silence_has_no_stretches(tmp_path):
    assert speech_stretches(read_wav(write(tmp_path / "silence.wav", np.zeros(5 * RATE)))) == []


def test_a_long_stretch_is_cut_into_pieces_that_leave_nothing_out(tmp_path):
    samples = read_wav(recording("austen-0870.wav", tmp_path))
    (stretch,) = speech_stretches(samples)
    pieces = cut(stretch, samples, longest_s=2.0)
    assert len(pieces) > 3
    assert all(piece.end_s - piece.start_s <= 2.0 for piece in pieces)
    assert [p.start_s for p in pieces[1:]] == [p.end_s for p in pieces[:-1]]
    assert (pieces[0].start_s, pieces[-1].end_s) == (stretch.start_s, stretch.end_s)


@pytest.mark.parametrize(("longest_pause_s", "count"), [(2.0, 1), (0.1, 2)])
def test_stretches_are_put_together_only_across_short_pauses(tmp_path, longest_pause_s, count):
    wav, _ = talk(tmp_path, SENTENCES, gap_s=1.0)
    samples = read_wav(wav)
    assert len(chunks(speech_stretches(samples), samples, 28.0, longest_pause_s)) == count
