"""The one place that prepares and imports torch, whisperx and pyannote, and loads models from local folders.

Every other module of this package calls `prepare` before it imports one of them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import logging
import os
import sys
import types
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from ecg.errors import LanguageUnsupported

log = logging.getLogger(__name__)
# Read when the libraries are imported: nothing is fetched, nothing is reported to anybody.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "PYANNOTE_METRICS_ENABLED": "false",
    "TOKENIZERS_PARALLELISM": "false",
}
_VERSIONS_OF = ("whisperx", "torch", "ctranslate2", "pyannote.audio", "transformers")
# The thresholds of whisperx at which speech begins and ends, and the longest chunk it hands to Whisper.
VAD_ONSET, VAD_OFFSET, CHUNK_S = 0.5, 0.363, 30


@cache
def prepare() -> None:
    """Make this process fit to import whisperx: offline, silent, and with a torchaudio that imports."""
    os.environ.update(OFFLINE)
    # The light engine may have imported the hub's client before, with other settings.
    if constants := sys.modules.get("huggingface_hub.constants"):
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
    # pyannote warns at length that it cannot decode files by itself; it is only ever given samples.
    warnings.filterwarnings("ignore", message=r"(?s).*torchcodec", category=UserWarning)
    _import_torchaudio()


def _import_torchaudio() -> None:
    """PyPI's torchaudio is linked to CUDA and cannot load its library beside a CPU build of torch.

    Nothing of that library is used here: a stand-in says that there is none.
    """
    try:
        import torchaudio  # noqa: F401
    except OSError as error:
        log.info("torchaudio without its own library (%s)", error)
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules["torchaudio._extension"] = _no_extension()
        importlib.import_module("torchaudio")


def _quieten() -> None:
    """Let whisperx and Lightning say errors only: they set their own levels when they are imported."""
    for name in ("whisperx", "lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _no_extension() -> types.ModuleType:
    module: Any = types.ModuleType("torchaudio._extension")
    module._IS_TORCHAUDIO_EXT_AVAILABLE = module._IS_ALIGN_AVAILABLE = False
    module._check_cuda_version = lambda: None
    module.fail_if_no_align = lambda function: function
    return module


@cache
def device() -> str:
    """``cuda`` where torch sees a GPU, else ``cpu``."""
    prepare()
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """The libraries whose results these are, by name."""
    return {name: importlib.metadata.version(name) for name in _VERSIONS_OF}


def is_multilingual(folder: Path) -> bool:
    """Whether a converted Whisper knows languages; its weights need not be loaded for that."""
    return bool(json.loads((folder / "config.json").read_text()).get("lang_ids"))


def known_language(folder: Path, model: str, language: str | None) -> str | None:
    """Whisper's code for a language tag such as ``pt-BR``; raises `LanguageUnsupported` where it has none."""
    if language is None:
        return None
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    code = language.lower().replace("_", "-").split("-")[0]
    known = sorted(_LANGUAGE_CODES) if is_multilingual(folder) else ["en"]
    if code not in known:
        raise LanguageUnsupported(
            f"The Whisper model {model!r} does not know the language {language!r}; it knows "
            f"{', '.join(known)}. Name one of these, or none to have it detected.",
            language=language, engine="whisperx", known=known,
        )  # fmt: skip
    return code


def open_whisper(folder: Path, device: str, compute_type: str) -> Any:
    """whisperx's ``WhisperModel`` on converted weights in a folder."""
    prepare()
    from whisperx.asr import WhisperModel

    _quieten()
    return WhisperModel(
        str(folder), device=device, compute_type=compute_type, local_files_only=True, cpu_threads=_threads()
    )


def open_vad(device: str) -> Any:
    """whisperx's voice activity model, which is inside its wheel."""
    prepare()
    import torch
    from whisperx.vads import Pyannote

    _quieten()
    return Pyannote(torch.device(device), vad_onset=VAD_ONSET)


def _threads() -> int:
    import torch

    return torch.get_num_threads()
