"""Chunks joined: no seam, the source's own sound, in time, ready to be streamed."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from ecg.errors import BadRequest
from ecg.media.audio import extract_audio
from ecg.media.frames import frames_at
from ecg.media.join import join
from ecg.media.probe import Limits, probe
from tests.media import clips
from tests.media.renders import burn_all, render

LIMITS = Limits()


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "aac"), ("mkv", "mp3"), ("mkv", "libopus"), ("mov", "alac")]
)
def test_sound_the_container_can_hold_is_copied_bit_for_bit(tmp_path: Path, suffix: str, codec: str):
    source = clips.video(tmp_path / f"a.{suffix}", codecs=("-c:a", codec, "-ar", 48000))
    out = render(source, tmp_path / "o.mp4", chunks=2)
    assert probe(out, LIMITS).acodec == probe(source, LIMITS).acodec
    assert clips.packets_md5(out, "a:0") == clips.packets_md5(source, "a:0")


@pytest.mark.parametrize(("suffix", "codec"), [("mov", "pcm_s16le"), ("mkv", "libvorbis"), ("mkv", "flac")])
def test_sound_the_container_cannot_hold_becomes_aac(tmp_path: Path, suffix: str, codec: str):
    source = clips.video(tmp_path / f"a.{suffix}", codecs=("-c:a", codec, "-ar", 44100))
    info = probe(render(source, tmp_path / "o.mp4"), LIMITS)
    assert (info.acodec, info.sample_rate) == ("aac", 44100)


def test_sound_of_a_transport_stream_is_copied_into_mp4(tmp_path: Path):
    out = render(clips.video(tmp_path / "a.ts"), tmp_path / "o.mp4")
    assert probe(out, LIMITS).acodec == "aac"
    assert extract_audio(out, tmp_path / "o.wav", LIMITS) == pytest.approx(1.0, abs=0.08)


def test_a_video_without_sound_stays_without(tmp_path: Path):
    assert not probe(
        render(clips.video(tmp_path / "a.mp4", sound=False), tmp_path / "o.mp4"), LIMITS
    ).has_audio


@pytest.mark.parametrize(
    ("suffix", "how"),
    [("mp4", {}), ("mkv", {"codecs": ("-c:a", "mp3")}), ("mov", {"codecs": ("-c:a", "pcm_s16le")}),
     ("ts", {}), ("mp4", {"sound": False})],
)  # fmt: skip
def test_a_video_of_one_chunk_is_finished_at_once_as_joining_would(tmp_path: Path, suffix: str, how: dict):
    source = clips.video(tmp_path / f"a.{suffix}", **how)
    joined = render(source, tmp_path / "joined.mp4")
    at_once = burn_all(source, tmp_path / "at-once.mp4", finished=True)
    assert clips.pictures_md5(at_once) == clips.pictures_md5(joined)
    assert clips.stamps_s(at_once) == clips.stamps_s(joined)
    assert probe(at_once, LIMITS).has_audio == how.get("sound", True)
    if how.get("sound", True):
        assert clips.packets_md5(at_once, "a:0") == clips.packets_md5(joined, "a:0")
        # Of a joined mp4 the sound begins at a whole millisecond.
        assert clips.stamps_s(at_once, "a:0") == pytest.approx(clips.stamps_s(joined, "a:0"), abs=0.001)
    assert at_once.read_bytes().index(b"moov") < at_once.read_bytes().index(b"mdat")


def flash_s(path: Path) -> float:
    """When the first bright picture is shown."""
    levels = clips.ffmpeg("-i", path, "-map", "0:v:0", "-vf", "scale=1:1:flags=area,format=gray",
                          "-fps_mode", "passthrough", "-f", "rawvideo", "-")  # fmt: skip
    start_s = min(clips.stamps_s(path)[0], clips.stamps_s(path, "a:0")[0]) if path.suffix == ".ts" else 0.0
    return clips.stamps_s(path)[next(n for n, level in enumerate(levels) if level > 200)] - start_s


def beep_s(path: Path, tmp_path: Path) -> float:
    """When the first loud sample is heard."""
    extract_audio(path, tmp_path / "o.wav", LIMITS)
    with wave.open(str(tmp_path / "o.wav")) as sound:
        loud = np.abs(np.frombuffer(sound.readframes(sound.getnframes()), np.int16).astype(int)) > 2000
    return float(np.argmax(loud)) / 16_000


@pytest.mark.parametrize(
    ("suffix", "offset_s", "codec"),
    [("mp4", 0.6, "aac"), ("mkv", 0.0, "aac"), ("ts", 0.6, "aac"), ("ts", 0.6, "mp2")],
)
def test_flash_and_beep_stay_together(tmp_path: Path, suffix: str, offset_s: float, codec: str):
    source = clips.beep(tmp_path / f"a.{suffix}", at_s=1.2, shift_s=offset_s, codec=codec)
    out = render(source, tmp_path / "o.mp4", chunks=2)
    apart = beep_s(out, tmp_path) - flash_s(out)
    assert apart == pytest.approx(beep_s(source, tmp_path) - flash_s(source), abs=0.004)
    assert abs(apart) < 0.03
    assert flash_s(out) == pytest.approx(flash_s(source), abs=0.021)  # half a frame: the grid


def test_the_index_comes_first_so_that_playing_starts_at_once(tmp_path: Path, clip: Path):
    data = render(clip, tmp_path / "o.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_where_a_video_was_taken_is_not_passed_on(tmp_path: Path):
    source = clips.video(tmp_path / "a.mov", picture=("-metadata", "location=+37.5665+126.9780/"))
    assert "location" in clips.tags(source)
    assert "location" not in clips.tags(render(source, tmp_path / "o.mp4"))


def test_a_seam_does_not_show(tmp_path: Path, clip: Path):
    whole, cut = (render(clip, tmp_path / f"{n}.mp4", chunks=n, quality=100) for n in (1, 2))
    for a, b in zip(*(frames_at(path, [0.46, 0.5, 0.54]) for path in (whole, cut)), strict=True):
        assert np.abs(a.astype(int) - b).mean() < 1.5


@pytest.mark.parametrize("name", ["it's\n한글 🎬.mp4", "-o.mp4"])
def test_any_file_name_will_do_for_every_part(tmp_path: Path, clip: Path, name: str):
    folder = tmp_path / name.removesuffix(".mp4")
    folder.mkdir()
    source = folder / name
    source.write_bytes(clip.read_bytes())
    assert probe(render(source, folder / f"out {name}", chunks=2), LIMITS).has_audio


def test_mov_is_written_when_asked_for(tmp_path: Path, clip: Path):
    assert probe(render(clip, tmp_path / "o.mov"), LIMITS).acodec == "aac"


def test_webm_is_written_with_codecs_it_knows(tmp_path: Path, clip: Path):
    out = render(clip, tmp_path / "o.webm", chunks=2)
    info = probe(out, LIMITS)
    assert (info.container, info.vcodec, info.acodec) == ("matroska", "vp9", "opus")
    assert info.duration_s == pytest.approx(1.0, abs=0.05)


def test_another_container_is_refused_by_name(tmp_path: Path, clip: Path):
    with pytest.raises(BadRequest, match="'avi' is no container"):
        render(clip, tmp_path / "o.avi")


def test_progress_reaches_one(tmp_path: Path, clip: Path):
    info, seen = probe(clip, LIMITS), []
    whole = burn_all(clip, tmp_path / "1.mp4", info=info)
    join([whole], clip, tmp_path / "o.mp4", info, info.fps, on_progress=seen.append)
    assert seen[-1] == pytest.approx(1.0, abs=0.05)
