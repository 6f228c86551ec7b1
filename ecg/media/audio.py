"""The sound of a source as speech engines want it: 16 kHz, mono, 16-bit, in time with the picture."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

from ecg.errors import CommandFailed, InvalidMedia
from ecg.media import runner, source
from ecg.media.header import read_header
from ecg.media.runner import ProgressCallback
from ecg.media.source import Limits

SAMPLE_RATE_HZ = 16_000
_BYTES_PER_S = 2 * SAMPLE_RATE_HZ
_WAV_HEADER_BYTES = 4096
_START_S, _START_CPU_S = 30.0, 4.0  # to open the file and begin, on a loaded machine
_SLOWEST_SPEED = 10.0  # seconds of sound decoded in a second


def extract_audio(
    path: Path, out_wav: Path, limits: Limits, on_progress: ProgressCallback | None = None
) -> float:
    """Write the first sound track to ``out_wav``; returns its length in seconds, counted in samples.

    Sample 0 is the start of the file, not of the sound: gaps before and inside the track become
    silence, so a time in the wav is the same time in the video. Raises `InvalidMedia` when there is no
    sound, it cannot be decoded, or there is more of it than allowed.
    """
    source.check_file(path, limits)
    header = read_header(path, limits)
    if not header.audio:
        raise InvalidMedia("The file has no sound track, so there is no speech to caption; add one.")
    expected_s = min(header.duration_s or limits.max_duration_s, limits.max_duration_s)
    timeout_s = _START_S + limits.max_duration_s / _SLOWEST_SPEED
    file_bytes = int((limits.max_duration_s + 2) * _BYTES_PER_S) + _WAV_HEADER_BYTES
    usage = limits.usage(_START_CPU_S + expected_s / _SLOWEST_SPEED, file_bytes)
    try:
        runner.run(
            _graph(path, out_wav, header.start_s, limits), timeout_s=timeout_s, usage=usage,
            on_progress=on_progress, duration_s=expected_s,
        )  # fmt: skip
    except CommandFailed as error:
        raise source.unreadable(error) from error
    return _checked(decoded_s(out_wav), limits)


def decoded_s(wav: Path) -> float:
    """Length of a wav in seconds, from its samples."""
    with wave.open(str(wav)) as sound:
        return sound.getnframes() / sound.getframerate()


def _graph(path: Path, out_wav: Path, start_s: float, limits: Limits) -> Any:
    sound = source.opened(path, limits.pixels, threads=1)["a:0"].filter("asetpts", f"PTS-{start_s:.6f}/TB")
    return sound.filter("aresample", SAMPLE_RATE_HZ, **{"async": 1, "first_pts": 0}).output(
        source.url(out_wav), format="wav", acodec="pcm_s16le", ac=1, t=limits.max_duration_s + 1,
        filter_complex_threads=1,
    )  # fmt: skip


def _checked(duration_s: float, limits: Limits) -> float:
    if not duration_s:
        raise InvalidMedia("The sound track cannot be decoded; the file is damaged. Export it again.")
    if duration_s > limits.max_duration_s:
        raise InvalidMedia(
            f"The sound is longer than the {limits.max_duration_s / 60:.0f} min that are allowed.",
            duration_s=duration_s, limit_s=limits.max_duration_s,
        )  # fmt: skip
    return duration_s
