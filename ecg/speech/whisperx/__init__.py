"""WhisperX: Whisper large-v3 in batches, wav2vec2 word times, pyannote speakers; on a GPU if there is one.

This package is the only importer of torch, whisperx, pyannote and transformers. Importing it is cheap, and
so is opening its engine: the libraries (20 s of imports) and the weights come with the first job.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ecg.config import settings
from ecg.errors import EngineUnavailable

if TYPE_CHECKING:
    from ecg.speech.whisperx.engine import WhisperXEngine

NAME = "whisperx"
DEFAULT_MODEL = "large-v3"
_LIBRARIES = ("torch", "whisperx", "pyannote.audio", "transformers", "ctranslate2", "faster_whisper")
# Without its tokenizer beside it, the library would ask a hub for one; without the last one it would take
# 80 mel bands for the 128 of large-v3.
WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json", "preprocessor_config.json")


def open_engine(models_dir: Path, whisper_model: str) -> WhisperXEngine:
    """The engine on local weights: ``whisper_model`` is a size, a folder, or empty for `DEFAULT_MODEL`.

    Raises `EngineUnavailable` with what to install or where to put weights; loads and fetches nothing.
    """
    model = whisper_model or DEFAULT_MODEL
    _check_libraries()
    folder = _whisper_folder(models_dir, model)
    from ecg.speech.whisperx.engine import WhisperXEngine
    from ecg.speech.whisperx.models import Choices

    config = settings()
    return WhisperXEngine(models_dir, folder, model, Choices(config.whisper_batch), config.models_idle_s)


def _check_libraries() -> None:
    missing = [name for name in _LIBRARIES if not _is_installed(name)]
    if missing:
        raise EngineUnavailable(
            f"The whisperx engine needs {', '.join(missing)}: `pip install 'ecg[whisperx]'` (CUDA, 8 GB), "
            "or set ECG_ENGINE=auto.", engine=NAME, missing=missing,
        )  # fmt: skip


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


def _whisper_folder(models_dir: Path, model: str) -> Path:
    folder = Path(model).expanduser() if os.sep in model else models_dir / f"faster-whisper-{model}"
    missing = [name for name in WHISPER_FILES if not (folder / name).is_file()]
    if missing:
        raise EngineUnavailable(
            f"The whisperx engine has no weights for {model!r} here: {folder} lacks {', '.join(missing)}. "
            f"Fetch them with `ecg models pull`, or name another folder in ECG_WHISPER_MODEL.",
            engine=NAME, model=model,
        )  # fmt: skip
    return folder
