"""Word alignment: equal to whisperx's own on tiny models, whatever the text; all words timed after repair."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg.errors import EngineUnavailable
from ecg.speech.timing import AlignedSegment, Spoken, repaired
from tests.conftest import require

try:
    from ecg.speech.whisperx.stack import prepare

    prepare()
    import nltk
    import torch

    from ecg.speech.whisperx.aligning import Aligner
    from tests.speech.whisperx.compare_alignment import Whisperx
    from tests.speech.whisperx.tiny_alignment import (
        babble,
        make_tiny_aligner,
        make_tiny_punkt,
        prose,
    )

    MISSING = ""
except ImportError as error:
    MISSING = str(error)

SOUND_S = 40.0
# Sent through the model in passes of one segment and of many.
ALONE, TOGETHER = 0.0, 60.0
KINDS = ("align-en", "align-layer")
_NUMERALS = """
$4.50 €1,299.99 £20 ¥5000 ₩12,000 $1.2M 99¢ R$10 CHF 2026-11-20 11/20/2026 20.11.2026
2026年11月20日 3×4 7÷2 5+5=10 2^8 1/2 ¾ 50% 0.5% 99.9% ±3 -40° 36.6°C 42nd 1st 2nd 3rd 21st
100th 12:30 9:05am 23:59:59 5pm 24/7 a@b.co me+you@mail.example.org https://b.co/x?y=1
www.a.kr @handle #1 #hashtag +82-10-1234-5678 555-0199 (02)345-6789 1,000,000 3.14159
1e6 6.02×10²³ 10kg 5'11" 180cm 60mph 4K 8GB 1080p 5G H2O CO₂ B2B C++ C# .NET v2.0.1
192.168.0.1 0 1 7 10 42 100 2026 '90s 1980s MMXXVI № 5 § 12 & @ % | || * ~ -- … — → ♥ 🙂
100만원 3시 20대 第3回 5人 50円 半分 ５０％ I-95 A4 F-16 747 90210 007 3D 1:1 4:3 16:9 50/50 2×2×2
≥10 ≤5 <3 ≈7 √2 π x² 5€ 10$ 1.000,50€ 12.5k 3bn €3m 7–9 1990–95
"""
NUMERALS = _NUMERALS.split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with an aligner for each language and kind, and a sentence splitter's data."""
    require(not MISSING, f"whisperx's stack is not installed: {MISSING}")
    torch.set_num_threads(1)  # several would wait for each other on a busy machine, and gain nothing here
    folder = tmp_path_factory.mktemp("models")
    make_tiny_punkt(folder / "punkt")
    for language in ("en", "de", "ko", "ja"):
        make_tiny_aligner(folder / f"align-{language}", language)
    make_tiny_aligner(folder / "align-layer", "en", "layer")
    nltk.data.path.insert(0, str(folder / "punkt"))
    return folder


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    require(not MISSING, f"whisperx's stack is not installed: {MISSING}")
    return babble(SOUND_S)


@pytest.fixture(scope="module")
def theirs(folder: Path, samples: np.ndarray) -> dict[str, list[dict[str, Any]]]:
    """What whisperx makes of the same prose with each kind of model."""
    return {kind: Whisperx(folder / kind).align(prose(SOUND_S), samples) for kind in KINDS}


def ours(weights: Path, language: str, texts: Sequence[Spoken], samples, pass_s: float = ALONE) -> list:
    aligner = Aligner(weights, language, "cpu", half=False, pass_s=pass_s)
    return aligner.align(texts, samples, lambda share: None)


def assert_equal(mine: list[AlignedSegment], theirs: list[dict[str, Any]]) -> int:
    """Segments and words are the same, times to the millisecond; the number of words."""
    assert [segment.text for segment in mine] == [segment["text"] for segment in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert (one.start_s, one.end_s) == pytest.approx((other["start"], other["end"]), abs=0.001)
        assert [word.text for word in one.words] == [word["word"] for word in other["words"]]
        for word, known in zip(one.words, other["words"], strict=True):
            assert (word.start_s is None) == ("start" not in known)
            if word.start_s is not None:
                assert (word.start_s, word.end_s) == pytest.approx((known["start"], known["end"]), abs=0.001)
            assert word.score == (pytest.approx(known["score"], abs=0.002) if "score" in known else None)
    return sum(len(segment.words) for segment in mine)


@pytest.mark.parametrize("pass_s", [ALONE, TOGETHER])
@pytest.mark.parametrize("kind", KINDS)
def test_words_equal_those_of_whisperx(folder, samples, theirs, kind, pass_s):
    mine = ours(folder / kind, "en", prose(SOUND_S), samples, pass_s)

    assert assert_equal(mine, theirs[kind]) > 50


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ja", "こんにちは。日本語のテスト です、AIと5Gも 100円。"),
        ("ko", " 안녕하세요. 가격은 100만 원이에요! 나는 3시에 학교를 다녀요."),
        ("de", "Überall gibt's 20.11.2026  zwei  Leerzeichen. Größe|Maß | ẞ ist Dr. Straße"),
        ("en", "İstanbul\tand\nlines \u00a0 with | bars. | . Odd?! \"Quotes.\" (Yes.) end "),
    ],
)  # fmt: skip
def test_other_scripts_and_odd_texts_equal_whisperx_too(folder, samples, language, text):
    texts = [Spoken(0.5, 9.25, text), Spoken(10.0, 24.731, text * 2)]

    theirs = Whisperx(folder / f"align-{language}", language).align(texts, samples)

    assert assert_equal(ours(folder / f"align-{language}", language, texts, samples), theirs) > 10


def test_what_cannot_be_aligned_comes_back_as_from_whisperx_and_gets_times_in_repair(folder, samples):
    texts = [
        Spoken(1.0, 2.0, "far too many letters for a single second of sound " * 3),
        Spoken(3.0, 3.01, "a"), Spoken(4.0, 5.0, "   "), Spoken(5.0, 6.0, ""), Spoken(6.0, 7.0, "|"),
        Spoken(39.0, 43.0, "Beyond the end"), Spoken(70.0, 71.0, "Wholly beyond it."),
    ]  # fmt: skip

    mine = ours(folder / "align-en", "en", texts, samples)

    assert_equal(mine, Whisperx(folder / "align-en").align(texts, samples))
    assert [segment.source for segment in mine] == list(range(len(texts)))
    mended = repaired(mine, samples)
    assert [segment.text for segment in mended] == [t.text.strip() for t in texts if t.text.strip()]


def test_every_numeral_has_a_time_after_repair_and_they_are_in_order(folder, samples):
    tokens = len(NUMERALS)
    lines = [" ".join(NUMERALS[first : first + 9]) for first in range(0, tokens, 9)]
    length_s = SOUND_S / len(lines)
    # Every fourth line is said far too fast for the letters it is written with.
    texts = [
        Spoken(i * length_s, i * length_s + (0.5 if i % 4 == 3 else length_s - 0.1), line)
        for i, line in enumerate(lines)
    ]

    theirs = Whisperx(folder / "align-en").align(texts, samples)
    mine = ours(folder / "align-en", "en", texts, samples)
    mended = repaired(mine, samples)

    timed = sum("start" in word for segment in theirs for word in segment["words"])
    words = [word for segment in mended for word in segment.words]
    text = "".join(segment.text for segment in mended)
    print(f"{tokens} numerals: whisperx leaves {tokens - timed} without a time, repair none")
    assert tokens >= 100
    assert assert_equal(mine, theirs) < tokens
    assert text.replace(" ", "") == "".join(NUMERALS)
    assert all(word.start_s < word.end_s for word in words)
    assert all(one.end_s <= other.start_s for one, other in itertools.pairwise(words))


def test_a_measured_word_keeps_whisperxs_time_through_repair(folder, samples, theirs):
    known = {
        (word["word"], word["start"], word["end"])
        for segment in theirs["align-en"] for word in segment["words"]
    }  # fmt: skip

    for segment in repaired(ours(folder / "align-en", "en", prose(SOUND_S), samples), samples):
        marked = " ".join(mark.text for mark in segment.marks).split()
        for word in segment.words:
            assert word.text in marked or (word.text, word.start_s, word.end_s) in known


def test_progress_rises_to_the_end_and_may_stop_the_work(folder, samples):
    aligner = Aligner(folder / "align-en", "en", "cpu", half=False)
    shares: list[float] = []

    aligner.align(prose(SOUND_S), samples, shares.append)

    assert shares == sorted(shares)
    assert len(shares) >= 3
    assert shares[-1] == 1.0
    with pytest.raises(ZeroDivisionError):
        aligner.align(prose(SOUND_S), samples, lambda share: 1 / 0)


def test_a_long_given_text_is_laid_on_the_sound_verbatim_and_in_order(folder, samples):
    aligner = Aligner(folder / "align-en", "en", "cpu", half=False)
    words = ["Twenty-one", "brown", "foxes,", "42", "of", "them", "–", "cost", "$4.50!", "", "…"] * 9

    timed = aligner.align_text(words, 1.5, 39.0, samples)

    assert [word.text for word in timed] == words
    spans = [(word.start_s, word.end_s) for word in timed if word.start_s is not None]
    assert all(1.5 <= start < end <= 39.0 for start, end in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    assert all(word.score is None for word in timed if not any(map(str.isalnum, word.text)))


def test_windows_of_long_sound_join_without_a_frame_lost_or_moved(folder, samples):
    aligner = Aligner(folder / "align-layer", "en", "cpu", half=False)

    joined = aligner._long_emission(0, len(samples), samples)

    ((_, whole),) = aligner.emissions([(0, len(samples))], samples)
    assert joined.shape == whole.shape
    # Attention sees the whole window, so the second window's frames are like those of the whole, not equal.
    second = slice(1400, -100)
    apart = [np.abs(joined[second] - np.roll(whole, shift, 0)[second]).mean() for shift in range(-3, 4)]
    assert int(np.argmin(apart)) == 3


def test_a_text_on_no_sound_has_no_times(folder, samples):
    aligner = Aligner(folder / "align-en", "en", "cpu", half=False)

    assert [word.start_s for word in aligner.align_text(["a", "b"], 80.0, 90.0, samples)] == [None, None]


def test_without_the_splitters_data_the_aligner_says_that_it_is_untrained(folder, tmp_path):
    bare = make_tiny_aligner(tmp_path / "align-en")

    assert Aligner(bare, "en", "cpu", half=False).sentences_by == "untrained punkt"
    assert Aligner(folder / "align-en", "fr", "cpu", half=False).sentences_by == "untrained punkt"
    assert Aligner(folder / "align-ko", "ko", "cpu", half=False).sentences_by == "punkt (english)"


def test_a_folder_without_a_model_is_refused_with_what_to_do(folder, tmp_path):
    with pytest.raises(EngineUnavailable, match="ecg models pull"):
        Aligner(tmp_path / "align-xx", "xx", "cpu", half=False)


class Evil:
    """Pickled, it runs code where it is read; ``mark``: the file that the code leaves."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def with_a_module_that_generates(model: Path, code: str) -> None:
    (model / "custom_generate").mkdir()
    (model / "custom_generate" / "generate.py").write_text(f"{code}\ndef generate(model): pass\n")


def with_classes_of_its_own(model: Path, code: str) -> None:
    (model / "evil.py").write_text(f"{code}\nfrom transformers import Wav2Vec2ForCTC, Wav2Vec2Config\n")
    configure(model, auto_map={"AutoConfig": "evil.Wav2Vec2Config", "AutoModelForCTC": "evil.Wav2Vec2ForCTC"})


@pytest.mark.parametrize("attack", [with_a_module_that_generates, with_classes_of_its_own])
def test_code_that_comes_with_a_model_is_not_run(folder, tmp_path, attack):
    model, mark = make_tiny_aligner(tmp_path / "align-en"), tmp_path / "ran"
    attack(model, f"open({str(mark)!r}, 'w')")
    Aligner(model, "en", "cpu", half=False)
    assert not mark.exists()


def with_kernels_of_the_hub(model: Path, mark: Path) -> None:
    configure(model, _attn_implementation_internal="somebody/kernels")


def with_pickled_weights(model: Path, mark: Path) -> None:
    (model / "model.safetensors").unlink()
    torch.save({"lm_head.weight": Evil(mark)}, model / "pytorch_model.bin")


def with_a_configuration_that_names_code(model: Path, mark: Path) -> None:
    other = model.parent / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "x", "auto_map": {"AutoConfig": "evil.X"}}))
    (other / "evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass X: pass\n")
    detector = {"model_type": "x", "_name_or_path": str(other)}
    configure(model, model_type="lightglue", trust_remote_code=True, keypoint_detector_config=detector)
    (model / "tokenizer_config.json").unlink()  # so the kind of tokenizer is asked of the configuration


@pytest.mark.parametrize(
    "attack", [with_kernels_of_the_hub, with_pickled_weights, with_a_configuration_that_names_code]
)
def test_a_model_that_needs_code_of_others_is_refused(folder, tmp_path, attack):
    model, mark = make_tiny_aligner(tmp_path / "align-en"), tmp_path / "ran"
    attack(model, mark)
    with pytest.raises(EngineUnavailable, match="ecg models pull"):
        Aligner(model, "en", "cpu", half=False)
    assert not mark.exists()


def configure(model: Path, **changed: Any) -> None:
    path = model / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.mark.gpu
def test_half_precision_in_passes_on_a_gpu_is_near_single_precision(folder, samples):
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")
    texts = prose(SOUND_S)
    exact = ours(folder / "align-en", "en", texts, samples)

    halved = Aligner(folder / "align-en", "en", "cuda", half=True).align(texts, samples, lambda share: None)

    pairs = [pair for one, two in zip(exact, halved, strict=True)
             for pair in zip(one.words, two.words, strict=True)]  # fmt: skip
    near = sum(abs(one.start_s - two.start_s) < 0.05 for one, two in pairs)
    assert near > 0.9 * len(pairs)
