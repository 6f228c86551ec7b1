"""Times alignment beside whisperx's, whole and outside the model, on the same sound, texts and weights.

    python -m tests.speech.whisperx.compare_alignment [SECONDS]

Outside the model: both get emissions that were made before, whisperx through a model that only hands
them out. Runs alternate; the medians and their ratios are printed as one JSON line.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np

from ecg.speech.timing import Spoken, repaired
from ecg.speech.waveform import SAMPLE_RATE, Samples
from ecg.speech.whisperx.aligning import Aligner
from tests.speech.whisperx.tiny_alignment import babble, make_tiny_aligner, make_tiny_punkt, prose


class Whisperx:
    """``whisperx.align`` on a folder of weights."""

    def __init__(self, folder: Path, language: str = "en") -> None:
        import nltk
        from whisperx import alignment

        nltk.data.path.insert(0, str(folder.parent / "punkt"))
        self._align = alignment.align
        self.model, self.metadata = alignment.load_align_model(language, "cpu", model_name=str(folder))

    def align(self, texts: Sequence[Spoken], samples: Samples) -> list[dict[str, Any]]:
        """Its segments, as it hands them over."""
        return self._with(self.model, texts, samples)

    def align_emissions(self, texts: Sequence[Spoken], samples: Samples, logits: Sequence) -> list:
        """The same, with the model's answers given, in the order of the texts."""
        answers = iter(logits)
        return self._with(lambda wave: SimpleNamespace(logits=next(answers)), texts, samples)

    def _with(self, model: Callable, texts: Sequence[Spoken], samples: Samples) -> list[dict[str, Any]]:
        heard = [{"start": text.start_s, "end": text.end_s, "text": text.text} for text in texts]
        sound = np.asarray(samples).astype(np.float32) / 32768.0
        return self._align(heard, model, self.metadata, sound, "cpu")["segments"]


def emissions_of(aligner: Aligner, texts: Sequence[Spoken], samples: Samples) -> list[np.ndarray]:
    """One per text, in order."""
    spans = [(int(text.start_s * SAMPLE_RATE), int(text.end_s * SAMPLE_RATE)) for text in texts]
    return [emission for _, emission in sorted(aligner.emissions(spans, samples), key=lambda pair: pair[0])]


def compare(duration_s: float, rounds: int = 5) -> dict[str, float]:
    """Median seconds of each stage, both ways."""
    import torch

    torch.set_num_threads(1)  # several threads wait for each other where the machine is busy
    folder = Path(tempfile.mkdtemp(prefix="ecg-align-", dir="/tmp"))
    make_tiny_punkt(folder / "punkt")
    weights = make_tiny_aligner(folder / "align-en")
    aligner, theirs = Aligner(weights, "en", "cpu", half=False), Whisperx(weights)
    samples, texts = babble(duration_s), prose(duration_s)
    ready = emissions_of(aligner, texts, samples)
    logits = [torch.from_numpy(emission)[None] for emission in ready]
    aligned = aligner.align(texts, samples, lambda share: None)
    stages: dict[str, Callable[[], Any]] = {
        "whole_whisperx_s": lambda: theirs.align(texts, samples),
        "whole_ours_s": lambda: aligner.align(texts, samples, lambda share: None),
        "outside_whisperx_s": lambda: theirs.align_emissions(texts, samples, logits),
        "outside_ours_s": lambda: [aligner.words(*pair) for pair in zip(texts, ready, strict=True)],
        "model_ours_s": lambda: emissions_of(aligner, texts, samples),
        "repair_s": lambda: repaired(aligned, samples),
    }
    took: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(rounds):
        for name, stage in stages.items():
            before = time.perf_counter()
            stage()
            took[name].append(time.perf_counter() - before)
    return {name: round(median(times), 4) for name, times in took.items()}


if __name__ == "__main__":
    figures = compare(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0)
    figures["outside_ratio"] = round(figures["outside_whisperx_s"] / figures["outside_ours_s"], 2)
    figures["whole_ratio"] = round(figures["whole_whisperx_s"] / figures["whole_ours_s"], 2)
    print(json.dumps(figures))
