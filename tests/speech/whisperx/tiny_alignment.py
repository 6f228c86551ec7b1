"""What alignment is tested on: tiny wav2vec2 models, a sentence splitter's data, texts full of numerals.

The models hear nothing, but their emissions have peaks, as those of trained models have.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ecg.speech.timing import Spoken
from ecg.speech.waveform import SAMPLE_RATE, Samples
from tests.speech.tiny_models import make_aligner

LETTERS = {
    "en": "abcdefghijklmnopqrstuvwxyz'",
    "de": "abcdefghijklmnopqrstuvwxyzäöüß",
    "ko": "가나다라마바사아자차카타파하안녕세요은는이을를에서만원",
    "ja": "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもです日本語",
}


def make_tiny_aligner(folder: Path, language: str = "en", norm: str = "group") -> Path:
    """Write model and processor into ``folder``; ``norm`` is ``group`` or ``layer``, as in real models."""
    make_aligner(folder, LETTERS[language])
    if norm == "layer":
        import torch
        from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

        config = Wav2Vec2Config.from_pretrained(folder)
        config.feat_extract_norm, config.conv_bias, config.do_stable_layer_norm = "layer", True, True
        torch.manual_seed(1)
        Wav2Vec2ForCTC(config).eval().save_pretrained(folder)
    return folder


def make_tiny_punkt(folder: Path) -> Path:
    """Write NLTK's tables for English into ``folder``, knowing a few abbreviations and nothing else."""
    for language in ("english", "german"):
        tables = folder / "tokenizers" / "punkt_tab" / language
        tables.mkdir(parents=True)
        (tables / "abbrev_types.txt").write_text("dr\nmr\ne.g\n", encoding="utf-8")
        (tables / "sent_starters.txt").write_text("however\n", encoding="utf-8")
        (tables / "collocations.tab").write_text("##number##\tam\n", encoding="utf-8")
        (tables / "ortho_context.tab").write_text("the\t46\nhowever\t40\n", encoding="utf-8")
    return folder


def babble(duration_s: float, seed: int = 0) -> Samples:
    """Noise whose level changes every 100 ms, with pauses, as speech has them."""
    rng = np.random.default_rng(seed)
    levels = rng.random(int(duration_s * 10) + 1) ** 2 * (rng.random(int(duration_s * 10) + 1) > 0.2)
    noise = rng.normal(0, 3000, int(duration_s * SAMPLE_RATE))
    return (noise * np.repeat(levels, SAMPLE_RATE // 10)[: len(noise)]).astype(np.int16)


_PROSE = """
the quick brown fox jumps over Dr. Smith's lazy dog. However, it never slept! Did it? "Yes," said he --
well-known as Anne-Marie's friend… naïve, über and 東京 are spelt so. Twenty-one (or so) days later
"""


def prose(duration_s: float, seed: int = 0, words_per_s: float = 2.2) -> list[Spoken]:
    """What was heard in chunks of 3 to 29 s, as a recogniser hands it over: in order, with pauses."""
    rng = np.random.default_rng(seed)
    heard, start_s = [], 0.3
    while True:
        length_s = round(float(rng.uniform(3, 29)), 3)
        if start_s + length_s > duration_s:
            return heard
        words = rng.choice(_PROSE.split(), max(1, int(length_s * words_per_s)))
        heard.append(Spoken(start_s, start_s + length_s, " " + " ".join(words)))
        start_s = round(start_s + length_s + float(rng.random()), 3)
