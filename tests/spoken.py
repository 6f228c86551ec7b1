"""Small spoken clips, made on the spot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.conftest import require

SENTENCE = "the quick brown fox jumps over the lazy dog and runs away into the deep dark forest"


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg, as a person at a shell would."""
    require(shutil.which("ffmpeg"), "ffmpeg is not installed")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def voice(to: Path, text: str = SENTENCE, name: str = "slt", volume: float = 1.0) -> Path:
    """One sentence in one of flite's voices, 16 kHz mono."""
    ffmpeg("-f", "lavfi", "-i", f"flite=text='{text}':voice={name}", "-af", f"volume={volume}",
           "-ar", "16000", "-ac", "1", to)  # fmt: skip
    return to


def spoken_clip(to: Path, sound: Path | None = None, size: str = "640x360", fps: str = "25",
                seconds: float | None = None) -> Path:  # fmt: skip
    """A moving picture over which somebody speaks."""
    sound = sound or voice(to.with_suffix(".wav"))
    length = ["-t", str(seconds)] if seconds else ["-shortest"]
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps}", "-i", sound, *length,
           "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "44100",
           to)  # fmt: skip
    return to


def two_voices(to: Path) -> Path:
    """Two people in turn, the second one louder."""
    first = voice(to.with_name("first.wav"), "good morning my dear friend how are you today", "slt", 0.4)
    second = voice(to.with_name("second.wav"), "i am very well thank you and what about the weather", "rms")
    sound = to.with_name("both.wav")
    ffmpeg("-i", first, "-i", second, "-i", first, "-filter_complex",
           "[0]apad=pad_dur=0.4[a];[1]apad=pad_dur=0.4[b];[a][b][2]concat=n=3:v=0:a=1", sound)  # fmt: skip
    return spoken_clip(to, sound)
