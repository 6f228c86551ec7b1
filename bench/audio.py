"""What speech costs beside whisperx's own functions: transcribed, aligned, speakers told apart and assigned.

Both sides are warm, in one process, on the same weights and the same sound; runs alternate and the medians
are divided. Weights are random (no network): tiny ones on a CPU; on a GPU in the shape of large-v3 in 16
bits, wav2vec2 base and pyannote's ResNet34. Random weights do not know when to stop, so every text is ended
after so many tokens as half a minute of talk has. Beside it the same sound through the ``whisperx`` command
in a fresh process: imports, loading and all.

    script/bench audio                          10 minutes; on a GPU 60 minutes too
    script/bench audio --minutes 60 --rounds 1 --no-command
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import wavfile

from ecg.speech.timing import Spoken, repaired
from ecg.speech.waveform import SAMPLE_RATE, Samples, read_wav
from ecg.speech.whisperx import stack
from ecg.speech.whisperx.engine import WhisperXEngine
from ecg.speech.whisperx.models import Choices
from ecg.speech.word_speakers import label_words
from ecg.transcript import Turn

ROUNDS, MINUTES, BATCH, THREADS = 3, 10, 8, 2
#: whisperx's functions ÷ ours; on a GPU and, for all else to be worth it, on a CPU with tiny weights.
TARGETS = {"cuda": 2.0, "cpu": 1.0}
STAGE_TARGETS = {"embeddings": 2.5, "alignment_outside_model": 5.0}
COMMAND_TARGET, REALTIME_TARGET, MEMORY_GB = 3.0, 60.0, 6.0
#: 150 words a minute are about 100 tokens in half a minute; four more open every text.
TOKENS = 104
#: Starts whisperx's command as its own entry point does, in an environment made fit for it.
COMMAND = f"""
from ecg.speech.whisperx import stack
stack.prepare()
import whisperx.asr
whisperx.asr.WhisperModel.max_length = property(lambda self: {TOKENS}, lambda self, value: None)
from whisperx.__main__ import cli
cli()
"""


class Clock:
    """Seconds by stage, of one run."""

    def __init__(self, device: str) -> None:
        self.device, self.seconds = device, defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started_s = time.perf_counter()
        yield
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()
        self.seconds[name] += time.perf_counter() - started_s


# --- what is worked on, and with what


def sound(folder: Path, minutes: float) -> Path:
    """The conversation in pyannote's package and the recordings of ``ECG_SPEECH_DATA``, over and over."""
    spec = importlib.util.find_spec("pyannote.audio")
    assert spec is not None
    assert spec.origin is not None
    files = [Path(spec.origin).parent / "sample" / "sample.wav"]
    if data := os.environ.get("ECG_SPEECH_DATA"):
        files += sorted(Path(data).glob("austen-*.wav"))
    parts = [part for file in files for part in (wavfile.read(file)[1], np.zeros(SAMPLE_RATE, np.int16))]
    count = round(minutes * 60 * SAMPLE_RATE)
    wav = folder / f"{minutes:g}min.wav"
    wavfile.write(wav, SAMPLE_RATE, np.resize(np.concatenate(parts), count))
    return wav


def make_models(folder: Path, device: str) -> Path:
    from tests.speech.tiny_diarization import make_tiny_diarization
    from tests.speech.tiny_models import LARGE_V3, TINY, make_aligner, make_whisper
    from tests.speech.whisperx.tiny_alignment import make_tiny_punkt

    large = device == "cuda"
    make_whisper(folder / "faster-whisper-made", LARGE_V3 if large else TINY, "float16" if large else None)
    make_aligner(folder / "align-en", full_size=large)
    make_tiny_diarization(folder / "diarization", full_size=large)
    make_tiny_punkt(folder / "punkt")
    return folder


# --- the two sides


class Theirs:
    """whisperx's own functions, called as its command calls them, with models that stay loaded."""

    def __init__(self, models: Path, device: str, compute_type: str) -> None:
        import nltk
        import whisperx.alignment
        import whisperx.asr
        import whisperx.diarize

        nltk.data.path.insert(0, str(models / "punkt"))
        self.device, self.functions = device, whisperx
        self.asr = whisperx.asr.load_model(
            str(models / "faster-whisper-made"), device, compute_type=compute_type, language="en",
            threads=THREADS,
        )  # fmt: skip
        self.aligner, self.about = whisperx.alignment.load_align_model(
            "en", device, model_name=str(models / "align-en")
        )
        self.diarizer = whisperx.diarize.DiarizationPipeline(str(models / "diarization"), device=device)

    def run(self, wav: Path, clock: Clock) -> Any:
        from whisperx.audio import load_audio

        with clock.stage("all"):
            audio = load_audio(str(wav))
            with clock.stage("asr"):
                result = self.asr.transcribe(audio, batch_size=BATCH)
            with clock.stage("alignment"):
                aligned = self.functions.alignment.align(
                    result["segments"], self.aligner, self.about, audio, self.device
                )
            with clock.stage("diarization"), timed_embeddings(self.diarizer.model, clock):
                turns = self.diarizer(str(wav))
            return result, self.functions.diarize.assign_word_speakers(turns, aligned)


class Ours:
    """The engine, as a worker holds it."""

    def __init__(self, models: Path, device: str, compute_type: str) -> None:
        choices = Choices(BATCH, device, compute_type)
        self.engine = WhisperXEngine(models, models / "faster-whisper-made", "made", choices)
        self.engine.warm()
        self.models = self.engine._models

    def run(self, wav: Path, clock: Clock) -> Any:
        """Words and turns at the same time, in two threads, as two workers do it."""
        turns: list[Turn] = []

        def tell_apart() -> None:
            turns.extend(self.engine.find_speakers(wav, None, ignore))

        with clock.stage("all"):
            beside = threading.Thread(target=tell_apart)
            beside.start()
            heard = self.engine.transcribe(wav, "en", ignore)
            beside.join()
            for segment in heard.segments:
                label_words(segment.words, turns)
        return heard

    def run_stages(self, wav: Path, clock: Clock) -> None:
        """Each stage alone, one after the other."""
        samples = read_wav(wav)
        with clock.stage("asr"):
            heard = self.models.listener().listen(samples, "en", (), ignore)
        with clock.stage("alignment"):
            repaired(self.aligner.align(heard.spoken, samples, ignore), samples)
        diarizer = self.models.diarizer(self.models.diarization_folder(), self.models.diarizing.rung)
        with clock.stage("diarization"), timed_embeddings(diarizer._pipeline, clock):
            diarizer.find_speakers(wav, None, ignore)

    @property
    def aligner(self) -> Any:
        return self.models.aligner(self.models.aligner_folder("en"), "en", self.models.aligning.rung)


def ignore(share: float) -> None:
    pass


@contextmanager
def timed_embeddings(pipeline: Any, clock: Clock) -> Iterator[None]:
    """Times the voiceprints inside a pipeline of pyannote."""
    embed = pipeline.get_embeddings

    def timed(*arguments: Any, **options: Any) -> Any:
        with clock.stage("embeddings"):
            return embed(*arguments, **options)

    pipeline.get_embeddings = timed
    try:
        yield
    finally:
        del pipeline.get_embeddings


def outside_the_model(theirs: Theirs, ours: Ours, spoken: list[Spoken], samples: Samples) -> list[float]:
    """Seconds of alignment with the model's answers given to both: theirs and ours."""
    import torch
    from whisperx.alignment import align

    from tests.speech.whisperx.compare_alignment import emissions_of

    class Answers:
        """Hands out what the model said, in order."""

        def __init__(self, logits: list[Any]) -> None:
            self.left = iter(logits)

        def __call__(self, wave: Any) -> Any:
            self.logits = next(self.left)
            return self

    emissions = emissions_of(ours.aligner, spoken, samples)
    answers = Answers([torch.from_numpy(np.array(emission))[None] for emission in emissions])
    texts = [{"start": one.start_s, "end": one.end_s, "text": one.text} for one in spoken]
    audio = samples.astype(np.float32) / 32768
    clock = Clock("cpu")
    with clock.stage("theirs"):
        align(texts, answers, theirs.about, audio, "cpu")
    with clock.stage("ours"):
        for one, emission in zip(spoken, emissions, strict=True):
            ours.aligner.words(one, emission)
    return [clock.seconds["theirs"], clock.seconds["ours"]]


def command_s(models: Path, wav: Path, compute_type: str) -> float:
    """Seconds of the ``whisperx`` command on the file, from start to exit."""
    with tempfile.TemporaryDirectory() as out:
        arguments = [
            str(wav), "--model", str(models / "faster-whisper-made"), "--language", "en", "--diarize",
            "--align_model", str(models / "align-en"), "--diarize_model", str(models / "diarization"),
            "--batch_size", str(BATCH), "--compute_type", compute_type, "--output_dir", out,
            "--threads", str(THREADS),
        ]  # fmt: skip
        env = os.environ | stack.OFFLINE | {"NLTK_DATA": str(models / "punkt")}
        started_s = time.perf_counter()
        subprocess.run([sys.executable, "-W", "ignore", "-c", COMMAND, *arguments], env=env, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        return time.perf_counter() - started_s


# --- figures


class Memory:
    """The most GPU memory in use on the device while it watches, in GB; ``None`` without a GPU."""

    def __init__(self, device: str) -> None:
        self.most_gb: float | None = None
        self._watching = device == "cuda"
        self._done = threading.Event()

    def __enter__(self) -> Memory:
        if self._watching:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _watch(self) -> None:
        import torch

        while not self._done.wait(0.05):
            free, total = torch.cuda.mem_get_info()
            self.most_gb = max(self.most_gb or 0.0, (total - free) / 1e9)


def medians(clocks: list[Clock]) -> dict[str, float]:
    return {name: statistics.median(clock.seconds[name] for clock in clocks) for name in clocks[0].seconds}


def compare(models: Path, wav: Path, device: str, compute_type: str, rounds: int) -> dict[str, Any]:
    """Medians of both sides on one file, and their ratios."""
    minutes, short = len(read_wav(wav)) / SAMPLE_RATE / 60, sound(models, 0.5)
    ours = Ours(models, device, compute_type)
    ours.run(short, Clock(device))
    with Memory(device) as memory:
        if device == "cuda":  # before the other side's models are there too
            ours.run(wav, Clock(device))
    theirs = Theirs(models, device, compute_type)
    theirs.run(short, Clock(device))
    clocks: dict[str, list[Clock]] = {"theirs": [], "ours": [], "stages": []}
    sides: dict[str, Callable[[Path, Clock], Any]] = {
        "theirs": theirs.run, "ours": ours.run, "stages": ours.run_stages,
    }  # fmt: skip
    outside = []
    spoken = list(ours.models.listener().listen(read_wav(wav), "en", (), ignore).spoken)
    for _ in range(rounds):
        for name, run in sides.items():
            clocks[name].append(Clock(device))
            run(wav, clocks[name][-1])
        outside.append(outside_the_model(theirs, ours, spoken, read_wav(wav)))
    theirs_s, ours_s = medians(clocks["theirs"]), medians(clocks["ours"]) | medians(clocks["stages"])
    stages = {name: round(theirs_s[name] / ours_s[name], 2) for name in theirs_s if name != "all"}
    stages["alignment_outside_model"] = round(statistics.median(t / o for t, o in outside), 2)
    return {
        "minutes": round(minutes, 1), "ratio": round(theirs_s["all"] / ours_s["all"], 3), "stages": stages,
        "times_realtime": round(minutes * 60 / ours_s["all"], 1),
        "theirs_s": {name: round(value, 2) for name, value in theirs_s.items()},
        "ours_s": {name: round(value, 2) for name, value in ours_s.items()},
        "gpu_memory_gb": memory.most_gb and round(memory.most_gb, 2),
    }  # fmt: skip


def machine(device: str) -> str:
    if device == "cpu":
        return f"{os.cpu_count()} CPU cores, {platform.machine()}"
    import torch

    return torch.cuda.get_device_name()


def verdict(figures: dict[str, Any], device: str) -> bool:
    """Whether every target of this kind of machine is met."""
    stages = all(figures["stages"][name] >= least for name, least in STAGE_TARGETS.items())
    if device == "cpu":
        return figures["ratio"] > TARGETS[device] and stages
    command = figures.get("command_ratio")
    return (figures["ratio"] >= TARGETS[device] and figures["times_realtime"] >= REALTIME_TARGET
            and figures["gpu_memory_gb"] <= MEMORY_GB
            and (command is None or command >= COMMAND_TARGET))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="*", help="lengths of sound to work on")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-command", action="store_true", help="leave the cold `whisperx` command out")
    options = parser.parse_args()
    device = stack.device()
    compute_type = "float16" if device == "cuda" else "int8"
    import torch
    import whisperx.asr

    if device == "cpu":
        torch.set_num_threads(THREADS)
    whisperx.asr.WhisperModel.max_length = property(lambda self: TOKENS, lambda self, value: None)
    lengths = options.minutes or ([MINUTES, 60] if device == "cuda" else [MINUTES])
    with tempfile.TemporaryDirectory(prefix="ecg-bench-", dir="/tmp") as name:
        models = make_models(Path(name), device)
        found = []
        for minutes in lengths:
            wav = sound(Path(name), minutes)
            figures = compare(models, wav, device, compute_type, options.rounds)
            if not options.no_command:
                figures["command_s"] = round(command_s(models, wav, compute_type), 1)
                figures["command_ratio"] = round(figures["command_s"] / figures["ours_s"]["all"], 2)
            print(json.dumps(figures), file=sys.stderr)
            found.append(figures)
    print(json.dumps({
        "name": "audio", "ratio": found[0]["ratio"], "target": TARGETS[device],
        "ok": all(verdict(figures, device) for figures in found), **found[0], "longer": found[1:],
        "rounds": options.rounds, "batch": BATCH, "compute_type": compute_type, "machine": machine(device),
        "versions": stack.versions(),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
