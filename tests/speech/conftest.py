"""The models that tests of the engine whisperx share: made once, loaded once."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require


def has_whisperx() -> bool:
    """Whether the libraries are here, and the vocabulary that the tiny Whisper is made from."""
    return all(importlib.util.find_spec(name) for name in ("torch", "whisperx", "transformers", "whisper"))


@pytest.fixture(scope="session")
def whisperx_stack() -> Iterator[None]:
    """Skips (in CI: fails) where the stack of whisperx is not installed."""
    require(has_whisperx(), "the stack of whisperx is missing: ECG_WHISPERX=1 script/setup test")
    from ecg.speech.whisperx import stack

    stack.prepare()
    import torch

    torch.set_num_threads(2)  # tests run in pairs
    gc.freeze()  # else each release of a model searches all of torch for garbage: half a second
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def tiny_models(whisperx_stack: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with tiny weights of all kinds; the Whisper in it is ``tiny``."""
    from tests.speech.tiny_models import make_tiny_models

    return make_tiny_models(tmp_path_factory.mktemp("whisperx-models"))


@pytest.fixture(scope="session")
def conversation(whisperx_stack: None) -> Path:
    """30 s of two people talking, 16 kHz mono, which the package pyannote.audio carries."""
    spec = importlib.util.find_spec("pyannote.audio")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "sample" / "sample.wav"
