"""Which GPUs this machine has, to pin one worker of a kind to each."""

from __future__ import annotations

import os
import shutil
import subprocess

from ecg import guard

_ANSWER_S = 20.0


def find(setting: str) -> list[str]:
    """GPUs as CUDA numbers them. ``setting``: `auto`, `none`, or numbers such as ``0,1``."""
    if setting == "none":
        return []
    if setting != "auto":
        return _split(setting)
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return _split(os.environ["CUDA_VISIBLE_DEVICES"])
    return [line.split(",")[0].strip() for line in query("index")]


def query(fields: str) -> list[str]:
    """What ``nvidia-smi`` says of each GPU, one CSV line each; empty where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    argv = [program, f"--query-gpu={fields}", "--format=csv,noheader"]
    process = guard.spawn(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        output, _ = process.communicate(timeout=_ANSWER_S)
    except subprocess.TimeoutExpired:
        # A wedged driver must not keep the stack from starting on the CPU.
        process.kill()
        process.communicate()
        return []
    return [] if process.returncode else output.decode(errors="replace").splitlines()


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip() not in {"", "-1"}]
