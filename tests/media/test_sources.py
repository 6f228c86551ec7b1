"""Sources that are not plain: HDR, Dolby Vision, interlaced, many channels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ecg.errors import EngineUnavailable, InvalidMedia
from ecg.media import hdr
from ecg.media.frames import decode_frame
from ecg.media.probe import Limits, MediaInfo, probe
from tests.media import clips
from tests.media.renders import YELLOW, burn_all, render

LIMITS = Limits()


# --- HDR


def pq(nits: float) -> float:
    """The PQ signal 0..1 for a brightness in cd/m² (SMPTE ST 2084)."""
    y = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def hdr_clip(path: Path, transfer: str, signals: list[float]) -> Path:
    """Vertical grey bands, 80 pixels wide, of these signals 0..1, 10 bits, tagged BT.2020."""
    levels = [round(64 + 876 * signal) for signal in signals]
    chosen = "+".join(f"{level}*eq(floor(X/80),{number})" for number, level in enumerate(levels))
    clips.ffmpeg(
        "-f", "lavfi", "-i", f"color=s={80 * len(levels)}x180:r=10:d=0.6", "-f", "lavfi", "-i", "sine=d=0.6",
        "-vf", f"format=yuv420p10le,geq=lum='{chosen}':cb=512:cr=512",
        "-c:v", "libx264", "-preset", "ultrafast", "-crf", 4, "-color_trc", transfer,
        "-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_range", "tv", path,
    )  # fmt: skip
    return path


def greys(picture: np.ndarray, count: int) -> list[float]:
    assert np.abs(np.diff(picture[150:170].astype(int), axis=2)).max() < 6
    return [float(picture[150:170, 80 * n + 20 : 80 * n + 60].mean()) for n in range(count)]


def shown_as(light: float) -> float:
    """The 8-bit grey that an SDR screen shows as a share 0..1 of its brightest (BT.1886)."""
    return 255 * light ** (1 / 2.4)


def test_hdr_in_pq_becomes_sdr_whose_white_is_white_and_whose_shadows_stay(tmp_path: Path):
    source = hdr_clip(tmp_path / "a.mp4", "smpte2084", [pq(n) for n in (0, 20, 50, 203, 1000)])
    black, dark, grey, white, brightest = greys(decode_frame(burn_all(source, tmp_path / "o.mp4"), 0.3), 5)
    assert black < 4
    assert dark == pytest.approx(shown_as(20 / 203), abs=6)
    assert grey == pytest.approx(shown_as(50 / 203), abs=6)
    assert 195 < white < 230
    assert brightest > 245


def test_hdr_in_hlg_becomes_sdr(tmp_path: Path):
    source = hdr_clip(tmp_path / "a.mp4", "arib-std-b67", [0, 0.5, 0.75, 1])
    black, grey, white, brightest = greys(decode_frame(burn_all(source, tmp_path / "o.mp4"), 0.3), 4)
    assert black < 4
    assert 90 < grey < 150
    assert 195 < white < 230
    assert brightest > 245


@pytest.mark.parametrize("options", [{}, {"size": (180, 320), "layout": "blur"}, {"size": (160, 90)}])
def test_the_result_of_hdr_says_that_it_is_sdr_and_captions_keep_their_colour(tmp_path: Path, options: dict):
    source = hdr_clip(tmp_path / "a.mp4", "smpte2084", [0.2, 0.4, 0.5, 0.55])
    out = render(source, tmp_path / "o.mp4", rgba=(*YELLOW, 255), quality=100, **options)
    info = probe(out, LIMITS)
    assert (info.color.primaries, info.color.transfer, info.color.space) == ("bt709",) * 3
    assert info.pix_fmt == "yuv420p"
    assert np.abs(decode_frame(out, 0.3, (100, 30, 40, 20)).astype(int) - YELLOW).max() < 12


def test_an_ffmpeg_that_cannot_do_hdr_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = hdr_clip(tmp_path / "a.mp4", "smpte2084", [0.2, 0.4, 0.5, 0.55])
    info = probe(source, LIMITS)
    old = tmp_path / "bin" / "ffmpeg"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho \"No such filter: 'zscale'\" >&2\nexit 1\n")
    old.chmod(0o755)
    hdr._problem.cache_clear()
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
        with pytest.raises(EngineUnavailable, match=r"HDR, and this ffmpeg cannot .*zscale.*No such filter"):
            burn_all(source, tmp_path / "o.mp4", info=info)
    hdr._problem.cache_clear()


def with_dolby_vision(path: Path, profile: int) -> Path:
    """A clip whose header says Dolby Vision: its box about bit rates is renamed and filled anew."""
    data = bytearray(clips.video(path).read_bytes())
    at = data.index(b"btrt")
    flags = (profile << 9 | 6 << 3 | 0b101).to_bytes(2)
    data[at : at + 16] = b"dvcC" + b"\x01\x00" + flags + b"\x10" + bytes(7)
    path.write_bytes(data)
    return path


def test_dolby_vision_without_another_picture_is_refused_with_the_reason(tmp_path: Path):
    with pytest.raises(InvalidMedia, match=r"Dolby Vision profile 5.*export it in SDR"):
        probe(with_dolby_vision(tmp_path / "a.mp4", 5), LIMITS)


def test_dolby_vision_on_top_of_a_plain_picture_is_read_as_that(tmp_path: Path):
    assert probe(with_dolby_vision(tmp_path / "a.mp4", 8), LIMITS).has_video


# --- interlaced


def interlaced(path: Path, first: str = "top") -> Path:
    """25 pictures a second of two fields each, in which everything moves from field to field."""
    clips.ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=320x180:r=50:d=2,scroll=h=0.02", "-f", "lavfi", "-i", "sine=d=2",
        "-vf", f"tinterlace=interleave_{first}", "-r", 25, "-flags", "+ildct+ilme", "-x264-params",
        "tff=1" if first == "top" else "bff=1", "-c:v", "libx264", "-preset", "ultrafast", "-crf", 8,
        "-pix_fmt", "yuv420p", "-g", 12, path,
    )  # fmt: skip
    return path


def combing(picture: np.ndarray) -> float:
    """How much every second line differs from its neighbours."""
    lines = picture[:, :, 1].astype(int)
    return float(np.abs(2 * lines[1:-1] - lines[:-2] - lines[2:]).mean())


@pytest.mark.parametrize(("first", "name"), [("top", "a.mp4"), ("bottom", "a.mp4"), ("top", "a.ts")])
def test_fields_become_whole_pictures_at_the_same_rate(tmp_path: Path, first: str, name: str):
    source = interlaced(tmp_path / name, first)
    info = probe(source, LIMITS)
    assert (info.interlaced, info.fps) == (True, 25)
    out = render(source, tmp_path / "o.mp4", quality=100)
    made = probe(out, LIMITS)
    assert (made.interlaced, made.fps) == (False, 25)
    assert made.duration_s == pytest.approx(info.duration_s, abs=0.041)
    progressive = clips.video(tmp_path / "p.mp4", seconds=1)
    assert combing(decode_frame(source, 1.0)) > 2 * combing(decode_frame(progressive, 0.5))
    assert combing(decode_frame(out, 1.0)) < 0.5 * combing(decode_frame(source, 1.0))


def test_fields_become_the_same_pictures_in_every_chunk(tmp_path: Path):
    source = interlaced(tmp_path / "a.mp4")
    whole, cut = (render(source, tmp_path / f"{n}.mp4", chunks=n, quality=100) for n in (1, 4))
    # Frame 12 is a key frame of the source, and the first of a chunk.
    for number in (12, 13, 25, 38):
        a, b = (decode_frame(path, (number + 0.2) / 25).astype(int) for path in (whole, cut))
        assert np.abs(a - b).max() < 40


def test_a_progressive_source_is_left_as_it_is(clip: Path):
    assert not probe(clip, LIMITS).interlaced


def test_what_was_stored_before_there_was_a_word_for_interlaced_can_be_read(clip: Path):
    info = probe(clip, LIMITS)
    stored = info.to_json()
    del stored["interlaced"]
    assert MediaInfo.from_json(stored) == info


# --- sound


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_surround_sound_is_copied(tmp_path: Path, suffix: str):
    source = clips.video(tmp_path / "a.mp4", codecs=("-c:a", "aac", "-ac", 6))
    out = render(source, tmp_path / f"o.{suffix}")
    assert probe(out, LIMITS).channels == 6
    assert clips.packets_md5(out, "a:0") == clips.packets_md5(source, "a:0")


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("out", "codec"), [("o.webm", "opus"), ("o.mp4", "aac")])
def test_sound_that_is_encoded_anew_keeps_its_channels(tmp_path: Path, out: str, codec: str, channels: int):
    # ac3 has its surround speakers at the sides, where Opus knows none.
    how = ("-c:a", "ac3" if out == "o.webm" else "flac", "-ac", channels)
    source = clips.video(tmp_path / "a.mkv", codecs=how)
    info = probe(render(source, tmp_path / out), LIMITS)
    assert (info.acodec, info.channels) == (codec, channels)
