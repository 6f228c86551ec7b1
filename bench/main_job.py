"""How long a person waits for 30 s of captioned video, on a cold stack: ``ecg caption`` ÷ a plain transcode.

The same clip, in turn, three times; medians. The transcode (x264 veryfast, the render's own settings) is
the floor of the render: the rest is starting and stopping the whole stack, the analysis and the captions.
The target is 90 s of wall time on two cores.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS, CLIP_S, TARGET_S = 3, 30, 90.0
TEXT = ("the quick brown fox jumps over the lazy dog and runs away into the deep dark forest "
        "where nobody has ever seen it again but everybody talks about it in the evening ")  # fmt: skip


def timed(*argv: str | Path, env: dict[str, str] | None = None) -> float:
    started_s = time.monotonic()
    subprocess.run(list(map(str, argv)), check=True, env=env, stdout=subprocess.DEVNULL, stderr=sys.stderr)
    return time.monotonic() - started_s


def make_clip(to: Path) -> None:
    timed("ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30",
          "-f", "lavfi", "-i", f"flite=text='{TEXT * 3}':voice=slt", "-t", str(CLIP_S), "-c:v", "libx264",
          "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "44100", to)  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ecg-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the embedded Postgres runs as another user when we are root
        clip, out = folder / "clip.mp4", folder / "out.mp4"
        make_clip(clip)
        env = {**os.environ, "ECG_DATA_DIR": str(folder / "data")}
        caption = [sys.executable, "-m", "ecg.cli", "caption", clip, "-o", out]
        transcode = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", clip, "-c:v", "libx264",
                     "-preset", "veryfast", "-c:a", "copy", folder / "plain.mp4"]  # fmt: skip
        timed(*caption, env=env)  # the first run makes the database
        pairs = [(timed(*caption, env=env), timed(*transcode)) for _ in range(RUNS)]
    ours_s, plain_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(json.dumps({
        "name": "main_job", "ratio": round(ours_s / plain_s, 2), "target_s": TARGET_S,
        "ok": ours_s <= TARGET_S, "wall_s": round(ours_s, 1), "transcode_s": round(plain_s, 1),
        "clip_s": CLIP_S, "runs": [[round(ours, 1), round(plain, 1)] for ours, plain in pairs],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
