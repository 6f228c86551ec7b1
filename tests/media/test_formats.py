"""Every format a render can be, and captions alone, to be laid over the video by someone else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ecg.errors import BadRequest
from ecg.media.encode import KEY_FRAME_EVERY, burn_command
from ecg.media.formats import MOV_OVERLAY, WEBM_OVERLAY, Format, format_named
from ecg.media.overlay import OverlaySpec
from ecg.media.probe import Limits, probe
from tests.media import clips
from tests.media.renders import render
from tests.media.test_encode import TAGS
from tests.media.test_join import beep_s, flash_s

LIMITS = Limits()
FPS = Fraction(25)
OVERLAY = OverlaySpec(90, 20, 160, 80, FPS)


@pytest.mark.parametrize("container", ["avi", "MP4", ""])
def test_a_container_nobody_writes_is_refused_by_name(container: str):
    with pytest.raises(
        BadRequest, match=f"'{container}' is no container ECG writes; use one of mp4, mov, webm"
    ):
        format_named(container)


def test_a_transparent_mp4_is_refused_with_the_two_that_can_be():
    with pytest.raises(BadRequest, match=r"mp4 cannot hold a transparent picture; use mov .* or webm"):
        format_named("mp4", transparent=True)


@pytest.mark.parametrize(("container", "codecs"), [
    ("mp4", ("mov", "h264", "aac")), ("mov", ("mov", "h264", "aac")), ("webm", ("matroska", "vp9", "opus")),
])  # fmt: skip
def test_each_container_holds_what_players_expect_in_it(
    tmp_path: Path, clip: Path, container: str, codecs: tuple[str, ...]
):
    out = render(clip, tmp_path / f"o.{container}", chunks=2)
    info = probe(out, LIMITS)
    assert (info.container, info.vcodec, info.acodec) == codecs
    assert info.pix_fmt == "yuv420p"
    assert clips.stamps_s(out) == pytest.approx([number / 25 for number in range(25)], abs=1e-3)
    if container != "webm":
        data = out.read_bytes()
        assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_vorbis_is_copied_into_webm(tmp_path: Path):
    source = clips.video(tmp_path / "a.mkv", codecs=("-c:a", "libvorbis"))
    out = render(source, tmp_path / "o.webm")
    assert clips.packets_md5(out, "a:0") == clips.packets_md5(source, "a:0")


def test_in_webm_the_picture_begins_at_once_also_where_the_sound_of_the_source_is_first(tmp_path: Path):
    # In Matroska AAC begins 21 ms early: more than a frame, and not a whole number of them.
    source = clips.counter(tmp_path / "a.mkv", frames=50, fps="60", picture=("-c:a", "aac"))
    assert clips.stamps_s(render(source, tmp_path / "o.webm"))[0] == 0.0


@pytest.mark.parametrize("codec", ["aac", "libopus"])
def test_in_webm_flash_and_beep_stay_together_and_the_picture_begins_at_once(tmp_path: Path, codec: str):
    source = clips.beep(tmp_path / "a.mkv", at_s=1.2, codec=codec)
    out = render(source, tmp_path / "o.webm", chunks=2)
    assert clips.stamps_s(out)[0] == 0.0
    apart = beep_s(out, tmp_path) - flash_s(out)
    # Whole milliseconds, and Opus in webm whose lead one ffmpeg counts and another does not.
    assert apart == pytest.approx(beep_s(source, tmp_path) - flash_s(source), abs=0.008)


@pytest.mark.parametrize("format", [format_named("webm"), WEBM_OVERLAY], ids=["opaque", "transparent"])
def test_whole_milliseconds_do_not_add_up_over_the_chunks_of_a_webm(tmp_path: Path, format: Format):
    # 7 frames of 1001/30000 s are 233.57 ms.
    source = clips.counter(tmp_path / "a.mp4", frames=49, fps="30000/1001")
    out = render(source, tmp_path / "o.webm", chunks=7, format=format)
    expected = [number * 1001 / 30000 for number in range(49)]
    assert clips.stamps_s(out) == pytest.approx(expected, abs=0.0016)


# --- captions alone


def captions(first: int) -> Iterator[memoryview]:
    """A yellow lens, opaque in its middle and clear outside, that wanders to the right."""
    y, x = np.mgrid[0 : OVERLAY.height, 0 : OVERLAY.width]
    number = first
    while True:
        away = np.hypot(x - 50 - 2 * (number % 30), y - 40)
        alpha = np.clip((36 - away) * 25, 0, 255).astype(np.uint8)
        frame = np.zeros((OVERLAY.height, OVERLAY.width, 4), np.uint8)
        frame[alpha > 0, :3] = (255, 212, 0)
        frame[..., 3] = alpha
        yield memoryview(frame)
        number += 1


def decoder(path: Path) -> list[object]:
    """ffmpeg's own decoder of VP9 drops the alpha channel."""
    return ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []


def alphas(path: Path) -> np.ndarray:
    """The alpha channel of every picture: frames × height × width."""
    raw = clips.ffmpeg(*decoder(path), "-i", path, "-vf", "format=yuva420p,alphaextract",
                       "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-")  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(-1, 180, 320)


def laid_over(source: Path, overlay: Path) -> np.ndarray:
    """All pictures of the source with the overlay on it, by ffmpeg alone: frames × 8-bit YUV."""
    return _pictures("-i", source, *decoder(overlay), "-i", overlay, "-filter_complex",
                     "[1:v]format=yuva420p[c];[0:v][c]overlay=format=yuv420")  # fmt: skip


def _pictures(*given: object) -> np.ndarray:
    raw = clips.ffmpeg(*given, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, 180 * 320 * 3 // 2).astype(float)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with sound, in BT.709 as captions alone are."""
    return clips.video(tmp_path_factory.mktemp("tagged") / "a.mp4", seconds=2, picture=TAGS)


OVERLAYS = {"mov": (MOV_OVERLAY, "prores"), "webm": (WEBM_OVERLAY, "vp9")}


@pytest.mark.parametrize(("format", "codec"), OVERLAYS.values(), ids=OVERLAYS)
def test_captions_alone_laid_over_the_source_give_the_burnt_picture(
    tmp_path: Path, tagged: Path, format: Format, codec: str
):
    out = tmp_path / f"captions{format.suffix}"
    render(tagged, out, chunks=3, format=format, frames_from=captions, overlay=OVERLAY, quality=90)
    info = probe(out, LIMITS)
    assert (info.vcodec, info.has_audio, info.fps) == (codec, False, 25)
    assert (info.width, info.height, info.color.space) == (320, 180, "bt709")
    assert info.duration_s == pytest.approx(probe(tagged, LIMITS).duration_s, abs=0.041)

    burnt = render(tagged, tmp_path / "burnt.mp4", frames_from=captions, overlay=OVERLAY, quality=100)
    theirs, ours = laid_over(tagged, out), _pictures("-i", burnt)
    assert len(theirs) == len(ours) == 50
    psnr = 10 * np.log10(255**2 / ((theirs - ours) ** 2).mean(axis=1))
    assert psnr.min() > 45
    for a, b in zip(_inside_the_lens(theirs[10]), _inside_the_lens(ours[10]), strict=True):
        assert a == pytest.approx(b, abs=1.5)


def _inside_the_lens(picture: np.ndarray) -> list[float]:
    """Mean brightness, blue and red difference of the middle of the caption of frame 10."""
    luma, blue, red = np.split(picture, np.cumsum([4, 1]) * (320 * 180 // 4))
    x, y = OVERLAY.x + 50 + 20, OVERLAY.y + 40
    fine = luma.reshape(180, 320)[y - 16 : y + 16, x - 16 : x + 16]
    coarse = [
        plane.reshape(90, 160)[y // 2 - 8 : y // 2 + 8, x // 2 - 8 : x // 2 + 8] for plane in (blue, red)
    ]
    return [float(part.mean()) for part in (fine, *coarse)]


@pytest.mark.parametrize("format", [MOV_OVERLAY, WEBM_OVERLAY], ids=["mov", "webm"])
def test_captions_alone_are_clear_outside_their_box_and_opaque_inside(
    tmp_path: Path, tagged: Path, format: Format
):
    out = tmp_path / f"o{format.suffix}"
    alpha = alphas(render(tagged, out, chunks=2, format=format, frames_from=captions, overlay=OVERLAY))
    assert alpha.shape == (50, 180, 320)
    outside = alpha.copy()
    outside[:, OVERLAY.y : OVERLAY.y + OVERLAY.height, OVERLAY.x : OVERLAY.x + OVERLAY.width] = 0
    assert outside.max() <= 4
    for number in (0, 20, 24, 25, 49):
        wanted = np.asarray(next(captions(number)))[..., 3]
        box = alpha[number, OVERLAY.y : OVERLAY.y + OVERLAY.height, OVERLAY.x : OVERLAY.x + OVERLAY.width]
        assert np.abs(box.astype(int) - wanted).mean() < 3


def test_prores_is_4444_and_every_picture_a_key_frame(tmp_path: Path, tagged: Path):
    out = render(tagged, tmp_path / "o.mov", format=MOV_OVERLAY, frames_from=captions, overlay=OVERLAY)
    assert _of_stream(out, "codec_tag_string,profile,pix_fmt") == "4444,ap4h,yuva444p12le"
    command = ["ffprobe", "-v", "error", "-show_entries", "packet=flags", "-of", "csv=p=0", str(out)]
    flags = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert all("K" in flag for flag in flags)


def test_webm_says_that_it_has_an_alpha_channel(tmp_path: Path, tagged: Path):
    out = render(tagged, tmp_path / "o.webm", format=WEBM_OVERLAY, frames_from=captions, overlay=OVERLAY)
    assert _of_stream(out, "stream_tags=alpha_mode") == "1"


def _of_stream(path: Path, entries: str) -> str:
    asked = entries if "=" in entries else f"stream={entries}"
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", asked, "-of", "csv=p=0",
               str(path)]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_captions_alone_in_webm_have_key_frames_on_the_same_grid(clip: Path):
    argv = burn_command(
        clip, Path("o.webm"), info=probe(clip, LIMITS), overlay=OVERLAY, encoder="libx264", size=(320, 180),
        fps=FPS, quality=75, preset="veryfast", first=500, count=10, background="black", format=WEBM_OVERLAY,
    )  # fmt: skip
    assert argv[argv.index("-force_key_frames") + 1] == f"expr:not(mod(n+500,{KEY_FRAME_EVERY}))"
    assert str(clip) not in " ".join(argv)
