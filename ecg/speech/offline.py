"""The engine that needs no download: pocketsphinx with the English model inside its wheel.

Draft quality. The sound is decoded one stretch of speech at a time, so progress is real and an
exception raised by a signal handler is met between two stretches. Words come from ``decoder.seg()``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pocketsphinx

from ecg.errors import LanguageUnsupported
from ecg.speech.activity import Stretch, cut, speech_stretches
from ecg.speech.engine import ProgressCallback, Recognized
from ecg.speech.waveform import SAMPLE_RATE, Samples, read_wav
from ecg.transcript import Segment, Word

NAME = "offline"
MODEL = "pocketsphinx en-us"
LANGUAGE = "en"

# One decoder call cannot be interrupted; at 0.2 to 0.4 × real time on one core this one ends within 4 s.
_LONGEST_S = 10.0
_FRAME_S = 0.01
# Level at which the front end works best: -3 dBFS; quiet speech is raised by 30 dB at most.
_PEAK = 23000.0
_MOST_GAIN = 32.0
# Digital silence breaks the front end's logarithms; this much noise is far below any speech.
_NOISE_SD = 5.0
_PRONUNCIATION = re.compile(r"\(\d+\)$")
_FIRST_PERSON = re.compile(r"^i(?='|$)")


def open_engine(models_dir: Path, whisper_model: str) -> OfflineEngine:
    """The offline engine; its model is inside the package, so both arguments go unused."""
    return OfflineEngine()


class OfflineEngine:
    """Recognises English speech on any machine. One object decodes one file at a time."""

    name = NAME
    model = MODEL
    # 15 to 25 s of work. Stretches know nothing of each other, so more at once would gain nothing.
    chunk_s = 60.0

    def languages(self) -> frozenset[str]:
        return frozenset({LANGUAGE})

    def transcribe(
        self, wav: Path, language: str | None, on_progress: ProgressCallback,
        stretches: Sequence[Stretch] | None = None,
    ) -> Recognized:  # fmt: skip
        """See `SpeechEngine`. Without a language the speech is taken for English, with a warning."""
        _check_language(language)
        samples = read_wav(wav)
        spoken = speech_stretches(samples) if stretches is None else stretches
        segments = tuple(self._segments(samples, spoken, on_progress))
        on_progress(1.0)
        return Recognized(segments, LANGUAGE, _warnings(language, segments), {"engine": NAME, "model": MODEL})

    def _segments(
        self, samples: Samples, stretches: Sequence[Stretch], on_progress: ProgressCallback
    ) -> Iterator[Segment]:
        pieces = [p for stretch in stretches for p in cut(stretch, samples, _LONGEST_S)]
        whole_s = sum(piece.end_s - piece.start_s for piece in pieces)
        done_s = 0.0
        for piece in pieces:
            words = self._words(samples, piece)
            if words:
                yield Segment(words[0].start_s, words[-1].end_s, words)
            done_s += piece.end_s - piece.start_s
            on_progress(done_s / whole_s)

    def _words(self, samples: Samples, piece: Stretch) -> tuple[Word, ...]:
        first, last = int(piece.start_s * SAMPLE_RATE), int(piece.end_s * SAMPLE_RATE)
        found = self._decode(_levelled(samples[first:last]))
        words = [
            Word(
                _FIRST_PERSON.sub("I", _PRONUNCIATION.sub("", entry.word)),
                first / SAMPLE_RATE + entry.start_frame * _FRAME_S,
                min(last / SAMPLE_RATE, first / SAMPLE_RATE + (entry.end_frame + 1) * _FRAME_S),
                min(1.0, entry.prob),
            )
            for entry in found
            if entry.word[0] not in "<["  # silences and noises
        ]
        return _with_capital(words)

    def _decode(self, sound: Samples) -> list[pocketsphinx.Segment]:
        decoder = self._decoder
        # Forget the speech before: the same sound gives the same words, whatever came earlier.
        decoder.reinit_feat()
        decoder.start_utt()
        try:
            decoder.process_raw(sound.tobytes(), full_utt=True)
        finally:
            decoder.end_utt()
        return list(decoder.seg()) if decoder.hyp() else []

    @cached_property
    def _decoder(self) -> pocketsphinx.Decoder:
        # Mean normalisation over the stretch ("batch") instead of a running guess: on an old
        # recording (Kennedy, 1961) that alone takes the word error rate from 0.55 to 0.3.
        # The caps leave the words of clear speech as they are and make noisy speech 2.5 times as fast.
        return pocketsphinx.Decoder(cmn="batch", maxhmmpf=5000, maxwpf=20, loglevel="FATAL")


def _check_language(language: str | None) -> None:
    if language is not None and language.lower().replace("_", "-").split("-")[0] != LANGUAGE:
        raise LanguageUnsupported(
            f"The offline engine knows English only, not {language!r}: choose the engine faster-whisper "
            "or whisperx, which know it.", language=language, engine=NAME, known=[LANGUAGE],
        )  # fmt: skip


def _warnings(language: str | None, segments: tuple[Segment, ...]) -> tuple[str, ...]:
    warnings = ["The offline engine gives a draft: expect about one word in three to be wrong."]
    if language is None:
        warnings.append("The offline engine cannot tell languages apart; the speech was taken for English.")
    if not segments:
        warnings.append("No speech was recognised.")
    return tuple(warnings)


def _levelled(samples: Samples) -> Samples:
    """The samples at the decoder's favourite level, with a trace of noise; the same for the same sound."""
    sound = samples.astype(np.float32)
    gain = min(_MOST_GAIN, _PEAK / max(1.0, float(np.abs(sound).max(initial=0.0))))
    noise = np.random.default_rng(0).normal(0.0, _NOISE_SD, len(sound))
    return np.clip(sound * gain + noise, -32768, 32767).astype("<i2")


def _with_capital(words: list[Word]) -> tuple[Word, ...]:
    if not words:
        return ()
    first = words[0]
    text = first.text[0].upper() + first.text[1:]
    return (Word(text, first.start_s, first.end_s, first.confidence), *words[1:])
