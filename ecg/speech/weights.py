"""Which weights the speech engines use, where they lie, and whether they are whole.

Each set is a folder of the models folder. What was pulled is written down in ``models.lock.json`` beside
them: repository, exact revision, and size and SHA-256 of every file. Workers read these folders and never
download; `ecg.speech.hub` does, for ``ecg models pull``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ecg.errors import NotFound

LOCK = "models.lock.json"
_WHISPER = ("model.bin", "config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.*")
_WAV2VEC2 = ("config.json", "preprocessor_config.json", "tokenizer_config.json", "special_tokens_map.json",
             "added_tokens.json", "vocab.json")  # fmt: skip
_PIPELINE = ("config.yaml", "segmentation/*", "embedding/*", "plda/*")
_PUNKT = "https://raw.githubusercontent.com/nltk/nltk_data/gh-pages/packages/tokenizers/punkt_tab.zip"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Weights:
    """A set of weights, and where it comes from.

    ``name``: also that of its folder. ``source``: a repository of the hub (``owner/name``), or the address
    of a ZIP archive. ``revision``: the commit to take, of an archive its SHA-256; empty: whatever is newest
    at the first pull, which is then kept to. ``files``: patterns of what is needed; of several ``either``
    only the first that the repository has. ``size_bytes``: about. ``licence`` may be left to the hub to say.
    ``gated``: given only to those who have accepted its conditions.
    """

    name: str
    source: str
    purpose: str
    files: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    revision: str = ""
    licence: str = ""
    size_bytes: int = 0
    gated: bool = False
    into: str = ""

    @property
    def is_archive(self) -> bool:
        return self.source.startswith(("https://", "http://"))


@dataclass(frozen=True)
class LockedFile:
    """A file as it was pulled."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Locked:
    """A set as it was pulled; ``files`` by their path in its folder."""

    source: str
    revision: str
    licence: str
    files: Mapping[str, LockedFile]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files.values())


def _whisper(size: str, revision: str, size_bytes: int) -> Weights:
    return Weights(f"faster-whisper-{size}", f"Systran/faster-whisper-{size}", f"recognition, {size}",
                   _WHISPER, (), revision, "MIT", size_bytes)  # fmt: skip


def _align(language: str, source: str, revision: str = "", licence: str = "", size_bytes: int = 0) -> Weights:
    return Weights(f"align-{language}", source, f"times of words, {language}", _WAV2VEC2,
                   ("model.safetensors", "pytorch_model.bin"), revision, licence, size_bytes)  # fmt: skip


def _xlsr(language: str, name: str, revision: str = "") -> Weights:
    source = f"jonatasgrosman/wav2vec2-large-xlsr-53-{name}"
    return _align(language, source, revision, "Apache-2.0", 1_270_000_000)


# For languages that whisperx has a default for, the same model; for en, de, es, fr and it, where its default
# is a bundle of torchaudio, the model of the hub for that language.
_ALIGNERS = (
    _align("en", "facebook/wav2vec2-base-960h", "22aad52d435eb6dbaf354bdad9b0da84ce7d6156", "Apache-2.0",
           378_000_000),
    _align("ko", "kresnik/wav2vec2-large-xlsr-korean", "", "Apache-2.0", 1_270_000_000),
    _xlsr("ja", "japanese", "cf031e020336460d15a417eba710bbc5bb43be9a"),
    _xlsr("zh", "chinese-zh-cn", "99ccb2737be22b8bb50dcfcc39ad4d567fb90cfd"),
    _xlsr("de", "german"), _xlsr("es", "spanish"), _xlsr("fr", "french"), _xlsr("it", "italian"),
    _xlsr("ar", "arabic"), _xlsr("el", "greek"), _xlsr("fa", "persian"), _xlsr("fi", "finnish"),
    _xlsr("hu", "hungarian"), _xlsr("nl", "dutch"), _xlsr("pl", "polish"), _xlsr("pt", "portuguese"),
    _xlsr("ru", "russian"),
    _align("ca", "softcatala/wav2vec2-large-xlsr-catala"),
    _align("cs", "comodoro/wav2vec2-xls-r-300m-cs-250"),
    _align("da", "saattrupdan/wav2vec2-xls-r-300m-ftspeech"),
    _align("eu", "stefan-it/wav2vec2-large-xlsr-53-basque"),
    _align("gl", "ifrz/wav2vec2-large-xlsr-galician"),
    _align("he", "imvladikon/wav2vec2-xls-r-300m-hebrew"),
    _align("hi", "theainerd/Wav2Vec2-large-xlsr-hindi"),
    _align("hr", "classla/wav2vec2-xls-r-parlaspeech-hr"),
    _align("id", "cahya/wav2vec2-large-xlsr-indonesian"),
    _align("ka", "xsway/wav2vec2-large-xlsr-georgian"),
    _align("lv", "jimregan/wav2vec2-large-xlsr-latvian-cv"),
    _align("ml", "gvs/wav2vec2-large-xlsr-malayalam"),
    _align("nn", "NbAiLab/nb-wav2vec2-1b-nynorsk"),
    _align("no", "NbAiLab/nb-wav2vec2-1b-bokmaal-v2"),
    _align("ro", "gigant/romanian-wav2vec2"),
    _align("sk", "comodoro/wav2vec2-xls-r-300m-sk-cv8"),
    _align("sl", "anton-l/wav2vec2-large-xlsr-53-slovenian"),
    _align("sv", "KBLab/wav2vec2-large-voxrex-swedish"),
    _align("te", "anuragshas/wav2vec2-large-xlsr-53-telugu"),
    _align("tl", "Khalsuu/filipino-wav2vec2-l-xls-r-300m-official"),
    _align("tr", "mpoyraz/wav2vec2-xls-r-300m-cv7-turkish"),
    _align("uk", "Yehor/wav2vec2-xls-r-300m-uk-with-small-lm"),
    _align("ur", "kingabzpro/wav2vec2-large-xls-r-300m-Urdu"),
    _align("vi", "nguyenvulebinh/wav2vec2-base-vi-vlsp2020"),
)  # fmt: skip

CATALOGUE: Mapping[str, Weights] = {weights.name: weights for weights in (
    _whisper("large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478", 3_091_000_000),
    _whisper("base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66", 148_000_000),
    _whisper("small", "536b0662742c02347bc0e980a01041f333bce120", 487_000_000),
    _whisper("tiny", "d90ca5fe260221311c53c58e660288d3deb8d356", 78_000_000),
    _whisper("medium", "", 1_530_000_000),
    _whisper("large-v2", "", 3_090_000_000),
    *_ALIGNERS,
    Weights("diarization", "pyannote/speaker-diarization-community-1", "who speaks when", _PIPELINE, (),
            "3533c8cf8e369892e6b79ff1bf80f7b0286a54ee", "CC-BY-4.0", 33_000_000, gated=True),
    Weights("punkt", _PUNKT, "ends of sentences", ("punkt_tab/*",), (),
            "e57f64187974277726a3417ca6f181ec5403676c717672eef6a748a7b20e0106", "see nltk.org/nltk_data",
            4_300_000, into="tokenizers"),
)}  # fmt: skip


def named(name: str) -> Weights:
    """The set of that name; raises `NotFound` with the names there are."""
    if name not in CATALOGUE:
        raise NotFound(f"There are no weights {name!r}; `ecg models list --all` names them all.")
    return CATALOGUE[name]


def wanted(engine: str, whisper_model: str, languages: Collection[str] = ("en",)) -> list[Weights]:
    """What an engine needs, best quality; for ``auto``, the best engine whose package is installed.

    A ``whisper_model`` that is a folder, or of no size known here, is the user's own.
    """
    if engine == "auto":
        engine = next((name for name in ("whisperx", "faster-whisper") if _installed(name)), "offline")
    if engine == "offline":
        return []
    names = [f"faster-whisper-{whisper_model or _default_size(engine)}"]
    if engine == "whisperx":
        names += [*(f"align-{language}" for language in languages), "diarization", "punkt"]
    return [CATALOGUE[name] for name in names if name in CATALOGUE]


def _default_size(engine: str) -> str:
    return "large-v3" if engine == "whisperx" else "base"


def _installed(engine: str) -> bool:
    return find_spec(engine.replace("-", "_")) is not None


def missing(sets: Collection[Weights], models_dir: Path) -> list[Weights]:
    """Which of the sets are not there, or lack files that were pulled."""
    lock = read_lock(models_dir)
    return [weights for weights in sets if not is_there(weights, models_dir, lock.get(weights.name))]


def is_there(weights: Weights, models_dir: Path, locked: Locked | None) -> bool:
    """Whether its folder has everything, by names and sizes; what was put there by hand is believed."""
    folder = models_dir / weights.name
    if locked is None:
        return folder.is_dir()
    return all(
        (folder / path).is_file() and (folder / path).stat().st_size == file.size_bytes
        for path, file in locked.files.items()
    )


def damaged(folder: Path, locked: Locked) -> Iterator[str]:
    """Paths in the folder that are not what was pulled; reads every byte."""
    for path, file in locked.files.items():
        if not is_intact(folder / path, file):
            yield path


def is_intact(path: Path, file: LockedFile) -> bool:
    """Whether the file is there, byte for byte."""
    return path.is_file() and path.stat().st_size == file.size_bytes and sha256(path) == file.sha256


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def read_lock(models_dir: Path) -> dict[str, Locked]:
    """What was pulled into the folder, by name."""
    try:
        data = json.loads((models_dir / LOCK).read_text())
    except FileNotFoundError:
        return {}
    return {name: _locked(entry) for name, entry in data["weights"].items()}


def write_lock(models_dir: Path, lock: Mapping[str, Locked]) -> None:
    """Write down what was pulled; a reader sees the old or the new, never half of it."""
    draft = models_dir / f"{LOCK}.new"
    entries = {name: asdict(locked) for name, locked in sorted(lock.items())}
    draft.write_text(json.dumps({"version": 1, "weights": entries}, indent=1))
    os.replace(draft, models_dir / LOCK)


def _locked(entry: Mapping[str, Any]) -> Locked:
    files = {path: LockedFile(**file) for path, file in entry["files"].items()}
    return Locked(entry["source"], entry["revision"], entry["licence"], files)
