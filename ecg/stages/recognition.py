"""Speech recognition of recordings of any length: chunk by chunk, and a chunk that is done stays done."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ecg.speech.activity import Stretch, chunks, speech_stretches
from ecg.speech.engine import ProgressCallback, Recognized, SpeechEngine
from ecg.speech.waveform import read_wav

_PLACES_NAMED = 5


class Parts(Protocol):
    """Parts of a step's work that outlive the attempt which did them."""

    def part(self, name: str) -> Path | None:
        """The file that an attempt kept under this name, if one did."""

    def keep_part(self, name: str, path: Path) -> None:
        """Keep the file at once."""


def recognize(
    audio: Path, scratch: Path, engine: SpeechEngine, language: str | None, parts: Parts,
    on_progress: ProgressCallback, hotwords: Sequence[str] = (),
) -> Recognized:  # fmt: skip
    """What is said in a 16 kHz mono WAV file; ``hotwords`` are likely to be.

    Where there is more of it than the engine's ``chunk_s``, it is recognised in chunks, and each result is
    a part. Parts that an earlier attempt kept are taken over, unless they are of another engine, language,
    span of the sound or other hotwords. Without ``language``, that of the first chunk with words is used
    from there on.
    ``on_progress`` gets the finished share of all speech, 0..1. ``metadata["transcribe_s"]``: seconds of
    work on all chunks, whichever attempt did it.
    """
    samples = read_wav(audio)
    stretches = speech_stretches(samples)
    spans = chunks(stretches, samples, engine.chunk_s)
    if len(spans) <= 1:
        return _timed(engine, audio, language, on_progress, stretches, hotwords)
    heard: list[Recognized] = []
    for index, span in enumerate(spans):
        spoken = language or next((result.language for result in heard if has_words(result)), None)
        name, made_for = f"part-{index:04d}.json", _made_for(engine, spoken, span, hotwords)
        result = _kept(parts.part(name), made_for)
        if result is None:
            share = _share_of(spans, index, on_progress)
            result = _timed(engine, audio, spoken, share, _within(stretches, span), hotwords)
            parts.keep_part(name, _written(scratch / name, made_for, result))
        heard.append(result)
        _share_of(spans, index, on_progress)(1.0)
    return _merged(heard, _cut_short(spans, stretches))


def has_words(recognized: Recognized) -> bool:
    """Whether anybody was heard to speak."""
    return any(segment.words for segment in recognized.segments)


def _timed(
    engine: SpeechEngine, audio: Path, language: str | None, on_progress: ProgressCallback,
    stretches: Sequence[Stretch], hotwords: Sequence[str],
) -> Recognized:  # fmt: skip
    started_s = time.monotonic()
    recognized = engine.transcribe(audio, language, on_progress, stretches, hotwords)
    taken_s = round(time.monotonic() - started_s, 2)
    return replace(recognized, metadata={**recognized.metadata, "transcribe_s": taken_s})


def _share_of(spans: Sequence[Stretch], index: int, on_progress: ProgressCallback) -> ProgressCallback:
    """Takes progress within one of the spans and tells progress within all of them."""
    lengths_s = [span.end_s - span.start_s for span in spans]
    done_s, own_s, whole_s = sum(lengths_s[:index]), lengths_s[index], sum(lengths_s)
    return lambda share: on_progress((done_s + share * own_s) / whole_s)


def _within(stretches: Sequence[Stretch], span: Stretch) -> list[Stretch]:
    return [
        Stretch(max(stretch.start_s, span.start_s), min(stretch.end_s, span.end_s))
        for stretch in stretches
        if stretch.start_s < span.end_s and stretch.end_s > span.start_s
    ]


def _made_for(
    engine: SpeechEngine, language: str | None, span: Stretch, hotwords: Sequence[str]
) -> dict[str, Any]:
    """What a part depends on: another attempt may run elsewhere, on another engine."""
    return {
        "engine": engine.name, "model": engine.model, "language": language,
        "start": span.start_s, "end": span.end_s,
        "hotwords": list(hotwords),
    }  # fmt: skip


def _kept(path: Path | None, made_for: Mapping[str, Any]) -> Recognized | None:
    if path is None:
        return None
    part = json.loads(path.read_text())
    return Recognized.from_json(part["recognized"]) if part["made_for"] == made_for else None


def _written(path: Path, made_for: Mapping[str, Any], result: Recognized) -> Path:
    path.write_text(json.dumps({"made_for": made_for, "recognized": result.to_json()}, ensure_ascii=False))
    return path


def _merged(heard: Sequence[Recognized], cut_short_s: Sequence[float]) -> Recognized:
    """The results of all chunks as one. Chunks without words say nothing, unless there are no others."""
    speaking = [result for result in heard if has_words(result)] or heard[:1]
    said = dict.fromkeys(warning for result in speaking for warning in result.warnings)
    taken_s = sum(result.metadata["transcribe_s"] for result in heard)
    return Recognized(
        tuple(segment for result in speaking for segment in result.segments),
        speaking[0].language,
        (*said, *_warnings(cut_short_s)),
        {**speaking[0].metadata, "transcribe_s": round(taken_s, 2)},
    )


def _cut_short(spans: Sequence[Stretch], stretches: Sequence[Stretch]) -> list[float]:
    """Where a span ends in the middle of speech, in seconds."""
    ends_s = [span.end_s for span in spans]
    return [end_s for end_s in ends_s if any(s.start_s < end_s < s.end_s for s in stretches)]


def _warnings(cut_short_s: Sequence[float]) -> tuple[str, ...]:
    if not cut_short_s:
        return ()
    places = ", ".join(f"{int(s) // 60}:{int(s) % 60:02d}" for s in cut_short_s[:_PLACES_NAMED])
    if len(cut_short_s) > _PLACES_NAMED:
        places += f" and {len(cut_short_s) - _PLACES_NAMED} more places"
    return (f"Nobody pauses around {places}, where the sound had to be cut; check the words there.",)
