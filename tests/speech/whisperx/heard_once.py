"""whisperx's voice activity, asked once for each sound."""

from __future__ import annotations

from typing import Any


class HeardOnce:
    """The model inside the whisperx wheel, on the CPU; who asks again is given the same scores."""

    def __init__(self) -> None:
        from ecg.speech.whisperx import stack

        self.model, self.scores = stack.open_vad("cpu"), {}

    def __call__(self, audio: dict[str, Any]) -> Any:
        key = hash(audio["waveform"].numpy().tobytes())
        if key not in self.scores:
            self.scores[key] = self.model(audio)
        return self.scores[key]
