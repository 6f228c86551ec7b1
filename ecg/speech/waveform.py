"""The one form in which sound reaches this package: 16 kHz, mono, 16-bit WAV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import wavfile

from ecg.errors import ProcessingError

SAMPLE_RATE = 16000
HOP_S = 0.01
HOP = int(SAMPLE_RATE * HOP_S)

Samples = np.ndarray  # int16 (n,), usually mapped from the file


def read_wav(wav: Path) -> Samples:
    """Map a WAV file into memory: int16 of shape (n,). Three hours are not read before they are used.

    Raises `ProcessingError` for any other rate, channel count or sample format.
    """
    try:
        rate, samples = wavfile.read(wav, mmap=True)
    except ValueError as error:
        raise ProcessingError(f"{wav.name} is not a WAV file ({error}): extract the sound again.") from error
    if rate != SAMPLE_RATE or samples.ndim != 1 or samples.dtype != np.int16:
        raise ProcessingError(
            f"{wav.name} is {rate} Hz, {samples.dtype}, shape {samples.shape}; "
            "speech work needs 16 kHz mono 16-bit sound: extract it with ecg.media first."
        )
    return samples


def seconds(samples: Samples) -> float:
    """How long the samples last."""
    return len(samples) / SAMPLE_RATE
