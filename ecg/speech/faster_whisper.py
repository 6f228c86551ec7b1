"""Whisper on the CPU in int8 by CTranslate2: any language, good quality, no torch.

Weights are looked for in local folders only. The sound is decoded one chunk of speech at a time, so
progress is real and an exception raised by a signal handler is met between two chunks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import faster_whisper
import numpy as np

from ecg.errors import EngineUnavailable, LanguageUnsupported
from ecg.speech.activity import Stretch, chunks, speech_stretches
from ecg.speech.engine import ProgressCallback, Recognized
from ecg.speech.script import laid, lines_of
from ecg.speech.speakers import find_speakers
from ecg.speech.suspicion import Clues, suspicious
from ecg.speech.waveform import SAMPLE_RATE, Samples, read_wav
from ecg.transcript import Segment, Turn, Word

NAME = "faster-whisper"
DEFAULT_MODEL = "base"
_COMPUTE_TYPE = "int8"
# Whisper's window is 30 s; a chunk inside it needs one pass of the encoder. It likes context, so
# sentences stay together across the pauses between them.
_LONGEST_S = 28.0
_LONGEST_PAUSE_S = 2.0
# Without its tokenizer beside it, the library would ask a hub for one.
_NEEDED = ("model.bin", "config.json", "tokenizer.json")


def open_engine(models_dir: Path, whisper_model: str) -> FasterWhisperEngine:
    """The engine on weights found on this machine.

    ``whisper_model``: a size, a folder, or empty for `DEFAULT_MODEL`.
    Raises `EngineUnavailable` with the folder to put them in.
    """
    whisper_model = whisper_model or DEFAULT_MODEL
    for folder in _candidates(models_dir, whisper_model):
        if all((folder / name).is_file() for name in _NEEDED):
            return FasterWhisperEngine(folder, whisper_model)
    raise EngineUnavailable(
        f"The faster-whisper engine has no weights for {whisper_model!r} here: put a converted model "
        f"({', '.join(_NEEDED)}) into {models_dir / _folder_name(whisper_model)}, "
        "or name its folder in ECG_WHISPER_MODEL.",
        engine=NAME, model=whisper_model,
    )  # fmt: skip


def _folder_name(model: str) -> str:
    return f"faster-whisper-{model}"


def _candidates(models_dir: Path, model: str) -> Iterator[Path]:
    """Folders that may hold the weights: as named, under the models folder, in the hub's own cache."""
    if os.sep in model:
        yield Path(model).expanduser()
        return
    yield models_dir / _folder_name(model)
    yield models_dir / model
    hub = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")) / "hub"
    for cache in (models_dir, hub):
        yield from sorted(cache.glob(f"models--*--{_folder_name(model)}/snapshots/*"))


class FasterWhisperEngine:
    """Recognises speech with Whisper weights in ``folder``. One object decodes one file at a time."""

    name = NAME
    # A border may part what would have shared a window of 28 s: at most one pass more in about ten.
    chunk_s = 300.0
    speakers_by = "clustering"

    def __init__(self, folder: Path, model: str) -> None:
        self.folder = folder
        self.model = model

    def languages(self) -> frozenset[str] | None:
        return None if self._whisper.model.is_multilingual else frozenset({"en"})

    def transcribe(
        self, wav: Path, language: str | None, on_progress: ProgressCallback,
        stretches: Sequence[Stretch] | None = None, hotwords: Sequence[str] = (),
    ) -> Recognized:  # fmt: skip
        """See `SpeechEngine`. Without a language it is detected on the first half minute of speech."""
        asked = self._checked(language)
        samples = read_wav(wav)
        found = speech_stretches(samples) if stretches is None else stretches
        pieces = chunks(found, samples, _LONGEST_S, _LONGEST_PAUSE_S)
        if not pieces:
            on_progress(1.0)
            return Recognized((), asked or "und", ("No speech was found.",), self._metadata(None))
        spoken, probability = (asked, None) if asked else self._detected(samples, pieces)
        heard = list(self._segments(samples, pieces, spoken, hotwords, on_progress))
        segments = suspicious([segment for segment, _ in heard], [clues for _, clues in heard])
        warnings = () if segments else ("No speech was recognised.",)
        return Recognized(segments, spoken, warnings, self._metadata(probability))

    def follow(
        self, wav: Path, script: str, language: str | None, on_progress: ProgressCallback
    ) -> Recognized:
        """See `SpeechEngine`. What is recognised, without being told the script, is compared with it."""
        heard = self.transcribe(wav, language, on_progress)
        if not heard.segments:
            return heard
        words = [word for segment in heard.segments for word in segment.words]
        metadata = {**heard.metadata, "words_by": "script"}
        return replace(heard, segments=laid(lines_of(script), words), metadata=metadata)

    def find_speakers(
        self, wav: Path, speakers: int | None, on_progress: ProgressCallback
    ) -> tuple[Turn, ...]:
        """See `SpeechEngine`."""
        return find_speakers(wav, speakers, on_progress)

    def _checked(self, language: str | None) -> str | None:
        if language is None:
            return None
        code = language.lower().replace("_", "-").split("-")[0]
        known = self._whisper.supported_languages
        if code not in known:
            raise LanguageUnsupported(
                f"The Whisper model {self.model!r} does not know the language {language!r}; it knows "
                f"{', '.join(known)}. Name one of these, or none to have it detected.",
                language=language, engine=NAME, known=known,
            )  # fmt: skip
        return code

    def _metadata(self, language_probability: float | None) -> dict[str, object]:
        return {
            "engine": NAME, "model": self.model, "device": "cpu", "compute_type": _COMPUTE_TYPE,
            "language_probability": language_probability,
        }  # fmt: skip

    def _detected(self, samples: Samples, pieces: Sequence[Stretch]) -> tuple[str, float]:
        speech = np.concatenate([_sound(samples, piece) for piece in pieces[:8]])
        language, probability, _ = self._whisper.detect_language(speech)
        return language, float(probability)

    def _segments(
        self, samples: Samples, pieces: Sequence[Stretch], language: str, hotwords: Sequence[str],
        on_progress: ProgressCallback,
    ) -> Iterator[tuple[Segment, Clues]]:  # fmt: skip
        whole_s = sum(piece.end_s - piece.start_s for piece in pieces)
        done_s = 0.0
        for piece in pieces:
            # Each chunk stands alone: text before it would only carry errors over the cut.
            found, _ = self._whisper.transcribe(
                _sound(samples, piece), language=language, word_timestamps=True,
                condition_on_previous_text=False, hotwords=", ".join(hotwords) or None,
            )  # fmt: skip
            yield from _timed(found, piece)
            done_s += piece.end_s - piece.start_s
            on_progress(done_s / whole_s)

    @cached_property
    def _whisper(self) -> faster_whisper.WhisperModel:
        return faster_whisper.WhisperModel(
            str(self.folder), device="cpu", compute_type=_COMPUTE_TYPE, local_files_only=True
        )


def _sound(samples: Samples, piece: Stretch) -> np.ndarray:
    """The piece as float32 in -1..1."""
    span = samples[int(piece.start_s * SAMPLE_RATE) : int(piece.end_s * SAMPLE_RATE)]
    return span.astype(np.float32) / 32768


def _timed(
    found: Iterable[faster_whisper.transcribe.Segment], piece: Stretch
) -> Iterator[tuple[Segment, Clues]]:
    """What Whisper found in a piece, in the time of the file and inside the piece."""
    for segment in found:
        words = tuple(_word(word, piece) for word in segment.words or () if word.word.strip())
        if words:
            clues = Clues(segment.avg_logprob, segment.no_speech_prob, segment.compression_ratio)
            yield Segment(words[0].start_s, words[-1].end_s, words), clues


def _word(word: faster_whisper.transcribe.Word, piece: Stretch) -> Word:
    start_s, end_s = _within(word.start, piece), _within(word.end, piece)
    return Word(word.word.strip(), start_s, end_s, float(word.probability))


def _within(time_s: float, piece: Stretch) -> float:
    return min(piece.end_s, piece.start_s + float(time_s))
