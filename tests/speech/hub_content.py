"""What the tests' hub has: as the real repositories, but small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from ecg.speech.weights import CATALOGUE
from tests.conftest import require
from tests.speech.hub_server import Hub, Repository, serving

BASE, ALIGNER, SPEAKERS = (CATALOGUE[name] for name in ("faster-whisper-base", "align-ko", "diarization"))
NEWER, FIRST, SECOND = "a" * 40, "1" * 40, "2" * 40
MODEL = bytes(range(256)) * 400


def files_of_whisper(model: bytes) -> dict[str, bytes]:
    return {"model.bin": model, "config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.txt": b"a\nb\n",
            "README.md": b"about"}  # fmt: skip


def files_of_aligner(weights: bytes) -> dict[str, bytes]:
    return {"config.json": b"{}", "vocab.json": b"{}", "pytorch_model.bin": b"old form" * 200,
            "model.safetensors": weights, "flax_model.msgpack": b"x" * 5000}  # fmt: skip


@contextmanager
def a_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running hub, and this process's settings naming it."""
    require(find_spec("huggingface_hub"), "huggingface_hub is not installed")
    from huggingface_hub import constants, utils

    pipeline = {"config.yaml": b"x: 1", "segmentation/pytorch_model.bin": b"s" * 2000, "plda/plda.npz": b"p"}
    hub = Hub({
        BASE.source: Repository(
            {BASE.revision: files_of_whisper(MODEL), NEWER: files_of_whisper(MODEL[::-1])}
        ),
        ALIGNER.source: Repository({FIRST: files_of_aligner(MODEL)}, licence="apache-2.0"),
        SPEAKERS.source: Repository({SPEAKERS.revision: pipeline}, gated=True),
    })  # fmt: skip
    # Engines tested in this process may have turned the library's network off.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    forget_connections = getattr(utils, "reset_sessions", None) or utils.close_session  # 0.x, 1.x
    forget_connections()
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with serving(hub):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
    forget_connections()
