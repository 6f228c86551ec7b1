"""What a captioned render costs against re-encoding the same video with the same encoder, and what memory.

Each way is run in turn, several times, and the medians divided. Ours is all of it, from the analysed video to
the proven one: captions composed, drawn in Chromium (warm, as in a worker), laid over, encoded, joined with
the sound. The plain way is ``ffmpeg -i source -c:v libx264 -preset … -crf 23 -c:a copy``. The ratio in the
last line is that of 1080p30 with x264 veryfast. CPU seconds are of the whole tree of processes.

    script/bench render                         all but the two hours
    script/bench render --part veryfast --part capture
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.player import player_page
from ecg.browser.capture import CaptureBrowser, CaptureSession
from ecg.captions import PLAYER_DIR, compose, load_style
from ecg.captions.sidecars import formats
from ecg.config import settings
from ecg.media.encoders import SOFTWARE
from ecg.media.probe import Limits, MediaInfo, probe
from ecg.stages import render
from ecg.transcript import Features, Segment, Transcript, Word

WORDS_PER_S = 2.5
FPS = 30
TEXT = ("and so it happened that nobody had seen the old lighthouse keeper since Tuesday evening when he "
        "rowed out alone to look after the lamp, which had gone dark.")  # fmt: skip
#: For capture alone, where 25,000 pixels are to change from frame to frame: longer words than people use.
LONG_TEXT = ("Apparently everybody remembered yesterday evening, whenever somebody mentioned lighthouse "
             "keepers; everything happened afterwards, somewhere between breakfast and midsummer.")
HD, UHD, SMALL = (1920, 1080), (3840, 2160), (640, 360)
TARGETS = {"veryfast": 1.10, "ultrafast": 1.30, "uhd": 1.10, "capture": 230.0, "capture_uhd": 80.0,
           "memory": 1.10, "two_workers": 1.0}  # fmt: skip


# --- what is rendered


def make_source(folder: Path, size: tuple[int, int], seconds: float) -> Path:
    """A moving picture of about 7 Mbit/s at 1080p (in proportion at other sizes), with a tone."""
    path = folder / f"{size[0]}x{size[1]}-{seconds:g}.mp4"
    if path.exists():
        return path
    rate = f"{3.4 * size[0] * size[1]:.0f}"
    run_ffmpeg(
        "-f", "lavfi", "-i", f"testsrc2=size={size[0]}x{size[1]}:rate={FPS}:duration={seconds}",
        "-f", "lavfi", "-i", f"sine=d={seconds}:r=48000", "-vf", "noise=alls=12:allf=t",
        "-c:v", "libx264", "-preset", "veryfast", "-b:v", rate, "-maxrate", rate, "-bufsize", rate,
        "-pix_fmt", "yuv420p", "-c:a", "aac", path,
    )  # fmt: skip
    return path


def shape(source: Path) -> tuple[int, int, float]:
    """Width, height and seconds of what `make_source` made."""
    size, _, seconds = source.stem.partition("-")
    width, _, height = size.partition("x")
    return int(width), int(height), float(seconds)


def make_transcript(duration_s: float, gap: float = 0.1, spoken: str = TEXT) -> Transcript:
    """Two people in turn, each for ten seconds, at the pace of real speech."""
    words, text, lasting_s = [], spoken.split(), (1 - gap) / WORDS_PER_S
    for number in range(int(duration_s * WORDS_PER_S)):
        start_s = number / WORDS_PER_S
        features = Features(volume_db=-20.0 + (12 if number % 11 == 0 else number % 3))
        words.append(Word(text[number % len(text)], start_s, start_s + lasting_s, None, features))
    turn = int(10 * WORDS_PER_S)
    segments = tuple(
        Segment(part[0].start_s, part[-1].end_s, tuple(part), f"SPEAKER_0{index % 2}")
        for index, part in enumerate(words[first : first + turn] for first in range(0, len(words), turn))
    )
    return Transcript(segments, (), "en", duration_s)


def moving_in_every_frame(scenario: dict[str, Any]) -> dict[str, Any]:
    """The same captions with a pop as long as the time from word to word: no frame is like the last."""
    scenario["style"]["animation"] |= {"pop_s": 1 / WORDS_PER_S, "light_s": 0.2}
    return scenario


OPEN_PLAYER = """async ({ scenario, size }) => {
  const { createPlayer } = await import("/player/player.js");
  window.player = await createPlayer(document.getElementById("root"), scenario, size);
}"""


# --- ways to make a video


class Bench:
    """A warm browser and a folder for what is made."""

    def __init__(self, folder: Path, browser: CaptureBrowser | None, rounds: int) -> None:
        self.folder, self.browser, self.rounds = folder, browser, rounds
        # Several processes may work in one folder.
        self.scenario, self.given = (folder / f"{name}-{os.getpid()}.json" for name in ("scenario", "given"))

    def ours(self, source: Path, preset: str, scenario: Callable[[dict], dict] = lambda given: given) -> dict:
        """A whole render as one worker does it, proof and all; its own figures."""
        plan = self.prepared(source, scenario)
        spans = render.cut(plan, workers=1)
        figures = [self.chunk(source, plan, span, preset) for span in spans]
        return self.assembled(source, plan, spans, figures)

    def prepared(self, source: Path, scenario: Callable[[dict], dict] = lambda given: given) -> render.Plan:
        """The first step."""
        width, height, seconds = shape(source)
        drawn = compose(make_transcript(seconds), load_style(), width, height).to_json()
        self.given.write_text(json.dumps(scenario(drawn)))
        params = {"options": {"quality": 75}}
        return render.prepare(media(source), self.given, self.given, params, HD, self.scenario)

    def chunk(self, source: Path, plan: render.Plan, span: render.Span, preset: str) -> dict[str, Any]:
        """A step of the middle."""
        return render.chunk(
            source, self.scenario, plan, span, self.folder / f"{span.first}.mp4",
            self.folder / f"{span.first}.npz", self.browser, SOFTWARE, preset, lambda share: None,
        )  # fmt: skip

    def assembled(
        self, source: Path, plan: render.Plan, spans: Sequence[render.Span], figures: Sequence[dict]
    ) -> dict[str, Any]:
        """The last step."""
        chunks = [self.folder / f"{span.first}.mp4" for span in spans]
        witnessed = [chunk.with_suffix(".npz") for chunk in chunks]
        return render.assemble(chunks, witnessed, figures, source, plan, self.folder / "ours.mp4")

    def plain(self, source: Path, preset: str, *filters: str) -> None:
        """Re-encoding and nothing else."""
        chain = ("-vf", ",".join(filters)) if filters else ()
        run_ffmpeg("-i", source, *chain, "-c:v", "libx264", "-preset", preset, "-crf", 23,
                   "-pix_fmt", "yuv420p", "-c:a", "copy", "-movflags", "+faststart",
                   self.folder / "plain.mp4")  # fmt: skip

    def libass(self, source: Path, preset: str) -> None:
        """The same words burnt in by libass."""
        width, height, seconds = shape(source)
        scenario = compose(make_transcript(seconds), load_style(), width, height)
        (self.folder / "captions.ass").write_text(formats.write(scenario, "ass"))
        self.plain(source, preset, f"ass=filename={self.folder}/captions.ass")

    def compared(self, way: Callable[[], object], plain_way: Callable[[], object]) -> dict[str, Any]:
        """Median wall and CPU seconds of a way and of the plain one, run in turn."""
        rounds = [(timed(way), timed(plain_way)) for _ in range(self.rounds)]
        ours, plain = zip(*rounds, strict=True)
        wall_s, cpu_s = ([statistics.median(times[which] for times in way) for way in (ours, plain)]
                         for which in (0, 1))  # fmt: skip
        return {
            "ratio": round(wall_s[0] / wall_s[1], 3), "cpu_ratio": round(cpu_s[0] / cpu_s[1], 3),
            "by_round": [round(one[0] / other[0], 3) for one, other in zip(ours, plain, strict=True)],
            "wall_s": [round(value, 1) for value in wall_s], "cpu_s": [round(value, 1) for value in cpu_s],
        }  # fmt: skip


@cache
def media(source: Path) -> MediaInfo:
    """What a source is: found out when it is ingested, long before it is rendered."""
    return probe(source, Limits(size_bytes=2**40))


def timed(way: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of all processes that take part."""
    started_s, cpu_s = time.monotonic(), tree_cpu_s()
    way()
    return time.monotonic() - started_s, tree_cpu_s() - cpu_s


def tree_cpu_s() -> float:
    """CPU seconds of this process and its children, those that have ended and those that run."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) + sum(
        sum(process.cpu_times()[:4]) for process in psutil.Process().children(recursive=True)
    )


def run_ffmpeg(*argv: object) -> None:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, argv)]
    subprocess.run(command, check=True)


# --- the parts


def against_plain(
    bench: Bench, source: Path, preset: str, scenario: Callable[[dict], dict] = lambda given: given
) -> dict[str, Any]:
    """A whole render against a plain transcode with the same preset."""
    media(source)
    return bench.compared(lambda: bench.ours(source, preset, scenario), lambda: bench.plain(source, preset))


def veryfast(bench: Bench) -> dict[str, Any]:
    """1080p30, x264 veryfast."""
    return against_plain(bench, make_source(bench.folder, HD, 60), "veryfast")


def ultrafast(bench: Bench) -> dict[str, Any]:
    """1080p30 with x264 ultrafast, the stand-in for a hardware encoder."""
    return against_plain(bench, make_source(bench.folder, HD, 60), "ultrafast")


def uhd(bench: Bench) -> dict[str, Any]:
    """2160p30, x264 veryfast."""
    return against_plain(bench, make_source(bench.folder, UHD, 15), "veryfast")


def popping(bench: Bench) -> dict[str, Any]:
    """1080p30, x264 veryfast, a word moving in every frame."""
    return against_plain(bench, make_source(bench.folder, HD, 60), "veryfast", moving_in_every_frame)


def peers(bench: Bench) -> dict[str, Any]:
    """What a user would pick instead: libass burn-in; and one PNG of the whole page for each frame.

    On shorter clips: ten seconds, and for the PNGs two.
    """
    source, short = make_source(bench.folder, HD, 10), make_source(bench.folder, HD, 2)
    libass = bench.compared(lambda: bench.libass(source, "veryfast"), lambda: bench.plain(source, "veryfast"))
    png = bench.compared(lambda: full_page_pngs(bench, short), lambda: bench.plain(short, "veryfast"))
    return {"libass": libass, "png": png}


def full_page_pngs(bench: Bench, source: Path) -> None:
    """A PNG of the whole transparent page for every frame, laid over by ffmpeg."""
    size, (_, _, seconds) = {"width": HD[0], "height": HD[1]}, shape(source)
    scenario = compose(make_transcript(seconds), load_style(), *HD).to_json()
    command = [
        "ffmpeg", "-nostdin", "-v", "error", "-y", "-i", source, "-f", "image2pipe", "-framerate", FPS,
        "-i", "-", "-filter_complex", "overlay", "-c:v", "libx264", "-preset", "veryfast", "-crf", 23,
        "-pix_fmt", "yuv420p", "-c:a", "copy", bench.folder / "png.mp4",
    ]  # fmt: skip
    encoding = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE)
    with player_page(size) as page, encoding as encoder:
        page.evaluate(OPEN_PLAYER, {"scenario": scenario, "size": size})
        assert encoder.stdin is not None
        for frame in range(int(seconds * FPS)):
            page.evaluate("(t_s) => player.seek(t_s)", frame / FPS)
            encoder.stdin.write(page.screenshot(omit_background=True))


def two_workers(bench: Bench) -> dict[str, Any]:
    """Two render workers on one video against one, on the same cores: chunks by processes of their own."""
    source = make_source(bench.folder, HD, 60)
    plan = bench.prepared(source)
    spans = render.cut(plan, workers=2)
    assert len(spans) == 2

    def by(*shares: Sequence[render.Span]) -> None:
        figures = in_processes(bench.folder, source, shares)
        bench.assembled(source, plan, spans, figures)

    return bench.compared(lambda: by(spans[:1], spans[1:]), lambda: by(spans))


def in_processes(folder: Path, source: Path, shares: Sequence[Sequence[render.Span]]) -> list[dict[str, Any]]:
    """The figures of all chunks; each share is worked off by one process, all at once."""
    at_work = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.render", "--folder", folder, "--one", source,
             *(part for span in share for part in ("--span", f"{span.first}:{span.count}"))],
            stdout=subprocess.PIPE, text=True,
        ) for share in shares
    ]  # fmt: skip
    told = [worker.communicate()[0].splitlines()[-1] for worker in at_work]
    return [figures for line in told for figures in json.loads(line)]


def capture(bench: Bench) -> dict[str, Any]:
    """Frames per second out of the browser at 1080p, a word popping in every frame."""
    return captured(bench, HD, 600)


def capture_uhd(bench: Bench) -> dict[str, Any]:
    """The same at 2160p."""
    return captured(bench, UHD, 300)


def captured(bench: Bench, size: tuple[int, int], count: int) -> dict[str, Any]:
    """Rates of several rounds, and that what came is right: moving, no frame twice, equal to screenshots."""
    scenario = moving_in_every_frame(
        compose(make_transcript(count / FPS + 5, 0.0, LONG_TEXT), load_style(), *size).to_json()
    )
    rates, first = [], int(2 * FPS)
    with bench.browser.open(scenario, *size) as session:
        for _ in range(bench.rounds):
            moved, started_s, cpu_s = session.metrics.bytes_moved, time.monotonic(), tree_cpu_s()
            for _ in session.frames(first, count, Fraction(FPS)):
                pass
            rates.append(count / (time.monotonic() - started_s))
            cpu_ms, moved = (tree_cpu_s() - cpu_s) / count * 1000, session.metrics.bytes_moved - moved
        seen = {hashlib.md5(frame).digest() for frame in session.frames(first, count, Fraction(FPS))}
        chosen = sorted(random.Random(7).sample(range(first, first + count), 10))
        taken = [one_frame(session, frame) for frame in chosen]
    with capture_browser("screenshot") as photographer, photographer.open(scenario, *size) as session:
        worst = max(difference(one_frame(session, n), frame) for n, frame in zip(chosen, taken, strict=True))
    return {
        "frames_per_s": round(statistics.median(rates)), "rounds": [round(rate) for rate in rates],
        "cpu_ms_per_frame": round(cpu_ms, 2), "changed_pixels": round(moved / 4 / count),
        "distinct": len(seen), "frames": count, "worst_against_screenshots": worst,
    }  # fmt: skip


def one_frame(session: CaptureSession, frame: int) -> np.ndarray:
    pixels = bytes(next(session.frames(frame, 1, Fraction(FPS))))
    return np.frombuffer(pixels, np.uint8).reshape(-1, 4).astype(int)


def difference(one: np.ndarray, other: np.ndarray) -> int:
    """The worst difference, of 255, of the colours as they lie over black."""
    return int(np.abs(one[:, :3] * one[:, 3:] - other[:, :3] * other[:, 3:]).max() // 255)


def memory(bench: Bench) -> dict[str, Any]:
    """Peak memory of the whole tree while 1, 10 and 30 minutes of 640×360 are rendered."""
    return {"peak_mb": [peak_mb(bench, minutes) for minutes in (1, 10, 30)]}


def two_hours(bench: Bench) -> dict[str, Any]:
    """A film of two hours at 640×360."""
    started_s = time.monotonic()
    return {"peak_mb": peak_mb(bench, 120), "wall_s": round(time.monotonic() - started_s)}


def peak_mb(bench: Bench, minutes: int) -> int:
    """Of a render in a process of its own, as a worker's: the one before has left nothing in it."""
    source = repeated(bench.folder, minutes)
    plan = bench.prepared(source)
    figures = in_processes(bench.folder, source, [render.cut(plan, workers=1)])
    return round(max(part["peak_memory_bytes"] for part in figures) / 1e6)


def repeated(folder: Path, minutes: int) -> Path:
    """A minute of video, again and again, without encoding it each time."""
    one, path = make_source(folder, SMALL, 60), folder / f"{SMALL[0]}x{SMALL[1]}-{60 * minutes}.mp4"
    if minutes > 1 and not path.exists():
        run_ffmpeg("-stream_loop", minutes - 1, "-i", one, "-c", "copy", "-t", 60 * minutes, path)
    return path


PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    part.__name__: part
    for part in (
        veryfast, ultrafast, uhd, popping, peers, two_workers, capture, capture_uhd, memory, two_hours,
    )
}  # fmt: skip

#: Those that start processes with browsers of their own.
IN_PROCESSES = frozenset({"two_workers", "memory", "two_hours"})


def capture_browser(capture: str = "") -> CaptureBrowser:
    config = settings()
    return CaptureBrowser(
        config.chromium, config.chromium_sandbox, PLAYER_DIR, config.fonts_dir, capture or config.capture
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where sources are kept from run to run")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--span", action="append", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    with contextlib.ExitStack() as held:
        folder = asked.folder or Path(held.enter_context(tempfile.TemporaryDirectory(prefix="bench-render-")))
        folder.mkdir(parents=True, exist_ok=True)
        if asked.one:
            bench = Bench(folder, held.enter_context(capture_browser()), asked.rounds)
            plan = bench.prepared(asked.one)
            spans = [render.Span(*map(int, span.split(":"))) for span in asked.span]
            print(json.dumps([bench.chunk(asked.one, plan, span, "ultrafast") for span in spans]))
            return
        found = {}
        for name in asked.part or [name for name in PARTS if name != "two_hours"]:
            # What processes share counts in part for each: no Chromium beside those whose memory is measured.
            with contextlib.nullcontext() if name in IN_PROCESSES else capture_browser() as browser:
                found[name] = PARTS[name](Bench(folder, browser, asked.rounds))
            print(json.dumps({name: found[name]}), flush=True)
    ratio = found.get("veryfast", {}).get("ratio")
    print(json.dumps({"name": "render", "ratio": ratio, **verdict(found), **found}))


def verdict(found: dict[str, Any]) -> dict[str, Any]:
    """Whether each part that has a target met it."""
    met = {}
    for name, target in TARGETS.items():
        if name not in found:
            continue
        if name.startswith("capture"):
            met[name] = found[name]["frames_per_s"] >= target
        elif name == "memory":
            met[name] = max(found[name]["peak_mb"]) <= target * min(found[name]["peak_mb"])
        else:
            met[name] = found[name]["ratio"] <= target
    return {"target": TARGETS["veryfast"], "ok": all(met.values()), "met": met}


if __name__ == "__main__":
    main()
