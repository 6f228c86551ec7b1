"""Sound for the speech engines: format, length by samples, and times that are those of the video."""

from __future__ import annotations

import dataclasses
import wave
from pathlib import Path

import numpy as np
import pytest

from ecg.errors import InvalidMedia
from ecg.media.audio import extract_audio
from ecg.media.probe import Limits
from tests.media import clips

LIMITS = Limits()


def samples(wav: Path) -> np.ndarray:
    with wave.open(str(wav)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


def first_sound_s(wav: Path) -> float:
    return float(np.argmax(np.abs(samples(wav).astype(int)) > 1000)) / 16_000


def test_the_wav_is_sixteen_kilohertz_mono_of_sixteen_bits(tmp_path: Path):
    source = clips.video(tmp_path / "a.mp4", seconds=2, codecs=("-ac", 2, "-ar", 48000, "-c:a", "aac"))
    seconds = extract_audio(source, tmp_path / "a.wav", LIMITS)
    with wave.open(str(tmp_path / "a.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        assert seconds == sound.getnframes() / 16_000 == pytest.approx(2.0, abs=0.05)


def test_progress_ends_at_one(tmp_path: Path):
    seen: list[float] = []
    extract_audio(clips.video(tmp_path / "a.mp4"), tmp_path / "a.wav", LIMITS, seen.append)
    assert seen[-1] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("offset_s", [0.0, 0.7])
def test_a_beep_is_heard_at_the_time_its_flash_is_seen(tmp_path: Path, offset_s: float):
    source = clips.beep(tmp_path / "a.mp4", at_s=1.2, shift_s=offset_s)
    extract_audio(source, tmp_path / "a.wav", LIMITS)
    assert first_sound_s(tmp_path / "a.wav") == pytest.approx(1.2, abs=0.01)


def test_a_file_that_starts_at_a_late_time_keeps_its_beeps_in_place(tmp_path: Path):
    plain = clips.beep(tmp_path / "a.mp4", at_s=0.8)
    clips.ffmpeg("-i", plain, "-c", "copy", "-output_ts_offset", 100, tmp_path / "late.ts")
    extract_audio(tmp_path / "late.ts", tmp_path / "a.wav", LIMITS)
    assert first_sound_s(tmp_path / "a.wav") == pytest.approx(0.8, abs=0.05)


def test_a_video_without_sound_is_refused_in_plain_words(tmp_path: Path):
    with pytest.raises(InvalidMedia, match="has no sound track"):
        extract_audio(clips.video(tmp_path / "a.mp4", sound=False), tmp_path / "a.wav", LIMITS)


def test_the_sound_of_a_file_with_a_cover_is_extracted(tmp_path: Path):
    assert extract_audio(clips.with_cover(tmp_path / "a.mp3"), tmp_path / "a.wav", LIMITS) > 0.9


def test_more_sound_than_allowed_is_refused_and_does_not_fill_the_disk(tmp_path: Path):
    limits = dataclasses.replace(LIMITS, max_duration_s=1.0)
    with pytest.raises(InvalidMedia, match="longer than"):
        extract_audio(clips.sound(tmp_path / "a.mp3", seconds=20), tmp_path / "a.wav", limits)
    assert (tmp_path / "a.wav").stat().st_size < 70_000


def test_sound_that_does_not_decode_is_refused(tmp_path: Path):
    path = clips.sound(tmp_path / "a.flac", seconds=2)
    data = path.read_bytes()
    path.write_bytes(data[:8192] + bytes(len(data) - 8192))
    with pytest.raises(InvalidMedia):
        extract_audio(path, tmp_path / "a.wav", LIMITS)
