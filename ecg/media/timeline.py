"""When every packet of a source is shown: its true duration, frame rate and key frames, without decoding.

One pass of the demuxer, in constant memory but for the times of the pictures (8 bytes each).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median

from ecg.errors import CommandFailed, InvalidMedia
from ecg.media import runner, source
from ecg.media.header import Header
from ecg.media.source import Limits

_START_S, _SLOWEST_BYTES_PER_S = 30.0, 8e6  # a disk under load
_START_CPU_S, _SLOWEST_BYTES_PER_CPU_S = 5.0, 2e6  # many small packets
# More packets than that no recording has; a few bytes can say that there are a hundred million.
_ANY_PACKETS, _PACKETS_PER_S = 20_000, 2_000
_USUAL_RATES = (Fraction(12), Fraction(15), Fraction(20), Fraction(24000, 1001), Fraction(24), Fraction(25),
                Fraction(30000, 1001), Fraction(30), Fraction(48), Fraction(50), Fraction(60000, 1001),
                Fraction(60), Fraction(100), Fraction(120))  # fmt: skip
_SLIDE_SHOW_FPS = Fraction(30)  # captions move also over pictures that do not
_RATE_SLACK = 0.02
_SHORTEST_STEP_S = 1e-3
_GRID_SLACK = 0.3  # of a frame; rounding to the grid drops or repeats a picture from 0.5 on


@dataclass(frozen=True, slots=True)
class Timeline:
    """``duration_s``: from the start of the file to the end of its last packet. ``pictures``: how many.

    ``fps``, ``constant_fps``: see `ecg.media.probe.MediaInfo`; ``fps`` is ``None`` without pictures.
    """

    duration_s: float
    pictures: int = 0
    fps: Fraction | None = None
    constant_fps: bool = True
    video_start_s: float = 0.0
    key_frame_gap_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Packet:
    stream: int
    time_s: float
    end_s: float
    is_key: bool


def scan(path: Path, header: Header, limits: Limits) -> Timeline:
    """Read every packet; stops as soon as the limit of duration is passed.

    Raises `InvalidMedia` when the file cannot be read to the end, `TimeoutExceeded`.
    """
    video = header.video["index"] if header.video else None
    pictures, keys, end_s = array("d"), array("d"), 0.0
    for count, packet in enumerate(_packets(path, header, limits)):
        end_s = max(end_s, packet.end_s)
        if packet.stream == video:
            pictures.append(packet.time_s)
            if packet.is_key:
                keys.append(packet.time_s)
        if end_s > limits.max_duration_s:
            break
        if count > _ANY_PACKETS + _PACKETS_PER_S * end_s:
            raise InvalidMedia(
                f"The file has {count} packets in {end_s:.1f} s, which no recording has; export it again."
            )
    if not pictures:
        return Timeline(end_s)
    return _with_pictures(end_s, pictures, keys)


def _packets(path: Path, header: Header, limits: Limits) -> Iterator[_Packet]:
    wanted = {stream["index"] for stream in (header.video, header.audio) if stream}
    argv = [
        *source.ffprobe(limits.pixels),
        "-show_entries",
        "packet=stream_index,pts_time,dts_time,duration_time,flags",
        "-of",
        "csv=p=0",
        source.url(path),
    ]
    size_bytes = path.stat().st_size
    timeout_s = _START_S + size_bytes / _SLOWEST_BYTES_PER_S
    usage = limits.usage(_START_CPU_S + size_bytes / _SLOWEST_BYTES_PER_CPU_S)
    try:
        for line in runner.lines(argv, timeout_s=timeout_s, usage=usage):
            packet = _packet(line, header.start_s)
            if packet and packet.stream in wanted:
                yield packet
    except CommandFailed as error:
        raise source.unreadable(error) from error


def _packet(line: str, start_s: float) -> _Packet | None:
    """One line of ffprobe; ``None`` for packets without a time and those the container says to discard."""
    fields = line.rstrip(",").split(",")
    if len(fields) < 5 or "D" in fields[4]:
        return None
    time = fields[1] if fields[1] != "N/A" else fields[2]
    if time == "N/A":
        return None
    time_s = float(time) - start_s
    length_s = float(fields[3]) if fields[3] != "N/A" else 0.0
    return _Packet(int(fields[0]), time_s, time_s + length_s, "K" in fields[4])


def _with_pictures(end_s: float, pictures: array[float], keys: array[float]) -> Timeline:
    times = sorted(pictures)
    fps, constant = _rate(times)
    if constant:  # a container need not say how long its last picture lasts
        end_s = max(end_s, times[-1] + 1 / float(fps))
    gaps = [b - a for a, b in pairwise([*keys, end_s])]
    return Timeline(round(end_s, 6), len(times), fps, constant, times[0], max(gaps, default=end_s))


def _rate(times: list[float]) -> tuple[Fraction, bool]:
    """The frame rate to render at, and whether every picture lies on its grid, a picture to a frame."""
    span_s = times[-1] - times[0]
    if span_s <= 0:
        return _SLIDE_SHOW_FPS, False
    average = (len(times) - 1) / span_s
    typical = 1 / max(median(b - a for a, b in pairwise(times)), _SHORTEST_STEP_S)
    fastest = max(average, typical)
    if fastest < _USUAL_RATES[0] * (1 - _RATE_SLACK):
        return _SLIDE_SHOW_FPS, False
    usual = sorted(
        {_nearest_usual(average), _nearest_usual(typical)}, key=lambda rate: _off_grid(times, rate)
    )
    measured = Fraction(average).limit_denominator(1001)
    for rate in (*usual, measured):
        if _off_grid(times, rate) < _GRID_SLACK:
            return rate, True
    return next((rate for rate in _USUAL_RATES if rate >= fastest * (1 - _RATE_SLACK)), measured), False


def _nearest_usual(rate: float) -> Fraction:
    return min(_USUAL_RATES, key=lambda usual: abs(usual - rate))


def _off_grid(times: list[float], rate: Fraction) -> float:
    """How far, in frames, a picture is off the grid that starts at the first; 1 when two share a frame.

    Frames without a picture are no fault: the one before them stands.
    """
    first, per_s, last, worst = times[0], float(rate), -1, 0.0
    for time in times:
        place = (time - first) * per_s
        frame = round(place)
        if frame <= last:
            return 1.0
        last, worst = frame, max(worst, abs(place - frame))
    return worst
