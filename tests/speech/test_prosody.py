import numpy as np
import pytest

from ecg.speech.prosody import Tracks, measure
from tests.speech.sounds import RATE, hum, ignore_progress, recording, sine, write

LEVELS_DB = (-45.0, -30.0, -20.0, -12.0, -6.0)
PITCHES_HZ = (80.0, 110.0, 160.0, 220.0, 330.0, 440.0)


def steps(wav, sounds) -> Tracks:
    """Tracks of one-second sounds in a row."""
    return measure(write(wav, np.concatenate(sounds)), ignore_progress)


def middle(tracks, second):
    return tracks.features(second + 0.2, second + 0.8)


def test_levels_are_those_of_the_sound(tmp_path):
    tracks = steps(tmp_path / "levels.wav", [sine(440, level, 1) for level in LEVELS_DB])
    for second, level in enumerate(LEVELS_DB):
        assert middle(tracks, second).volume_db == pytest.approx(level, abs=0.2)


def test_pitches_are_those_of_the_sound(tmp_path):
    tracks = steps(tmp_path / "pitches.wav", [hum(hz, 1) for hz in PITCHES_HZ])
    for second, hz in enumerate(PITCHES_HZ):
        features = middle(tracks, second)
        assert features.pitch_hz == pytest.approx(hz, rel=0.02)
        assert features.voiced_share > 0.9


def test_pitch_is_right_where_long_sound_is_worked_on_in_pieces(tmp_path):
    tracks = measure(write(tmp_path / "long.wav", hum(70, 65)), ignore_progress)
    edges = [tracks.features(at - 0.1, at + 0.1) for at in (30.0, 60.0)]
    assert all(f.pitch_hz == pytest.approx(70, rel=0.02) and f.voiced_share == 1 for f in edges)


def test_the_spectral_centroid_of_a_tone_is_its_frequency(tmp_path):
    tracks = steps(tmp_path / "tones.wav", [sine(hz, -12, 1) for hz in (500, 1000, 3000)])
    for second, hz in enumerate((500, 1000, 3000)):
        assert middle(tracks, second).spectral_centroid == pytest.approx(hz, rel=0.05)


def test_mfcc_tell_sounds_apart_that_are_equally_loud(tmp_path):
    tracks = steps(tmp_path / "tones.wav", [sine(500, -12, 1), sine(500, -12, 1), sine(3000, -12, 1)])
    first, same, other = (np.array(middle(tracks, second).mfcc) for second in range(3))
    assert first.shape == (13,)
    assert np.linalg.norm(first - same) < 0.1 < 1 < np.linalg.norm(first - other)


def test_syllables_are_counted_by_their_swells(tmp_path):
    swells = hum(150, 4) * (0.03 + 0.97 * np.sin(2 * np.pi * 2.5 * np.arange(4 * RATE) / RATE) ** 2)
    tracks = measure(write(tmp_path / "swells.wav", swells), ignore_progress)
    assert tracks.features(0, 4).speaking_rate == pytest.approx(5, abs=0.3)


def test_silence_measures_as_nothing_and_not_as_a_default(tmp_path):
    features = measure(write(tmp_path / "silence.wav", np.zeros(RATE)), ignore_progress).features(0.2, 0.8)
    measured = (features.volume_db, features.pitch_hz, features.spectral_centroid, features.mfcc)
    assert measured == (None, None, None, None)
    assert features.voiced_share == features.speaking_rate == 0


def test_noise_without_a_voice_has_no_pitch(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.05, 2 * RATE)
    features = measure(write(tmp_path / "noise.wav", noise), ignore_progress).features(0, 2)
    assert features.voiced_share < 0.1
    assert features.volume_db == pytest.approx(-26, abs=0.3)


def test_silence_beside_a_sound_does_not_make_it_quieter(tmp_path):
    tracks = steps(tmp_path / "half.wav", [hum(150, 1), np.zeros(RATE)])
    assert tracks.features(0, 2).volume_db == pytest.approx(tracks.features(0, 1).volume_db, abs=0.1)


def test_features_of_real_speech_differ_from_word_to_word(tmp_path):
    tracks = measure(recording("austen-0870.wav", tmp_path), ignore_progress)
    spans = [tracks.features(at, at + 0.5) for at in np.arange(0.5, 6, 0.5)]
    assert np.std([span.volume_db for span in spans]) > 1
    assert len({span.pitch_hz for span in spans}) == len(spans)
    assert 70 < tracks.features(0, 7).pitch_hz < 130
    assert 2.5 < tracks.features(0, 7).speaking_rate < 7


def test_a_span_past_the_end_has_no_features(tmp_path):
    tracks = measure(write(tmp_path / "short.wav", hum(150, 1)), ignore_progress)
    assert tracks.features(1.5, 2.0).volume_db is None
    assert tracks.features(0.9, 5.0).volume_db == pytest.approx(tracks.features(0.9, 1.0).volume_db)


def test_saved_tracks_give_the_same_features(tmp_path):
    tracks = measure(recording("austen-0890.wav", tmp_path), ignore_progress)
    tracks.save(tmp_path / "tracks.npz")
    assert Tracks.load(tmp_path / "tracks.npz").features(1.0, 2.0) == tracks.features(1.0, 2.0)


def test_progress_ends_at_one_and_may_stop_the_work(tmp_path):
    wav, shares = write(tmp_path / "long.wav", hum(150, 65)), []
    measure(wav, shares.append)
    assert len(shares) > 1
    assert shares[-1] == 1.0
    with pytest.raises(ZeroDivisionError):
        measure(wav, lambda share: 1 / 0)
