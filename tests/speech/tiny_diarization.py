"""A pyannote pipeline in a folder, laid out like the published one, made in a second.

Its segmentation is the real model that whisperx ships for voice activity. Its embedding has random weights:
tiny, or in the real one's shape. The PLDA beside it is random and valid, so clusters mean little.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import yaml

SEED = 6
CONFIG = {
    "dependencies": {"pyannote.audio": "4.0.0"},
    "pipeline": {
        "name": "pyannote.audio.pipelines.SpeakerDiarization",
        "params": {
            "clustering": "VBxClustering",
            "segmentation": "$model/segmentation",
            "segmentation_batch_size": 32,
            "embedding": "$model/embedding",
            "embedding_batch_size": 32,
            "embedding_exclude_overlap": True,
            "plda": "$model/plda",
        },
    },
    # With random voiceprints the published threshold of 0.6 would see one voice everywhere.
    "params": {
        "clustering": {"threshold": 0.1, "Fa": 0.07, "Fb": 0.8},
        "segmentation": {"threshold": 0.5, "min_duration_off": 0.0},
    },
}


def make_tiny_diarization(folder: Path, full_size: bool = False) -> Path:
    """Fill ``folder`` with ``config.yaml``, ``segmentation``, ``embedding`` and ``plda``; the folder.

    ``full_size``: the embedding is pyannote's own WeSpeakerResNet34 (26 MB, random weights), which loads
    without the tests beside it. Needs whisperx and pyannote.audio.
    """
    for part in ("segmentation", "embedding", "plda"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    shutil.copy(_shipped("whisperx", "assets/pytorch_model.bin"), folder / "segmentation")
    _save_plda(folder / "plda", *_save_embedding(folder / "embedding" / "pytorch_model.bin", full_size))
    return folder


def _shipped(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / name


def _save_embedding(path: Path, full_size: bool) -> tuple[int, int]:
    """Save the embedding as Lightning would; how many numbers a voice has, and how many PLDA keeps."""
    from ecg.speech.whisperx import stack

    stack.prepare()
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34

    from tests.speech.tiny_voiceprint import TinyVoiceprint

    made = WeSpeakerResNet34 if full_size else TinyVoiceprint
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = made()
    checkpoint = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": "2.0.0",
        "pyannote.audio": {
            "versions": {"torch": "2.0.0", "pyannote.audio": "4.0.0"},
            "architecture": {"module": made.__module__, "class": made.__name__},
            "specifications": Specifications(
                problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=10.0
            ),
        },
    }
    torch.save(checkpoint, path)
    return model.dimension, model.dimension // 2


def _save_plda(folder: Path, dimension: int, kept: int) -> None:
    random = np.random.default_rng(SEED)
    lda = np.linalg.qr(random.normal(size=(dimension, kept)))[0]
    np.savez(folder / "xvec_transform.npz", mean1=np.zeros(dimension), mean2=np.zeros(kept), lda=lda)
    spread = np.linspace(20.0, 2.0, kept)
    np.savez(folder / "plda.npz", mu=np.zeros(kept), tr=np.eye(kept), psi=spread)
