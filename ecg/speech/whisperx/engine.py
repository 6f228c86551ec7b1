"""The production engine: Whisper, aligned words and pyannote speakers on models that stay loaded."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ecg.speech import speakers as light_speakers
from ecg.speech.activity import Stretch, chunks, speech_stretches
from ecg.speech.engine import ProgressCallback, Recognized
from ecg.speech.memory_ladder import Rung
from ecg.speech.script import laid, lines_of
from ecg.speech.suspicion import Clues, suspicious, weakly_aligned
from ecg.speech.timing import AlignedSegment, Spoken, repaired
from ecg.speech.waveform import SAMPLE_RATE, Samples, read_wav
from ecg.speech.whisperx import NAME, stack
from ecg.speech.whisperx.listening import Heard
from ecg.speech.whisperx.models import Choices, Models
from ecg.transcript import Segment, Turn

# With large-v3 in 16 bits this many chunks of 30 s, five hypotheses each, fit into 6 GB.
BATCH_SIZE = 8
# Mean probability of a word's letters below which the text hardly fits the sound; usual are 0.6 to 0.95.
_WEAK_SCORE = 0.2
# Share of the work that listening is, for progress.
_LISTENING = 0.7


@dataclass
class _Job:
    """One piece of work on its way: seconds taken by each stage, and what to tell about it."""

    timings_s: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    aligner: str | None = None

    def timed(self, stage: str, work: Callable[[], Any]) -> Any:
        started_s = time.monotonic()
        result = work()
        self.timings_s[stage] = round(time.monotonic() - started_s, 3)
        return result


class WhisperXEngine:
    """See `SpeechEngine`. Models load at the first job, or at `warm`, and stay; see `Models`.

    ``folder``: the converted Whisper. One object may tell speakers apart beside recognising, in two threads.
    """

    name = NAME
    # About two dozen of Whisper's windows: three full batches, and no more is lost with a killed worker.
    chunk_s = 600.0

    def __init__(
        self, models_dir: Path, folder: Path, model: str, choices: Choices | None = None, idle_s: float = 0.0
    ) -> None:
        self.model = model
        self._folder = folder
        self._models = Models(models_dir, folder, choices or Choices(BATCH_SIZE), idle_s)

    @property
    def speakers_by(self) -> str:
        """What `find_speakers` uses: pyannote where its folder is, else the light engines' way."""
        return "pyannote" if self._models.diarization_folder() else "clustering"

    @property
    def loaded(self) -> bool:
        """Whether any model is in memory."""
        return self._models.loaded

    def languages(self) -> frozenset[str] | None:
        return None if stack.is_multilingual(self._folder) else frozenset({"en"})

    def warm(self) -> None:
        """Load what every job needs and run it once; a worker calls it before it takes work."""
        with self._models.in_use():
            self._models.listener().warm()
            if folder := self._models.diarization_folder():
                self._models.diarizing.run(partial(self._models.diarizer, folder))

    def close(self) -> None:
        """Let go of all models; the next job loads them again."""
        self._models.close()

    def transcribe(
        self, wav: Path, language: str | None, on_progress: ProgressCallback,
        stretches: Sequence[Stretch] | None = None, hotwords: Sequence[str] = (),
    ) -> Recognized:  # fmt: skip
        """See `SpeechEngine`. ``stretches``: from the first one's start to the last one's end is worked on.

        A language without an alignment model gets times laid by the length of words, marked, with a warning.
        """
        asked = stack.known_language(self._folder, self.model, language)
        samples, begin_s = _span(read_wav(wav), stretches)
        job = _Job()
        first, second = _parts(on_progress)
        with self._models.in_use():
            listener = self._models.listener()
            heard = job.timed("listening", lambda: listener.listen(samples, asked, hotwords, first))
            aligned = job.timed("aligning", lambda: self._aligned(job, heard, samples, second))
            segments = job.timed("repairs", lambda: _judged(repaired(aligned, samples), heard))
        if not segments:
            job.warnings.append("No speech was recognised." if heard.spoken else "No speech was found.")
        on_progress(1.0)
        shifted = tuple(_shifted(segment, begin_s) for segment in segments)
        return Recognized(shifted, heard.language, tuple(job.warnings), self._metadata(job, heard))

    def follow(
        self, wav: Path, script: str, language: str | None, on_progress: ProgressCallback
    ) -> Recognized:
        """See `SpeechEngine`: the script's words take the measured times of the same words as heard."""
        samples = read_wav(wav)
        spans = chunks(speech_stretches(samples), samples, self.chunk_s)
        heard: list[Recognized] = []
        for index, span in enumerate(spans):
            spoken = language or next((part.language for part in heard if part.segments), None)
            share = partial(_share_of_one, index, len(spans), on_progress)
            heard.append(self.transcribe(wav, spoken, share, [span]))
        first = next((part for part in heard if part.segments), None)
        if not first:
            return self.transcribe(wav, language, on_progress, ())
        words = [word for part in heard for segment in part.segments for word in segment.words]
        warnings = dict.fromkeys(warning for part in heard if part.segments for warning in part.warnings)
        told = {**first.metadata, "words_by": "script"}
        return Recognized(laid(lines_of(script), words), first.language, tuple(warnings), told)

    def find_speakers(
        self, wav: Path, speakers: int | None, on_progress: ProgressCallback
    ) -> tuple[Turn, ...]:
        """See `SpeechEngine`; `speakers_by` says who did it."""
        folder = self._models.diarization_folder()
        if not folder:
            return light_speakers.find_speakers(wav, speakers, on_progress)

        def find(rung: Rung) -> tuple[Turn, ...]:
            return self._models.diarizer(folder, rung).find_speakers(wav, speakers, on_progress)

        with self._models.in_use():
            return self._models.diarizing.run(find)

    def _aligned(
        self, job: _Job, heard: Heard, samples: Samples, on_progress: ProgressCallback
    ) -> Sequence[AlignedSegment]:
        """What was heard, in sentences with words; without an alignment model the words have no times."""
        folder = self._models.aligner_folder(heard.language)
        if not heard.spoken:
            return ()
        if not folder:
            job.warnings.append(
                f"There is no alignment model for the language {heard.language!r} here "
                f"(align-{heard.language}): the times of words are estimated from their length. "
                "`ecg models pull` fetches it."
            )
            return [_unaligned(spoken) for spoken in heard.spoken]

        def align(rung: Rung) -> Sequence[AlignedSegment]:
            aligner = self._models.aligner(folder, heard.language, rung)
            job.aligner = f"{folder.name}, sentences by {aligner.sentences_by}"
            return aligner.align(heard.spoken, samples, on_progress)

        return self._models.aligning.run(align)

    def _metadata(self, job: _Job, heard: Heard) -> dict[str, Any]:
        rung = self._models.listening.rung
        return {
            "engine": NAME, "model": self.model, "device": rung.device, "compute_type": rung.compute_type,
            "batch_size": rung.batch_size, "language_probability": heard.language_probability,
            "aligner": job.aligner, "versions": stack.versions(), "timings_s": job.timings_s,
            "memory_steps": self._models.memory_steps(),
        }  # fmt: skip


def _parts(on_progress: ProgressCallback) -> tuple[ProgressCallback, ProgressCallback]:
    """Progress of listening and of aligning, each 0..1, as parts of the whole."""
    return (
        lambda share: on_progress(share * _LISTENING),
        lambda share: on_progress(_LISTENING + share * (1 - _LISTENING)),
    )


def _share_of_one(index: int, count: int, on_progress: ProgressCallback, share: float) -> None:
    on_progress((index + share) / count)


def _span(samples: Samples, stretches: Sequence[Stretch] | None) -> tuple[Samples, float]:
    """The samples to work on, and where they begin, in seconds."""
    if stretches is None:
        return samples, 0.0
    if not stretches:
        return samples[:0], 0.0
    first, last = int(stretches[0].start_s * SAMPLE_RATE), round(stretches[-1].end_s * SAMPLE_RATE)
    return samples[first:last], first / SAMPLE_RATE


def _unaligned(spoken: Spoken) -> AlignedSegment:
    return AlignedSegment(spoken.start_s, spoken.end_s, (), spoken.text.strip())


def _judged(segments: Sequence[Segment], heard: Heard) -> tuple[Segment, ...]:
    """The segments, marked where they deserve a second look by what the decoder thought of their chunk."""
    starts_s = [spoken.start_s for spoken in heard.spoken]
    clues: list[Clues] = []
    for segment in segments:
        middle_s = (segment.start_s + segment.end_s) / 2
        clues.append(heard.clues[max(0, bisect_right(starts_s, middle_s) - 1)])
    judged = suspicious(segments, clues)
    return tuple(
        replace(segment, marks=(*segment.marks, *weakly_aligned(segment.words, _WEAK_SCORE)))
        for segment in judged
    )


def _shifted(segment: Segment, by_s: float) -> Segment:
    """The segment in the time of the file."""
    if not by_s:
        return segment

    def later(part: Any) -> Any:
        return replace(part, start_s=round(part.start_s + by_s, 3), end_s=round(part.end_s + by_s, 3))

    words, marks = tuple(map(later, segment.words)), tuple(map(later, segment.marks))
    return replace(later(segment), words=words, marks=marks)
