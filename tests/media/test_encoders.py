"""The choice of an encoder is made by encoding, and one quality scale serves all of them."""

from __future__ import annotations

import pytest

from ecg.errors import BadRequest, EngineUnavailable
from ecg.media import encoders
from ecg.media.encoders import pick_encoder


def hardware_works() -> bool:
    return pick_encoder("auto") == "h264_nvenc"


def test_libx264_is_taken_as_asked():
    assert pick_encoder("libx264") == "libx264"


def test_without_a_hardware_encoder_auto_is_libx264_and_asking_for_hardware_is_refused():
    if hardware_works():
        pytest.skip("this machine has NVENC")
    assert pick_encoder("auto") == "libx264"
    with pytest.raises(EngineUnavailable, match="h264_nvenc does not work on this machine") as failure:
        pick_encoder("h264_nvenc")
    assert "h264_nvenc" in failure.value.details["argv"]


def test_with_a_hardware_encoder_it_is_taken():
    if not hardware_works():
        pytest.skip("this machine has no NVENC")
    assert pick_encoder("h264_nvenc") == "h264_nvenc"


def test_an_encoder_nobody_knows_is_refused():
    with pytest.raises(BadRequest, match="no encoder 'h266'"):
        pick_encoder("h266")


@pytest.mark.parametrize(("quality", "crf"), [(100, 14), (75, 23), (50, 32), (10, 46)])
def test_quality_is_a_rate_factor(quality: int, crf: int):
    assert encoders.options("libx264", quality, "veryfast")["crf"] == crf
    assert encoders.options("h264_nvenc", quality, "veryfast")["cq"] == crf


@pytest.mark.parametrize(
    ("quality", "crf", "quantiser"), [(100, 17, 1), (75, 28, 4), (50, 40, 8), (10, 57, 14)]
)
def test_quality_means_the_like_on_other_scales(quality: int, crf: int, quantiser: int):
    assert encoders.options("libvpx-vp9", quality, "")["crf"] == crf
    assert encoders.options("prores_ks", quality, "")["q:v"] == quantiser


@pytest.mark.parametrize("encoder", ["libx264", "h264_nvenc", "libvpx-vp9"])
def test_key_frames_are_counted_from_the_start_of_the_whole(encoder: str):
    how = encoders.key_frames(encoder, 750, 250)
    assert (how["g"], how["force_key_frames"]) == (250, "expr:not(mod(n+750,250))")


@pytest.mark.parametrize("quality", [9, 101, -1])
def test_quality_out_of_range_is_refused(quality: int):
    with pytest.raises(BadRequest, match="use 10 to 100"):
        encoders.options("libx264", quality, "veryfast")
