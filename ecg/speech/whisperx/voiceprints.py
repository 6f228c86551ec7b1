"""Speaker embeddings of pyannote whose network looks at a piece of sound once, for all of its speakers.

Imported by `ecg.speech.whisperx.diarizing` alone, once `stack.prepare` has run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pyannote.audio.models.embedding.wespeaker import BaseWeSpeakerResNet
from pyannote.audio.pipelines.speaker_verification import PyannoteAudioPretrainedSpeakerEmbedding


class SharedVoiceprints(PyannoteAudioPretrainedSpeakerEmbedding):
    """In place of pyannote's: the same numbers for the same rows.

    pyannote asks with a row for every local speaker of a chunk: the chunk's sound, and a mask of when the
    speaker talks. The mask enters only where the network's frames are pooled, so neighbouring rows of the
    same sound share one pass; and a mask that is empty needs none, as it weighs every frame with zero.
    """

    @classmethod
    def in_place_of(cls, embedding: Any, device: torch.device) -> SharedVoiceprints | None:
        """On the same weights, or ``None`` where they are not one of WeSpeaker's residual networks."""
        if not isinstance(embedding, PyannoteAudioPretrainedSpeakerEmbedding):
            return None
        model = embedding.model_
        return cls(model, device=device) if isinstance(model, BaseWeSpeakerResNet) else None

    def __call__(self, waveforms: torch.Tensor, masks: torch.Tensor | None = None) -> np.ndarray:
        """The embeddings (rows, dimension) of ``waveforms`` (rows, 1, samples) under ``masks`` (rows, n)."""
        if masks is None:
            return super().__call__(waveforms)
        passes, pass_of = _passes(waveforms, masks)
        model: Any = self.model_
        with torch.inference_mode():
            frames = model.forward_frames(waveforms[passes].to(self.device))
            embeddings = model.forward_embedding(frames[pass_of], masks.to(self.device))
        return embeddings.cpu().numpy()


def _passes(waveforms: torch.Tensor, masks: torch.Tensor) -> tuple[list[int], list[int]]:
    """The rows that must go through the network, and for every row the pass whose frames it pools."""
    passes: list[int] = []
    pass_of: list[int] = []
    for row, (waveform, mask) in enumerate(zip(waveforms, masks, strict=True)):
        if mask.any() and not (passes and torch.equal(waveform, waveforms[passes[-1]])):
            passes.append(row)
        pass_of.append(max(0, len(passes) - 1))
    return passes or [0], pass_of
