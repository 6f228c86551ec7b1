"""Who speaks when: pyannote's pipeline from a local folder, its slowest part shared between speakers."""

from __future__ import annotations

import ctypes
import mmap
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ecg.errors import EngineUnavailable, ProcessingError
from ecg.speech.engine import ProgressCallback
from ecg.speech.waveform import SAMPLE_RATE, read_wav
from ecg.speech.whisperx import stack
from ecg.transcript import Turn

# Chunks that are segmented at once. Four take a CPU no less time, and were seen to take three to four times
# as long in a process that has run other networks too.
_SEGMENTED_AT_ONCE = 32
# Chunks whose voiceprints are made at once, each with a row for every local speaker. A CPU gains nothing
# from more; a GPU holds 32 chunks of 10 s in 2 GB.
_CHUNKS_ON_CPU, _CHUNKS_ON_GPU = 4, 32
_LOCAL_SPEAKERS = 3
# Of more voiceprints than that, those of about three quarters of an hour, only some are taken to find out
# who there is: each is compared with each, in memory. All are then given to who they are most like.
_MOST_COMPARED = 4000
# Rows of a segmentation that are told on from off at once, and samples that are made floats at once.
_ROWS, _BLOCK = 1000, 60 * SAMPLE_RATE
# Batches after which the C library gives memory back. What they let go of lies in pieces between the small
# results that are kept, so that it grows by a gigabyte an hour when nobody asks.
_BATCHES_BETWEEN_TRIMS = 16
# The steps of pyannote that tell how far they are, each with its start and end as a share of the whole.
_STEPS = {"segmentation": (0.0, 0.2), "embeddings": (0.2, 0.95)}


class Diarizer:
    """pyannote's speaker diarization, kept loaded.

    ``folder``: ``config.yaml`` in the style of pyannote's community pipelines, with the parts it names as
    ``$model/…`` beside it. ``embeddings_shared``: whether the network of the voiceprints runs once per
    chunk; for kinds of embedding that cannot be shared it runs once per speaker, as pyannote does it.
    Raises `EngineUnavailable` where the folder holds no such pipeline.
    """

    def __init__(self, folder: Path, device: str) -> None:
        stack.prepare()
        import torch

        _binarize_in_blocks()
        self.device = device
        self._pipeline = _opened(folder)
        self._pipeline.to(torch.device(device))
        _compare_fewer(self._pipeline.clustering)
        self.embeddings_shared = _share_embeddings(self._pipeline, torch.device(device))
        self._pipeline.segmentation_batch_size = _SEGMENTED_AT_ONCE
        chunks = _CHUNKS_ON_GPU if device.startswith("cuda") else _CHUNKS_ON_CPU
        # Rows of one chunk stay together, so that no chunk is looked at in two batches.
        self._pipeline.embedding_batch_size = chunks * _LOCAL_SPEAKERS

    def find_speakers(
        self, wav: Path, speakers: int | None, on_progress: ProgressCallback
    ) -> tuple[Turn, ...]:
        """Turns in a 16 kHz mono WAV file in order of their start; they overlap where people do.

        Named SPEAKER_00 … in order of first appearance; empty when nobody speaks. ``speakers``: how many
        there are, when that is known. ``on_progress`` gets the finished share, 0..1, and may raise to stop.
        Raises `ProcessingError` where the sound has too little speech to find that many.
        """
        if not len(read_wav(wav)):
            return ()
        try:
            with _on_disk(wav) as (waveform, mapped):
                file = {"waveform": waveform, "sample_rate": SAMPLE_RATE}
                found = self._pipeline(file, num_speakers=speakers, hook=_hook(on_progress, mapped))
        except ValueError as error:
            # From scikit-learn, when fewer voiceprints were taken than speakers are asked for.
            if speakers is None or "n_clusters" not in str(error):
                raise
            raise ProcessingError(
                f"There is too little speech to find {speakers} speakers in it: ask for fewer, or for none."
            ) from error
        on_progress(1.0)
        return _turns(found.speaker_diarization)


def _opened(folder: Path) -> Any:
    from pyannote.audio import Pipeline
    from pyannote.audio.pipelines import SpeakerDiarization

    try:
        pipeline = Pipeline.from_pretrained(folder)
    except (OSError, ValueError, LookupError, AttributeError, ImportError) as error:
        raise EngineUnavailable(
            f"{folder} holds no pipeline that pyannote can load ({error}): `ecg models pull` fetches one.",
            folder=str(folder),
        ) from error
    if not isinstance(pipeline, SpeakerDiarization):
        raise EngineUnavailable(
            f"{folder} holds a {type(pipeline).__name__}, not a pipeline for telling speakers apart: "
            "`ecg models pull` fetches one.", folder=str(folder),
        )  # fmt: skip
    return pipeline


def _share_embeddings(pipeline: Any, device: Any) -> bool:
    """Put the shared voiceprints in place of pyannote's, if they are of that kind."""
    from ecg.speech.whisperx.voiceprints import SharedVoiceprints

    own = getattr(pipeline, "_embedding", None)
    shared = SharedVoiceprints.in_place_of(own, device)
    if shared is not None:
        pipeline._embedding = shared
    return shared is not None


def _compare_fewer(clustering: Any) -> None:
    """Let a clustering of pyannote group no more voiceprints than `_MOST_COMPARED`, evenly taken."""
    all_of_them = clustering.filter_embeddings

    def some_of_them(*arguments: Any, **options: Any) -> tuple[np.ndarray, ...]:
        found = all_of_them(*arguments, **options)
        count = len(found[0])
        if count <= _MOST_COMPARED:
            return found
        taken = np.linspace(0, count - 1, _MOST_COMPARED).astype(int)
        return tuple(part[taken] for part in found)

    clustering.filter_embeddings = some_of_them


def _binarize_in_blocks() -> None:
    """Tell on from off in parts, for segmentations that are no powerset: it takes 80 bytes a score."""
    from pyannote.audio.utils import signal

    def in_blocks(scores: np.ndarray, onset: float = 0.5, offset: float | None = None,
                  initial_state: bool | np.ndarray | None = None) -> np.ndarray:  # fmt: skip
        def block(rows: slice) -> np.ndarray:
            state = initial_state[rows] if isinstance(initial_state, np.ndarray) else initial_state
            return signal.binarize_ndarray(scores[rows], onset, offset, state)

        return np.concatenate([block(slice(at, at + _ROWS)) for at in range(0, len(scores), _ROWS)])

    signal.binarize.register(np.ndarray, in_blocks)


@contextmanager
def _on_disk(wav: Path) -> Iterator[tuple[Any, mmap.mmap]]:
    """The sound as pyannote takes it, a tensor of float32 in -1..1, shape (1, samples); and its mapped file.

    Four hours are a gigabyte, of which only what is looked at need be in memory.
    """
    import torch

    with tempfile.TemporaryFile(dir=wav.parent) as file:
        samples = read_wav(wav)
        for at in range(0, len(samples), _BLOCK):
            file.write(np.multiply(samples[at : at + _BLOCK], np.float32(1 / 32768), dtype=np.float32))
        file.flush()
        del samples  # mapped too, and looked at as a whole
        mapped = mmap.mmap(file.fileno(), 0)
        yield torch.from_numpy(np.frombuffer(mapped, np.float32)[None]), mapped


def _hook(on_progress: ProgressCallback, mapped: mmap.mmap) -> Any:
    """What pyannote calls as it goes; each of its steps counts from nothing. What was read is let go of."""
    reached, batches = 0.0, 0

    def hook(
        step: str, _artifact: Any, file: Any = None, total: int | None = None, completed: int = 0
    ) -> None:
        nonlocal reached, batches
        mapped.madvise(mmap.MADV_DONTNEED)
        batches += 1
        if batches % _BATCHES_BETWEEN_TRIMS == 0:
            _trim()
        if total and step in _STEPS:
            start, end = _STEPS[step]
            reached = max(reached, start + (end - start) * min(1.0, completed / total))
        on_progress(reached)

    return hook


def _trim() -> None:
    """Have the C library give back what is free, if it is one that can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _turns(annotation: Any) -> tuple[Turn, ...]:
    names: dict[str, str] = {}
    return tuple(
        Turn(float(span.start), float(span.end), names.setdefault(label, f"SPEAKER_{len(names):02d}"))
        for span, _, label in annotation.itertracks(yield_label=True)
    )
