"""A speaker embedding of the kind pyannote loads, a hundredth of the size.

pyannote imports this module by its name. It imports torch at once: nobody else does before the stack of
whisperx is prepared.
"""

from __future__ import annotations

from pyannote.audio.models.embedding.wespeaker import BaseWeSpeakerResNet
from pyannote.audio.models.embedding.wespeaker.resnet import BasicBlock, ResNet


class TinyVoiceprint(BaseWeSpeakerResNet):
    """WeSpeaker's residual network with 4 channels instead of 32, one block a layer, 32 numbers a voice."""

    def __init__(self, num_mel_bins: int = 80, **others) -> None:
        super().__init__(num_mel_bins=num_mel_bins, **others)
        self.resnet = ResNet(BasicBlock, [1, 1, 1, 1], 4, num_mel_bins, 32, "TSTP", two_emb_layer=False)
