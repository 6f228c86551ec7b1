"""Pitch and loudness against what is known: tones, glides, and another method on real speech."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from ecg.speech.prosody import Tracks, measure
from ecg.speech.waveform import read_wav
from tests.speech.sounds import RATE, hum, ignore_progress, recording, sine, write

HOP = RATE // 100
MOST_CENTS, MOST_DB = 20.0, 0.5
#: A frame is grossly wrong where the two methods differ by more than a fifth.
GROSS, MOST_GROSS = 0.2, 0.03
# YIN, de Cheveigné & Kawahara 2002
WINDOW, LONGEST, SHORTEST, THRESHOLD = 640, 267, 26, 0.15


def cents(found_hz: np.ndarray, true_hz: np.ndarray | float) -> np.ndarray:
    return np.abs(1200 * np.log2(found_hz / true_hz))


def glide(first_hz: float, last_hz: float, duration_s: float) -> tuple[np.ndarray, np.ndarray]:
    """A voice that slides evenly, with a moment of rest at both ends; and its pitch in Hz, by sample."""
    time_s = np.arange(round((duration_s + 0.4) * RATE)) / RATE
    share = np.clip((time_s - 0.2) / duration_s, 0, 1)
    hz = first_hz * (last_hz / first_hz) ** share
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return 0.1 * sum(np.sin(n * phase) / n for n in range(1, 9)), hz


def yin(sound: np.ndarray) -> np.ndarray:
    """F0 of each frame in Hz, 0 where unvoiced: the first dip of YIN's normalised difference."""
    count, reach = len(sound) // HOP, WINDOW + LONGEST
    padded = np.pad(sound, (reach // 2, reach))
    frames = np.lib.stride_tricks.sliding_window_view(padded, reach)[HOP // 2 :: HOP][:count]
    size = 2048
    spectrum = np.fft.rfft(frames, size) * np.conj(np.fft.rfft(frames[:, :WINDOW], size))
    energy = np.pad(np.cumsum(frames**2, axis=1), ((0, 0), (1, 0)))
    own = energy[:, WINDOW:] - energy[:, : LONGEST + 1]
    difference = np.maximum(own[:, :1] + own - 2 * np.fft.irfft(spectrum, size)[:, : LONGEST + 1], 0)
    mean = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, LONGEST + 1)
    normal = np.pad(difference[:, 1:] / np.maximum(mean, 1e-12), ((0, 0), (1, 0)), constant_values=1)
    return np.array([_first_dip(row) for row in normal])


def _first_dip(row: np.ndarray) -> float:
    below = np.flatnonzero(row[SHORTEST : LONGEST - 1] < THRESHOLD)
    if not len(below):
        return 0.0
    lag = SHORTEST + below[0]
    while lag + 1 < LONGEST and row[lag + 1] < row[lag]:
        lag += 1
    left, middle, right = row[lag - 1 : lag + 2]
    bend = left - 2 * middle + right
    return RATE / (lag + ((left - right) / (2 * bend) if bend > 0 else 0.0))


@pytest.mark.parametrize("make", [hum, lambda hz, duration_s: sine(hz, -20, duration_s)], ids=["hum", "sine"])
def test_the_pitch_of_a_tone_is_right_within_20_cents_in_every_frame(make, tmp_path):
    for hz in (65.0, 80.0, 120.0, 200.0, 330.0, 500.0, 580.0):
        f0_hz = measure(write(tmp_path / "tone.wav", make(hz, 1)), ignore_progress).f0_hz[10:-10]
        assert (f0_hz > 0).all(), hz
        assert cents(f0_hz, hz).max() < MOST_CENTS, hz


@pytest.mark.parametrize(("first_hz", "last_hz", "duration_s"), [(100, 200, 1), (200, 100, 0.5), (80, 320, 2),
                                                                 (300, 450, 0.3)])  # fmt: skip
def test_a_gliding_pitch_is_followed_within_20_cents_at_the_middle_of_each_frame(
    first_hz, last_hz, duration_s, tmp_path
):
    sound, true_hz = glide(first_hz, last_hz, duration_s)
    f0_hz = measure(write(tmp_path / "glide.wav", sound), ignore_progress).f0_hz
    inside = np.arange(5, len(f0_hz) - 5)
    assert (f0_hz[inside] > 0).all()
    off = cents(f0_hz[inside], true_hz[inside * HOP + HOP // 2])
    assert off.max() < MOST_CENTS
    # A grid that is off by half a frame would show here.
    assert np.median(off) < 2


def test_loudness_is_right_within_half_a_decibel_at_every_level(tmp_path):
    for level_db in (-60.0, -40.0, -20.0, -10.0, -4.0):
        for make in (lambda level: sine(300, level, 1), lambda level: noise(level)):
            tracks = measure(write(tmp_path / "level.wav", make(level_db)), ignore_progress)
            assert tracks.features(0.1, 0.9).volume_db == pytest.approx(level_db, abs=MOST_DB)


def noise(level_db: float) -> np.ndarray:
    # even, not normal: its peaks stay inside full scale
    return 10 ** (level_db / 20) * np.sqrt(3) * np.random.default_rng(1).uniform(-1, 1, RATE)


def test_loudness_follows_a_swell_within_half_a_decibel(tmp_path):
    level_db = np.linspace(-40, -6, 2 * RATE)
    tracks = measure(write(tmp_path / "swell.wav", sine(400, 0, 2) * 10 ** (level_db / 20)), ignore_progress)
    off = tracks.level_db - level_db[HOP // 2 :: HOP]
    assert np.abs(off[2:-2]).max() < MOST_DB


@pytest.mark.parametrize(
    ("name", "fewest"), [("austen-0870.wav", 180), ("austen-0890.wav", 90), ("jfk.flac", 60)]
)
def test_another_method_agrees_on_the_pitch_of_real_speech(name, fewest, tmp_path):
    wav = recording(name, tmp_path)
    tracks, other_hz = measure(wav, ignore_progress), yin(read_wav(wav) / 32768)
    f0_hz = (tracks.f0_hz * tracks.voiced)[: len(other_hz)]
    both = (f0_hz > 0) & (other_hz > 0)
    assert both.sum() > fewest
    assert np.mean(np.abs(f0_hz[both] / other_hz[both] - 1) > GROSS) <= MOST_GROSS


def test_sums_over_three_hours_take_no_second_copy(tmp_path):
    count = 3 * 360_000
    tracks = Tracks(*(np.ones(count, np.float32) for _ in range(3)), np.ones((count, 13), np.float32))
    tracemalloc.start()
    tracks.features(0, 1)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1.6 * count * 19 * 8
