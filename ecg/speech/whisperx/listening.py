"""What is said and about when: voice activity, then Whisper over chunks of at most 30 s, in batches.

Texts and spans are those of whisperx 3.8.6 (``FasterWhisperPipeline.transcribe``) for the same sound and
weights. Quicker than it: chunks of like length share a batch, and spectrograms are made beside the search.
"""

from __future__ import annotations

import gc
import threading
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ecg.speech.activity import Stretch
from ecg.speech.engine import ProgressCallback
from ecg.speech.memory_ladder import MemoryLadder, Rung
from ecg.speech.suspicion import Clues
from ecg.speech.timing import Spoken
from ecg.speech.waveform import SAMPLE_RATE, Samples
from ecg.speech.whisperx import stack

WINDOW_SAMPLES = 30 * SAMPLE_RATE
# Share of the work that finding speech is, for progress.
_VAD_SHARE = 0.1
_WARMING_TOKENS = 8
# What whisperx asks of the search.
_SEARCH = {
    "beam_size": 5, "patience": 1, "length_penalty": 1, "repetition_penalty": 1, "no_repeat_ngram_size": 0,
    "suppress_blank": True, "suppress_tokens": [-1],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """Chunks with their text in order of time, and what the decoder thought of each.

    ``language_probability``: of the detected language; ``None`` where it was asked for.
    """

    spoken: tuple[Spoken, ...]
    clues: tuple[Clues, ...]
    language: str
    language_probability: float | None


class Listener:
    """Voice activity and Whisper, kept loaded. Of several threads one listens, the others wait.

    ``folder``: a converted Whisper. ``ladder``: how to run it. ``finding``: where voice activity is found.
    ``open_whisper``: loads weights, given folder, device and compute type.
    """

    def __init__(
        self, folder: Path, ladder: MemoryLadder, finding: MemoryLadder,
        open_whisper: Callable[[Path, str, str], Any] = stack.open_whisper,
    ) -> None:  # fmt: skip
        self._folder, self._ladder, self._finding = folder, ladder, finding
        self._open_whisper = open_whisper
        self._vad: tuple[str, Any] | None = None
        self._loaded: tuple[tuple[str, str], Any] | None = None
        self._alone = threading.Lock()
        self._prefetch = ThreadPoolExecutor(1, thread_name_prefix="spectrograms")

    def warm(self) -> None:
        """Load everything and run it once, so that the first job does not pay for it."""
        with self._alone:
            self._ladder.run(self._whisper)
            self._chunks(np.zeros(5 * SAMPLE_RATE, np.int16))

    def listen(
        self, samples: Samples, language: str | None, hotwords: Sequence[str], on_progress: ProgressCallback
    ) -> Heard:
        """Recognise int16 samples at 16 kHz; times are seconds in them, to the millisecond.

        Without ``language`` it is detected in the first 30 s from where speech begins.
        """
        with self._alone:
            return self._listened(samples, language, hotwords, on_progress)

    def _listened(
        self, samples: Samples, language: str | None, hotwords: Sequence[str], on_progress: ProgressCallback
    ) -> Heard:
        chunks = self._chunks(samples) if len(samples) else []
        on_progress(_VAD_SHARE)
        if not chunks:
            return Heard((), (), language or "und", None)
        spoken, probability = (language, None) if language else self._detected(samples, chunks[0])
        decoded = self._decoded(samples, chunks, spoken, hotwords, on_progress)
        texts = tuple(
            Spoken(round(chunk.start_s, 3), round(chunk.end_s, 3), text)
            for chunk, (text, _) in zip(chunks, decoded, strict=True)
        )
        return Heard(texts, tuple(clues for _, clues in decoded), spoken, probability)

    def _chunks(self, samples: Samples) -> list[Stretch]:
        """Where somebody speaks, put together to at most 30 s, as whisperx does it."""
        stack.prepare()
        import torch
        from whisperx.vads import Pyannote

        sound = {"waveform": torch.from_numpy(_floats(samples))[None], "sample_rate": SAMPLE_RATE}
        scores = self._finding.run(lambda rung: self._activity(rung.device)(sound))
        found = Pyannote.merge_chunks(
            scores, stack.CHUNK_S, onset=stack.VAD_ONSET, offset=stack.VAD_OFFSET
        )
        return [Stretch(chunk["start"], chunk["end"]) for chunk in found]

    def _activity(self, device: str) -> Any:
        if self._vad is None or self._vad[0] != device:
            self._vad = None
            self._vad = device, stack.open_vad(device)
        return self._vad[1]

    def _detected(self, samples: Samples, first: Stretch) -> tuple[str, float]:
        begin = int(first.start_s * SAMPLE_RATE)
        bands = _bands(self._ladder.run(self._whisper))
        spectrogram = _spectrogram(samples[begin : begin + WINDOW_SAMPLES], bands)

        def detect(rung: Rung) -> tuple[str, float]:
            whisper = self._whisper(rung)
            if not whisper.model.is_multilingual:
                return "en", 1.0
            token, probability = whisper.model.detect_language(whisper.encode(spectrogram))[0][0]
            return token[2:-2], float(probability)

        return self._ladder.run(detect)

    def _decoded(
        self, samples: Samples, chunks: Sequence[Stretch], language: str, hotwords: Sequence[str],
        on_progress: ProgressCallback,
    ) -> list[tuple[str, Clues]]:  # fmt: skip
        """Text and clues of each chunk, in the order of the chunks."""
        # A batch is searched until its last text ends: long ones together, short ones together.
        waiting = sorted(range(len(chunks)), key=lambda index: chunks[index].start_s - chunks[index].end_s)
        bands = _bands(self._ladder.run(self._whisper))

        def ahead(index: int) -> Future[np.ndarray]:
            span = samples[int(chunks[index].start_s * SAMPLE_RATE) : int(chunks[index].end_s * SAMPLE_RATE)]
            return self._prefetch.submit(_spectrogram, span, bands)

        made: dict[int, Future[np.ndarray]] = {}
        results: dict[int, tuple[str, Clues]] = {}

        def decode(rung: Rung) -> list[int]:
            batch = waiting[: rung.batch_size]
            for index in waiting[: 2 * rung.batch_size]:
                if index not in made:
                    made[index] = ahead(index)
            spectrograms = np.stack([made[index].result() for index in batch])
            texts = _search(self._whisper(rung), spectrograms, language, hotwords)
            results.update(zip(batch, texts, strict=True))
            return batch

        whole_s = sum(chunk.end_s - chunk.start_s for chunk in chunks)
        done_s = 0.0
        try:
            while waiting:
                for index in self._ladder.run(decode):
                    waiting.remove(index)
                    del made[index]
                    done_s += chunks[index].end_s - chunks[index].start_s
                on_progress(_VAD_SHARE + (1 - _VAD_SHARE) * done_s / whole_s)
        finally:
            for future in made.values():
                future.cancel()
        return [results[index] for index in range(len(chunks))]

    def _whisper(self, rung: Rung) -> Any:
        """Whisper's weights as the rung wants them; others are let go first."""
        wanted = (rung.device, rung.compute_type)
        if self._loaded and self._loaded[0] == wanted:
            return self._loaded[1]
        self._loaded = None
        gc.collect()
        whisper = self._open_whisper(self._folder, *wanted)
        silence = _spectrogram(np.zeros(SAMPLE_RATE, np.int16), _bands(whisper))
        _search(whisper, silence[None], "en", (), _WARMING_TOKENS)
        self._loaded = (wanted, whisper)
        return whisper


def _bands(whisper: Any) -> int:
    return int(whisper.feat_kwargs.get("feature_size", 80))


def _search(
    whisper: Any, spectrograms: np.ndarray, language: str, hotwords: Sequence[str], longest: int | None = None
) -> list[tuple[str, Clues]]:
    """The likeliest text of each spectrogram, float32 (chunks, bands, 3000); ``longest``: in tokens."""
    from faster_whisper.tokenizer import Tokenizer

    tokenizer = Tokenizer(
        whisper.hf_tokenizer, whisper.model.is_multilingual, task="transcribe", language=language
    )
    prompt = whisper.get_prompt(
        tokenizer, [], without_timestamps=True, hotwords=", ".join(hotwords) or None
    )
    results = whisper.model.generate(
        whisper.encode(spectrograms), [prompt] * len(spectrograms), max_length=longest or whisper.max_length,
        return_scores=True, return_no_speech_prob=True, **_SEARCH,
    )  # fmt: skip
    tokens = [[token for token in result.sequences_ids[0] if token < tokenizer.eot] for result in results]
    texts = tokenizer.tokenizer.decode_batch(tokens)
    return [(text, _clues(text, result)) for text, result in zip(texts, results, strict=True)]


def _clues(text: str, result: Any) -> Clues:
    count = len(result.sequences_ids[0])
    return Clues(
        avg_logprob=result.scores[0] * count / (count + 1),
        no_speech_prob=result.no_speech_prob,
        compression_ratio=_compression_ratio(text),
    )


def _compression_ratio(text: str) -> float | None:
    """How much smaller zlib makes the text; loops of a decoder stand out by it, as in Whisper itself."""
    written = text.encode()
    return len(written) / len(zlib.compress(written)) if written else None


def _floats(samples: Samples) -> np.ndarray:
    return np.asarray(samples, np.float32) / 32768.0


def _spectrogram(samples: Samples, bands: int) -> np.ndarray:
    """Whisper's log-mel spectrogram of at most 30 s, float32 (bands, 3000)."""
    from whisperx.audio import log_mel_spectrogram

    made = log_mel_spectrogram(_floats(samples), bands, padding=WINDOW_SAMPLES - len(samples))
    return made.numpy()
