"""From sound to size and weight: real prosody of known levels and pitches, and of real speech."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest
from scipy.io import wavfile

from ecg.captions import compose, load_style
from ecg.captions.scenario import CueWord
from ecg.speech.engine import Recognized
from ecg.speech.merge import merge
from ecg.speech.prosody import measure
from ecg.transcript import Segment, Transcript, Word
from tests.speech.espeak import speak
from tests.speech.sounds import RATE, TRUTH, hum, ignore_progress, recording, write

LADDER_DB = (-36, -30, -24, -18, -12)
SAID = [("wonderful", "en-gb"), ("no", "en-us"), ("정말", "ko")]
KOREAN = ("조국이 여러분을 위해 무엇을 할 수 있는지 묻지 말고 여러분이 조국을 위해 무엇을 할 수 있는지 "
          "스스로에게 다시 물어보시기 바랍니다")  # fmt: skip


def spoken(text: str, voice: str, folder: Path) -> np.ndarray:
    """``text`` in one of espeak-ng's voices, without the silence around it."""
    speak(text, folder / "word.wav", voice=voice, pause_s=0)
    sound = wavfile.read(folder / "word.wav")[1] / 32768
    audible = np.flatnonzero(np.abs(sound) > 0.006)
    return sound[audible[0] : audible[-1] + 1]


def at_level(sound: np.ndarray, level_db: float) -> np.ndarray:
    return sound * 10 ** (level_db / 20) / np.sqrt(np.mean(sound**2))


def row_of(sounds: Sequence[np.ndarray], gap_s: float = 0.25) -> tuple[np.ndarray, list[Word]]:
    """Sounds in a row, and each as a word."""
    silence, parts, words, clock = np.zeros(round(gap_s * RATE)), [], [], 0
    for number, sound in enumerate(sounds):
        parts += [silence, sound]
        clock += len(silence)
        words.append(Word(f"word{number}", clock / RATE, (clock + len(sound)) / RATE))
        clock += len(sound)
    return np.concatenate([*parts, silence]), words


def analysed(sound: np.ndarray, words: Sequence[Word], folder: Path) -> Transcript:
    """What the pipeline makes of ``sound`` when its words are known."""
    tracks = measure(write(folder / "sound.wav", sound), ignore_progress)
    segment = Segment(words[0].start_s, words[-1].end_s, tuple(words))
    return merge(Recognized((segment,), "en"), None, tracks, len(sound) / RATE, {})


def shown(sound: np.ndarray, words: Sequence[Word], folder: Path) -> list[CueWord]:
    scenario = compose(analysed(sound, words, folder), load_style("intention"), 1920, 1080)
    return [word for cue in scenario.cues for word in cue.words]


def sizes(sound: np.ndarray, words: Sequence[Word], folder: Path) -> list[float]:
    return [word.size for word in shown(sound, words, folder)]


def rises(values: Sequence[float]) -> bool:
    return all(before < after for before, after in pairwise(values))


def stands_out(word: CueWord) -> bool:
    return not 0.88 < word.size < 1.12


@pytest.mark.parametrize(("text", "voice"), SAID)
def test_a_word_said_at_five_levels_has_five_rising_sizes(text: str, voice: str, tmp_path: Path) -> None:
    word = spoken(text, voice, tmp_path)
    for step_db in (4, 5, 6):
        ladder = [at_level(word, -12 - step_db * (4 - number)) for number in range(5)]
        assert rises(sizes(*row_of(ladder), tmp_path))


@pytest.mark.parametrize(("text", "voice"), SAID)
def test_a_ladder_is_one_in_whatever_order_and_however_often_it_is_said(
    text: str, voice: str, tmp_path: Path
) -> None:
    word = spoken(text, voice, tmp_path)
    levels = list(LADDER_DB) * 4
    np.random.default_rng(1).shuffle(levels)
    found: dict[int, set[float]] = {level: set() for level in LADDER_DB}
    said = sizes(*row_of([at_level(word, db) for db in levels]), tmp_path)
    for level, size in zip(levels, said, strict=True):
        found[level].add(size)
    assert rises([max(found[level]) for level in LADDER_DB])
    assert all(max(found[a]) < min(found[b]) for a, b in pairwise(LADDER_DB))


@pytest.mark.parametrize(("text", "voice"), SAID)
def test_a_monotone_voice_has_one_size_and_one_weight(text: str, voice: str, tmp_path: Path) -> None:
    words = shown(*row_of([at_level(spoken(text, voice, tmp_path), -20)] * 20), tmp_path)
    assert {(word.size, word.weight, word.width) for word in words} == {(1.0, 400, 100)}


@pytest.mark.parametrize(("text", "voice"), SAID)
def test_a_ladder_recorded_20_db_lower_has_the_same_sizes(text: str, voice: str, tmp_path: Path) -> None:
    word = spoken(text, voice, tmp_path)
    sound, words = row_of([at_level(word, db) for db in (-34, -29, -24, -19, -14)])
    lower, usual = sizes(sound * 0.1, words, tmp_path), sizes(sound, words, tmp_path)
    assert rises(lower)
    # Which of the softest frames count as sound is not quite the same near the noise of 16 bits.
    assert lower == pytest.approx(usual, abs=0.1)


@pytest.mark.parametrize("ladder_hz", [(80, 110, 160, 220, 330), (100, 130, 170, 220, 280)])
def test_a_ladder_of_pitches_gives_weights_in_order_the_lowest_heaviest(
    ladder_hz: tuple[int, ...], tmp_path: Path
) -> None:
    words = shown(*row_of([at_level(hum(hz, 0.4), -20) for hz in ladder_hz]), tmp_path)
    assert rises([-word.weight for word in words])
    assert {word.size for word in words} == {1.0}


@pytest.mark.parametrize("count", [3, 4, 6, 12, 30])
def test_one_shout_makes_nobody_whisper(count: int, tmp_path: Path) -> None:
    word = spoken("wonderful", "en-gb", tmp_path)
    calm = [at_level(word, -34 + 0.5 * (number % 2)) for number in range(count - 1)]
    shouted = sizes(*row_of([*calm, at_level(word, -12)]), tmp_path)
    assert set(shouted[:-1]) == {1.0}
    assert shouted[-1] > 2


@pytest.mark.parametrize(
    ("bed_db", "starts_at"), [(-40, 0.0), (-30, 0.0), (-25, 0.0), (-30, 0.5), (-25, 0.8)]
)
def test_music_under_even_speech_changes_no_size(bed_db: int, starts_at: float, tmp_path: Path) -> None:
    sound, words = row_of([at_level(spoken("wonderful", "en-gb", tmp_path), -20)] * 15)
    assert set(sizes(sound + music(len(sound), bed_db, starts_at), words, tmp_path)) == {1.0}


def test_a_ladder_over_soft_music_is_one_still(tmp_path: Path) -> None:
    word = spoken("wonderful", "en-gb", tmp_path)
    sound, words = row_of([at_level(word, db) for db in LADDER_DB])
    assert rises(sizes(sound + music(len(sound), -42, 0), words, tmp_path))


def music(count: int, level_db: float, starts_at: float) -> np.ndarray:
    """A chord with a beat, from the share ``starts_at`` of the time on."""
    time_s = np.arange(count) / RATE
    chord = sum(np.sin(2 * np.pi * hz * time_s + hz) * (0.6 + 0.4 * np.sin(4 * np.pi * time_s + hz))
                for hz in (196, 247, 294, 392, 494, 587))  # fmt: skip
    return at_level(chord, level_db) * (time_s >= starts_at * count / RATE)


def test_three_words_that_differ_as_words_do_are_plain_and_a_shout_among_them_is_not(tmp_path: Path) -> None:
    word = spoken("wonderful", "en-gb", tmp_path)

    def said(*levels_db: float) -> list[float]:
        return sizes(*row_of([at_level(word, db) for db in levels_db]), tmp_path)

    assert said(-22, -20, -19) == [1.0, 1.0, 1.0]
    assert said(-20, -20, -8)[:2] == [1.0, 1.0] < said(-20, -20, -8)[1:]
    assert said(-30, -12) == [1.0, 1.0]  # which of the two is the usual one?
    assert said(-12) == [1.0]


def test_korean_words_said_louder_stand_out_and_no_others(tmp_path: Path) -> None:
    louder = {3, 13}
    sounds = [at_level(spoken(text, "ko", tmp_path), -24 + 10 * (number in louder))
              for number, text in enumerate(KOREAN.split())]  # fmt: skip
    words = shown(*row_of(sounds, gap_s=0.05), tmp_path)
    assert {number for number, word in enumerate(words) if stands_out(word)} == louder


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[np.ndarray, list[Word]]]:
    """Each real recording with its true words, timed by forced alignment."""
    folder = tmp_path_factory.mktemp("real")
    return {name: aligned(recording(name, folder), text) for name, text in TRUTH.items()}


def aligned(wav: Path, text: str) -> tuple[np.ndarray, list[Word]]:
    sound = wavfile.read(wav)[1] / 32768
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    decoder.set_align_text(text)
    decoder.start_utt()
    loud = sound / np.abs(sound).max() * 23000 + np.random.default_rng(0).normal(0, 5, len(sound))
    decoder.process_raw(loud.astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    found = [piece for piece in decoder.seg() if piece.word[0] not in "<["]
    return sound, [Word(p.word.split("(")[0], p.start_frame / 100, (p.end_frame + 1) / 100) for p in found]


def test_about_one_word_in_ten_of_real_speech_stands_out(real, tmp_path: Path) -> None:
    words = {name: shown(*recorded, tmp_path) for name, recorded in real.items()}
    every = [word for found in words.values() for word in found]
    assert 0.05 <= sum(map(stands_out, every)) / len(every) <= 0.15
    assert all(0 < sum(map(stands_out, found)) / len(found) < 0.25 for found in words.values())


def test_the_words_that_stand_out_are_those_a_listener_hears(real, tmp_path: Path) -> None:
    kennedy = {word.text: word.size for word in shown(*real["jfk.flac"], tmp_path)}
    assert max(kennedy, key=lambda text: kennedy[text]) == "so"
    assert min(kennedy, key=lambda text: kennedy[text]) == "for"
    austen = {word.text: word.size for word in shown(*real["austen-0870.wav"], tmp_path)}
    assert max(austen, key=lambda text: austen[text]) == "dashwood"


def test_a_real_recording_20_db_lower_has_the_same_sizes(real, tmp_path: Path) -> None:
    for name, (sound, words) in real.items():
        lower = sizes(sound * 0.1, words, tmp_path)
        # The readings have words at -36 dBFS, which come near the noise of 16 bits.
        within = 0 if name == "jfk.flac" else 0.06
        assert lower == pytest.approx(sizes(sound, words, tmp_path), abs=within)
