"""The engine that needs no download: pocketsphinx with the English model inside its wheel.

Draft quality. The sound is decoded one stretch of speech at a time, so progress is real and an
exception raised by a signal handler is met between two stretches. Words come from ``decoder.seg()``.
A given script is laid on the sound itself (`ecg.speech.following`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pocketsphinx

from ecg.errors import LanguageUnsupported
from ecg.speech.activity import Stretch, cut, speech_stretches
from ecg.speech.engine import ProgressCallback, Recognized
from ecg.speech.following import Follower, decoded
from ecg.speech.pronunciation import pronunciations
from ecg.speech.script import Found, lines_of, placed
from ecg.speech.speakers import find_speakers
from ecg.speech.suspicion import suspicious
from ecg.speech.waveform import SAMPLE_RATE, Samples, read_wav
from ecg.transcript import Segment, Turn, Word

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
# Hotwords are words of their own for the decoder, beside the same word in its dictionary. A word added has
# even odds among all words: more than almost any name has by itself, and no neighbours it goes with.
_HOTWORD = "+hot+"
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
    speakers_by = "clustering"

    def __init__(self) -> None:
        self._hotwords: dict[str, str] = {}
        self._listening_for: set[str] = set()

    def languages(self) -> frozenset[str]:
        return frozenset({LANGUAGE})

    def transcribe(
        self, wav: Path, language: str | None, on_progress: ProgressCallback,
        stretches: Sequence[Stretch] | None = None, hotwords: Sequence[str] = (),
    ) -> Recognized:  # fmt: skip
        """See `SpeechEngine`. Without a language the speech is taken for English, with a warning."""
        _check_language(language)
        unsayable = self._prepare(hotwords)
        samples = read_wav(wav)
        segments = suspicious(tuple(
            Segment(words[0].start_s, words[-1].end_s, words)
            for piece in _pieces(samples, stretches, on_progress)
            if (words := self._words(samples, piece))
        ), None)  # fmt: skip
        on_progress(1.0)
        warnings = (*_warnings(language, segments), *unsayable)
        return Recognized(segments, LANGUAGE, warnings, {"engine": NAME, "model": MODEL})

    def follow(
        self, wav: Path, script: str, language: str | None, on_progress: ProgressCallback
    ) -> Recognized:
        """See `SpeechEngine`. The script is compared with the sound, not with what was recognised."""
        _check_language(language)
        self._prepare(())
        samples, lines = read_wav(wav), lines_of(script)
        follower = Follower(
            [word for line in lines for word in line],
            lambda piece: [word.text for word in self._words(samples, piece)],
        )
        for piece in _pieces(samples, None, on_progress):
            follower.follow(_levelled(_sound(samples, piece)), piece)
        on_progress(1.0)
        found = follower.found()
        metadata = {"engine": NAME, "model": MODEL, "words_by": "script"}
        if all(one.start_s is None for one in found):
            return Recognized((), LANGUAGE, ("No speech was found.",), metadata)
        return Recognized(placed(lines, found), LANGUAGE, _script_warnings(language, found), metadata)

    def find_speakers(
        self, wav: Path, speakers: int | None, on_progress: ProgressCallback
    ) -> tuple[Turn, ...]:
        """See `SpeechEngine`."""
        return find_speakers(wav, speakers, on_progress)

    def _words(self, samples: Samples, piece: Stretch) -> tuple[Word, ...]:
        first, last = int(piece.start_s * SAMPLE_RATE), int(piece.end_s * SAMPLE_RATE)
        found = decoded(self._decoder, _levelled(samples[first:last]))
        words = [
            Word(
                self._written(entry.word),
                first / SAMPLE_RATE + entry.start_frame * _FRAME_S,
                min(last / SAMPLE_RATE, first / SAMPLE_RATE + (entry.end_frame + 1) * _FRAME_S),
                min(1.0, entry.prob),
            )
            for entry in found
            if entry.word[0] not in "<["  # silences and noises
        ]
        return _with_capital([part for word in words for part in _apart(word)])

    def _written(self, name: str) -> str:
        plain = _PRONUNCIATION.sub("", name)
        return self._hotwords.get(plain) or _FIRST_PERSON.sub("I", plain)

    def _prepare(self, hotwords: Sequence[str]) -> tuple[str, ...]:
        """Make just these words likely; a warning for those that have no sound."""
        if set(hotwords) != self._listening_for:
            # Words cannot be taken out of a decoder again.
            self.__dict__.pop("_decoder", None)
            self._hotwords, self._listening_for = {}, set(hotwords)
            self._add(dict.fromkeys(hotwords))
        silent = self._listening_for.difference(self._hotwords.values())
        if not silent:
            return ()
        return (f"The offline engine cannot listen for {', '.join(sorted(silent))}: it has no sound for it.",)

    def _add(self, hotwords: Iterable[str]) -> None:
        ways: list[tuple[str, str]] = []
        for index, hotword in enumerate(hotwords):
            name = f"{_HOTWORD}{index}"
            for number, phones in enumerate(pronunciations(hotword, self._decoder.lookup_word), 1):
                self._hotwords[name] = hotword
                ways.append((name if number == 1 else f"{name}({number})", phones))
        for index, (name, phones) in enumerate(ways, 1):
            # The search is made anew once, with the last of them.
            self._decoder.add_word(name, phones, update=index == len(ways))

    @cached_property
    def _decoder(self) -> pocketsphinx.Decoder:
        # Mean normalisation over the stretch ("batch") instead of a running guess: on an old
        # recording (Kennedy, 1961) that alone takes the word error rate from 0.55 to 0.3.
        # The caps leave the words of clear speech as they are and make noisy speech 2.5 times as fast.
        return pocketsphinx.Decoder(cmn="batch", maxhmmpf=5000, maxwpf=20, loglevel="FATAL")


def _pieces(
    samples: Samples, stretches: Sequence[Stretch] | None, on_progress: ProgressCallback
) -> Iterator[Stretch]:
    """Speech in pieces that one call of the decoder takes; tells progress as each is done."""
    spoken = speech_stretches(samples) if stretches is None else stretches
    pieces = [p for stretch in spoken for p in cut(stretch, samples, _LONGEST_S)]
    whole_s = sum(piece.end_s - piece.start_s for piece in pieces)
    done_s = 0.0
    for piece in pieces:
        yield piece
        done_s += piece.end_s - piece.start_s
        on_progress(done_s / whole_s)


def _sound(samples: Samples, piece: Stretch) -> Samples:
    return samples[int(piece.start_s * SAMPLE_RATE) : int(piece.end_s * SAMPLE_RATE)]


def _apart(word: Word) -> Iterator[Word]:
    """A hotword of several words in these words, each as long as it has letters."""
    parts = word.text.split()
    letters, start_s = sum(map(len, parts)), word.start_s
    for part in parts:
        end_s = min(word.end_s, start_s + (word.end_s - word.start_s) * len(part) / letters)
        yield replace(word, text=part, start_s=start_s, end_s=end_s)
        start_s = end_s


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


def _script_warnings(language: str | None, found: Sequence[Found]) -> tuple[str, ...]:
    warnings = [] if language else ["The offline engine took the script for English."]
    unsaid = sum(one.first < one.last and one.kind is not None for one in found)
    if 2 * unsaid > sum(one.first < one.last for one in found):
        warnings.append("Most of the script was not heard; is it the script of this recording?")
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
