"""Small clips for the media tests, made with ffmpeg; each function returns the path of its clip."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

# Output options that make a 320×180 picture 321×181; 4:2:0 has no odd sizes in the filters before it.
ODD = ("-vf", "format=yuv444p,pad=321:181", "-pix_fmt", "yuv444p")


def ffmpeg(*argv: object) -> bytes:
    """Run ffmpeg, return its stdout."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, argv)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def video(
    path: Path, *, size: str = "320x180", fps: str = "25", seconds: float = 1.0, sound: bool = True,
    source: str = "testsrc2", picture: tuple[object, ...] = (), codecs: tuple[object, ...] = ("-c:a", "aac"),
    sound_s: float | None = None, sound_from_s: float = 0.0, video_from_s: float = 0.0, x264: str = "",
) -> Path:  # fmt: skip
    """A moving test picture with a tone. ``picture``, ``codecs``: more output options."""
    shown = f"{source}{':' if '=' in source else '='}size={size}:rate={fps}:duration={seconds}"
    tone = ["-itsoffset", sound_from_s, "-f", "lavfi", "-i", f"sine=d={sound_s or seconds}"] if sound else []
    ffmpeg(
        "-itsoffset", video_from_s, "-f", "lavfi", "-i", shown,
        *tone, "-c:v", "libx264", "-preset", "ultrafast", "-crf", 12, "-pix_fmt", "yuv420p",
        *(["-x264-params", x264] if x264 else []), *picture, *codecs, path,
    )  # fmt: skip
    return path


def sound(path: Path, *, seconds: float = 1.0, options: tuple[object, ...] = ()) -> Path:
    """A tone without a picture, in the format of the suffix."""
    ffmpeg("-f", "lavfi", "-i", f"sine=d={seconds}", *options, path)
    return path


def beep(
    path: Path, *, at_s: float, seconds: float = 2.0, fps: int = 25, shift_s: float = 0.0, codec: str = "aac"
) -> Path:
    """Black, with one white frame and a 40 ms beep at ``at_s``; the sound track starts ``shift_s`` in."""
    heard_s = at_s - shift_s
    ffmpeg(
        "-f", "lavfi", "-i", f"color=black:s=160x90:r={fps}:d={seconds}",
        "-itsoffset", shift_s, "-f", "lavfi", "-i",
        f"aevalsrc='between(t,{heard_s},{heard_s + 0.04})*sin(2*PI*1000*t)':d={seconds - shift_s}:s=48000",
        "-vf", f"geq=lum='if(eq(N,{round(at_s * fps)}),235,16)':cb=128:cr=128",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", codec, path,
    )  # fmt: skip
    return path


def counter(
    path: Path, *, frames: int = 25, fps: str = "25", picture: tuple[object, ...] = (), filters: str = ""
) -> Path:
    """A grey picture that is 20 + 4 × its number bright, with a tone."""
    seconds = float(frames / Fraction(fps))
    grey = f"color=black:s=160x90:r={fps}:d={seconds},geq=lum='20+4*N':cb=128:cr=128"
    shown = ",".join(filter(None, (grey, filters)))
    ffmpeg(
        "-f", "lavfi", "-i", shown, "-f", "lavfi", "-i", f"sine=d={seconds}", "-fps_mode", "passthrough",
        "-c:v", "libx264", "-preset", "ultrafast", "-crf", 8, "-pix_fmt", "yuv420p", "-g", 10, *picture, path,
    )  # fmt: skip
    return path


def late(path: Path, by_s: float) -> Path:
    """The same clip in Matroska (times in whole ms), its picture ``by_s`` after its sound."""
    out = path.with_suffix(".late.mkv")
    ffmpeg("-i", path, "-itsoffset", by_s, "-i", path, "-map", "1:v", "-map", "0:a", "-c", "copy", out)
    return out


def numbers(path: Path) -> list[int]:
    """The numbers of the pictures of a `counter` clip, in the order they are shown."""
    grey = ffmpeg("-i", path, "-map", "0:v:0", "-vf", "extractplanes=y,crop=80:90:0:0,scale=1:1:flags=area",
                  "-fps_mode", "passthrough", "-f", "rawvideo", "-")  # fmt: skip
    return [round((level - 20) / 4) for level in grey]


def rotated(path: Path, degrees: int, **kwargs: object) -> Path:
    """A clip whose stored picture must be turned by ``degrees`` clockwise to be upright."""
    # ffmpeg 5 writes this old tag the other way round.
    stored = video(path.with_name("stored.mp4"), **kwargs)
    ffmpeg("-i", stored, "-c", "copy", "-metadata:s:v:0", f"rotate={360 - degrees}", path)
    return path


def variable_rate(path: Path, seconds: float = 2.0) -> Path:
    """25 frames a second in the first half, 8.3 in the second, by timestamps alone."""
    half = seconds / 2 * 25
    ffmpeg(
        "-f", "lavfi", "-i", f"testsrc2=size=320x180:rate=25:duration={seconds}", "-f", "lavfi",
        "-i", f"sine=d={seconds}", "-vf", f"select='lt(n,{half})+not(mod(n,3))'", "-fps_mode", "vfr",
        "-c:v", "libx264", "-preset", "ultrafast", "-crf", 12, "-c:a", "aac", path,
    )  # fmt: skip
    return path


def claims_huge_picture(path: Path, side: int = 16000) -> Path:
    """A small file whose JPEG-coded pictures say that they are ``side`` × ``side``."""
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64:d=1:r=5", "-c:v", "mjpeg", path)
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(b"\xff\xc0\x00\x11\x08", at + 1)) >= 0:
        data[at + 5 : at + 9] = side.to_bytes(2) * 2
    path.write_bytes(data)
    return path


def grows(path: Path) -> Path:
    """Black and 160×90, after one second white and 1600×1200."""
    parts = []
    for number, picture in enumerate(("black:s=160x90", "white:s=1600x1200")):
        parts.append(path.with_name(f"{number}.ts"))
        ffmpeg("-f", "lavfi", "-i", f"color={picture}:r=20:d=1", "-c:v", "libx264", "-preset", "ultrafast",
               "-pix_fmt", "yuv420p", "-output_ts_offset", number, parts[-1])  # fmt: skip
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def huge_png(path: Path, side: int = 16000) -> Path:
    """The head of a PNG of ``side`` × ``side``, whatever the name says."""
    ffmpeg("-f", "lavfi", "-i", "color=s=16x16", "-frames:v", 1, "-c:v", "png", "-f", "image2", path)
    data = bytearray(path.read_bytes())
    data[16:24] = side.to_bytes(4) * 2
    path.write_bytes(data)
    return path


def with_cover(path: Path) -> Path:
    """Sound with a cover picture, as music files have."""
    cover = path.with_name("cover.png")
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", 1, cover)
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-i", cover, "-map", 0, "-map", 1, "-c:v", "copy",
           "-disposition:v", "attached_pic", path)  # fmt: skip
    return path


def packets_md5(path: Path, stream: str) -> str:
    """A digest of a stream's packets as they are, without decoding."""
    return ffmpeg("-i", path, "-map", f"0:{stream}", "-c", "copy", "-f", "md5", "-").decode().strip()


def pictures_md5(path: Path, *filters: str) -> list[str]:
    """A digest of each decoded picture."""
    listing = ffmpeg("-i", path, "-map", "0:v:0", *(["-vf", ",".join(filters)] if filters else []),
                     "-fps_mode", "passthrough", "-f", "framemd5", "-")  # fmt: skip
    return [line.split(b",")[-1].strip().decode() for line in listing.splitlines() if line[:1] != b"#"]


def tags(path: Path) -> str:
    """What the file says about itself as a whole."""
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def stamps_s(path: Path, stream: str = "v:0") -> list[float]:
    """The times of a stream's packets in order, in seconds."""
    command = ["ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time",
               "-of", "csv=p=0", str(path)]  # fmt: skip
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted(float(line.rstrip(",")) for line in listing.split() if line.rstrip(",") != "N/A")
