"""What a file is found to be, and that what cannot be worked on is refused quickly and in plain words."""

from __future__ import annotations

import dataclasses
import json
import resource
import shutil
import time
from fractions import Fraction
from pathlib import Path

import pytest

from ecg.config import Settings
from ecg.errors import InvalidMedia
from ecg.media.probe import Limits, MediaInfo, probe
from tests.media import clips

LIMITS = Limits()


def refusal(path: Path, limits: Limits = LIMITS) -> str:
    """The sentence with which the file is refused, within seconds."""
    start = time.monotonic()
    with pytest.raises(InvalidMedia) as failure:
        probe(path, limits)
    assert time.monotonic() - start < 10
    return failure.value.message


def test_a_plain_video_is_described_in_full(tmp_path: Path):
    path = clips.video(tmp_path / "a.mp4", fps="30000/1001", seconds=1.001)
    info = probe(path, LIMITS)
    assert info == MediaInfo(
        duration_s=pytest.approx(1.001, abs=0.001), has_video=True, has_audio=True,
        size_bytes=path.stat().st_size, container="mov", width=320, height=180, fps=Fraction(30000, 1001),
        vcodec="h264", pix_fmt="yuv420p", key_frame_gap_s=pytest.approx(1.001, abs=0.001), acodec="aac",
        sample_rate=44100, channels=1,
    )  # fmt: skip


def test_what_is_known_survives_json(tmp_path: Path):
    info = probe(clips.video(tmp_path / "a.mp4", picture=("-colorspace", "bt709")), LIMITS)
    assert info.color.space == "bt709"
    assert MediaInfo.from_json(json.loads(json.dumps(info.to_json()))) == info


@pytest.mark.parametrize("suffix", ["mkv", "avi", "ts", "webm"])
def test_every_video_format_gives_the_same_rate_and_length(tmp_path: Path, suffix: str):
    codecs = ("-c:v", "libvpx", "-cpu-used", 8, "-deadline", "realtime", "-c:a", "libopus")
    path = clips.video(
        tmp_path / f"a.{suffix}", seconds=2, codecs=codecs if suffix == "webm" else ("-c:a", "mp3")
    )
    info = probe(path, LIMITS)
    assert (info.fps, info.constant_fps) == (25, True)
    assert info.duration_s == pytest.approx(
        2.0, abs=0.09
    )  # the last frame of sound may reach past the picture


@pytest.mark.parametrize("suffix", ["wav", "mp3", "ogg", "aac"])
def test_sound_alone_is_fine_and_has_no_picture(tmp_path: Path, suffix: str):
    info = probe(clips.sound(tmp_path / f"a.{suffix}", seconds=2), LIMITS)
    assert (info.has_video, info.has_audio, info.width, info.fps) == (False, True, None, None)
    assert info.duration_s == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("suffix", ["mp3", "m4a"])
def test_a_cover_picture_is_no_video(tmp_path: Path, suffix: str):
    info = probe(clips.with_cover(tmp_path / f"a.{suffix}"), LIMITS)
    assert (info.has_video, info.has_audio) == (False, True)


def test_video_without_sound_is_fine(tmp_path: Path):
    info = probe(clips.video(tmp_path / "a.mp4", sound=False), LIMITS)
    assert (info.has_video, info.has_audio, info.acodec) == (True, False, None)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotated_video_has_the_size_it_has_on_screen(tmp_path: Path, degrees: int):
    info = probe(clips.rotated(tmp_path / "a.mp4", degrees), LIMITS)
    assert info.rotation == degrees
    assert (info.width, info.height) == ((320, 180) if degrees == 180 else (180, 320))


def test_pixels_that_are_not_square_count_as_wide_as_they_are_shown(tmp_path: Path):
    info = probe(clips.video(tmp_path / "a.mp4", size="360x288", picture=("-vf", "setsar=16/11")), LIMITS)
    assert (info.width, info.height) == (524, 288)


def test_an_odd_size_is_reported_as_it_is(tmp_path: Path):
    path = clips.video(tmp_path / "a.mp4", picture=clips.ODD)
    info = probe(path, LIMITS)
    assert (info.width, info.height) == (321, 181)


def test_pictures_left_out_leave_the_rate_as_it_is(tmp_path: Path):
    info = probe(clips.variable_rate(tmp_path / "a.mp4"), LIMITS)
    assert info.constant_fps
    assert info.fps == 25


def test_a_rate_that_wanders_is_noticed_and_rounded_up(tmp_path: Path):
    wander = ("-vf", "settb=1/1000,setpts='(N*36+6*sin(N/5)*sin(N/5)*N/4)'", "-fps_mode", "passthrough")
    info = probe(clips.video(tmp_path / "a.mp4", seconds=2, sound=False, picture=wander), LIMITS)
    assert not info.constant_fps
    assert info.fps in {24, 25, Fraction(30000, 1001), 30}


def test_a_slide_show_is_rendered_at_thirty(tmp_path: Path):
    info = probe(clips.video(tmp_path / "a.mp4", fps="1", seconds=3), LIMITS)
    assert (info.fps, info.constant_fps) == (30, False)
    assert info.duration_s == pytest.approx(3.0, abs=0.05)


def test_limits_come_from_the_settings():
    limits = Limits.from_settings(Settings(max_duration_s=7.0, max_pixels=9, max_streams=2))
    assert (limits.max_duration_s, limits.pixels, limits.streams) == (7.0, 9, 2)


NAMES = ['it\'s "quoted".mp4', "two\nlines.mp4", "영상 🎬.mp4", "-i.mp4", "a%d:y,z;[w].mp4"]


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_will_do(tmp_path: Path, clip: Path, name: str):
    (tmp_path / "sub").mkdir()
    shutil.copy(clip, tmp_path / name)
    assert probe(tmp_path / "sub" / ".." / name, LIMITS).has_video


def test_a_relative_name_with_a_leading_dash_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    clips.video(tmp_path / "a.mp4").rename(tmp_path / "-version")
    assert probe(Path("-version"), LIMITS).has_video


# --- refused


def test_a_missing_file_is_refused(tmp_path: Path):
    assert "no such file" in refusal(tmp_path / "none.mp4")


def test_a_folder_is_refused(tmp_path: Path):
    assert "no such file" in refusal(tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path):
    (tmp_path / "a.mp4").touch()
    assert "empty" in refusal(tmp_path / "a.mp4")


def test_a_text_named_mp4_is_refused(tmp_path: Path):
    (tmp_path / "a.mp4").write_text("Dear diary, today I learnt about containers.\n" * 200)
    assert "reads mp4, mov" in refusal(tmp_path / "a.mp4") or "no video" in refusal(tmp_path / "a.mp4")


def test_random_bytes_are_refused(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(bytes((i * 7919) % 251 for i in range(100_000)))
    assert refusal(tmp_path / "a.mp4")


def test_an_mp4_without_its_index_is_called_cut_off(tmp_path: Path):
    data = clips.video(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    assert "cut off" in refusal(tmp_path / "cut.mp4")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "wav"])
def test_a_file_whose_second_half_is_missing_is_called_cut_off(tmp_path: Path, suffix: str):
    path = tmp_path / f"a.{suffix}"
    if suffix == "wav":
        clips.sound(path, seconds=8)
    else:
        clips.video(path, seconds=8, fps="12", picture=("-movflags", "+faststart") if suffix == "mp4" else ())
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    assert "cut off: of its" in refusal(path)


def test_a_clip_that_is_too_short_is_refused(tmp_path: Path):
    assert "lasts 0.20 s; at least 0.5 s" in refusal(
        clips.video(tmp_path / "a.mp4", seconds=0.2, sound=False)
    )


def test_a_clip_that_is_too_long_is_refused(tmp_path: Path):
    limits = dataclasses.replace(LIMITS, max_duration_s=1.0)
    assert "are allowed" in refusal(clips.video(tmp_path / "a.mp4", seconds=2), limits)


def test_a_header_that_lies_about_the_length_is_seen_through(tmp_path: Path):
    path = clips.video(tmp_path / "a.ts", seconds=4, sound=False)
    data = path.read_bytes()
    limits = dataclasses.replace(LIMITS, max_duration_s=3.0)
    assert probe(path, LIMITS).duration_s == pytest.approx(4.0, abs=0.05)
    mp4 = clips.video(tmp_path / "b.mp4", seconds=4, sound=False)
    data = bytearray(mp4.read_bytes())
    for box in (b"mvhd", b"tkhd", b"mdhd", b"elst"):
        _halve_duration(data, box)
    mp4.write_bytes(data)
    assert "are allowed" in refusal(mp4, limits)


def _halve_duration(data: bytearray, box: bytes) -> None:
    """Halve the 32-bit duration in a version-0 box of an mp4; an edit list is turned off."""
    at = data.find(box)
    if box == b"elst":
        data[at : at + 4] = b"free"
        return
    offset = {b"mvhd": 20, b"tkhd": 24, b"mdhd": 20}[box] + at
    data[offset : offset + 4] = (int.from_bytes(data[offset : offset + 4]) // 2).to_bytes(4)


def test_more_bytes_than_allowed_are_refused(clip: Path):
    assert "at most 0 MB" in refusal(clip, dataclasses.replace(LIMITS, size_bytes=1000))


def test_more_streams_than_allowed_are_refused(tmp_path: Path):
    tracks = [part for _ in range(9) for part in ("-f", "lavfi", "-i", "sine=d=1")]
    maps = [part for number in range(9) for part in ("-map", number)]
    clips.ffmpeg(*tracks, *maps, tmp_path / "a.mka")
    assert "9 streams; at most 8" in refusal(tmp_path / "a.mka")


def test_a_frame_rate_beyond_reason_is_refused(tmp_path: Path):
    path = clips.video(tmp_path / "a.mp4", fps="240", size="64x64", sound=False)
    assert "240 frames a second" in refusal(path)


def test_a_codec_that_is_not_known_is_named(tmp_path: Path):
    clips.ffmpeg("-f", "lavfi", "-i", "testsrc2=d=1:s=64x64", "-c:v", "cinepak", tmp_path / "a.avi")
    assert "reads mp4, mov" in refusal(tmp_path / "a.avi")


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{target}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    "<AdaptationSet><Representation><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("own_suffix", [False, True])
def test_a_playlist_is_refused_whatever_its_name(tmp_path: Path, clip: Path, kind: str, own_suffix: bool):
    shutil.copy(clip, tmp_path / "target.mp4")
    suffixes = {"hls": "m3u8", "ffconcat": "ffconcat", "dash": "mpd", "sdp": "sdp"}
    path = tmp_path / f"list.{suffixes[kind] if own_suffix else 'mp4'}"
    path.write_text(PLAYLISTS[kind].format(target="target.mp4"))
    assert refusal(path)


@pytest.mark.parametrize("build", [clips.claims_huge_picture, clips.huge_png])
def test_a_picture_beyond_the_limit_is_refused_without_much_memory(tmp_path: Path, build):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    suffix = "mp4" if build is clips.huge_png else "mov"
    assert refusal(build(tmp_path / f"a.{suffix}"))
    assert max(0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - before) < 200_000


def test_a_video_larger_than_the_limit_is_refused_with_its_size(tmp_path: Path):
    limits = dataclasses.replace(LIMITS, pixels=320 * 180 - 1)
    assert "too large" in refusal(clips.video(tmp_path / "a.mp4"), limits)


def test_a_picture_stretched_beyond_the_limit_by_its_pixels_is_refused(tmp_path: Path):
    path = clips.video(tmp_path / "a.mp4", size="640x360", picture=("-vf", "setsar=1/100"))
    assert "640×36000" in refusal(path)


def test_a_picture_too_small_for_captions_is_refused(tmp_path: Path):
    assert "8×8" in refusal(clips.video(tmp_path / "a.mp4", size="8x8", sound=False))


def test_a_picture_that_does_not_decode_is_refused(tmp_path: Path):
    path = clips.video(tmp_path / "a.mp4", sound=False, picture=("-movflags", "+faststart"))
    data = path.read_bytes()
    start = data.find(b"mdat") + 4
    path.write_bytes(data[:start] + bytes(len(data) - start))
    assert refusal(path)
