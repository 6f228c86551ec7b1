"""Which GPUs this machine has, to pin workers to each."""

from __future__ import annotations

import os

from ecg import gpu


def find(setting: str) -> list[str]:
    """GPUs as ``nvidia-smi`` numbers them. ``setting``: `auto`, `none`, or numbers such as ``0,1``."""
    if setting == "none":
        return []
    if setting != "auto":
        return _split(setting)
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return _split(os.environ["CUDA_VISIBLE_DEVICES"])
    return [line.split(",")[0].strip() for line in gpu.query("index")]


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip() not in {"", "-1"}]
