"""The steps of an analysis: ingest, transcribe, diarize, prosody, merge."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecg.captions import sidecars
from ecg.errors import InvalidMedia
from ecg.media.audio import extract_audio
from ecg.media.probe import Limits, MediaInfo, probe
from ecg.speech.engine import Recognized, SpeechEngine
from ecg.speech.merge import merge as merge_speech
from ecg.speech.prosody import Tracks, measure
from ecg.speech.waveform import HOP_S
from ecg.stages.recognition import Parts, has_words, recognize
from ecg.transcript import Transcript, Turn

Progress = Callable[[float], None]
PLOT_HOP_S = 0.05


def ingest(source: Path, audio: Path, limits: Limits, on_progress: Progress) -> MediaInfo:
    """Check what came in and leave its sound as 16 kHz mono; raises `InvalidMedia` with what to do."""
    info = probe(source, limits)
    extract_audio(source, audio, limits, on_progress)
    return info


def transcribe(
    audio: Path, out: Path, engine: SpeechEngine, language: str | None, parts: Parts, on_progress: Progress,
    *, hotwords: Sequence[str] = (), script: str | None = None,
) -> Recognized:  # fmt: skip
    """Words with times: as the engine heard them, or those of the ``script`` where they are spoken.

    A file in which nobody speaks is `InvalidMedia`.
    """
    if script:
        recognized = engine.follow(audio, script, language, on_progress)
    else:
        recognized = recognize(audio, out.parent, engine, language, parts, on_progress, hotwords)
    if not has_words(recognized):
        raise InvalidMedia(
            "No speech was found in this file. Check that the voice can be heard, and that the language is "
            f"one that the engine {engine.name} knows.", engine=engine.name,
        )  # fmt: skip
    _write(out, recognized.to_json())
    return recognized


def take_over(captions: Path, out: Path, language: str | None, duration_s: float) -> Recognized:
    """The words of a caption file, instead of what an engine hears; those after the end are left out."""
    read = sidecars.read(captions.read_bytes(), language or "", duration_s)
    inside = tuple(segment for segment in read.segments if segment.start_s < duration_s)
    if not inside:
        raise InvalidMedia("Every caption of the file comes after the end of the video; is it another's?")
    warnings = read.warnings
    if late := len(read.segments) - len(inside):
        warnings += (f"{late} captions come after the end of the video and were left out.",)
    metadata = {**read.metadata, "model": read.metadata["format"]}
    recognized = Recognized(inside, read.language, warnings, metadata)
    _write(out, recognized.to_json())
    return recognized


def diarize(
    audio: Path, out: Path, engine: SpeechEngine, speakers: int | None, on_progress: Progress
) -> tuple[Turn, ...]:
    """Who speaks when; ``speakers`` is how many the user says there are, if he does."""
    turns = engine.find_speakers(audio, speakers, on_progress)
    _write(out, {"turns": [turn.to_json() for turn in turns], "by": engine.speakers_by})
    return turns


def prosody(audio: Path, out: Path, on_progress: Progress) -> Tracks:
    """Loudness, pitch and timbre of the whole file, every 10 ms."""
    tracks = measure(audio, on_progress)
    tracks.save(out)
    return tracks


def merge(
    recognized: Path, turns: Path | None, tracks: Path, out: Path, plot: Path,
    *, duration_s: float, metadata: Mapping[str, Any],
) -> Transcript:  # fmt: skip
    """The analysis: every word with its speaker and how it was said; and the data of its plot."""
    measured = Tracks.load(tracks)
    found, by = None, None
    if turns is not None:
        told = json.loads(turns.read_text())
        found, by = tuple(Turn.from_json(turn) for turn in told["turns"]), told.get("by")
    heard = Recognized.from_json(json.loads(recognized.read_text()))
    transcript = merge_speech(heard, found, measured, duration_s, {**metadata, "speakers_by": by})
    _write(out, transcript.to_json())
    _write(plot, plot_data(measured))
    return transcript


def plot_data(tracks: Tracks) -> dict[str, Any]:
    """Loudness and pitch every 50 ms, for drawing: ``{"hop_s", "loudness_db": […], "pitch_hz": […]}``."""
    hop = round(PLOT_HOP_S / HOP_S)
    groups = len(tracks.power) // hop
    power = tracks.power[: groups * hop].reshape(groups, hop).mean(axis=1)
    pitch = np.where(tracks.voiced, tracks.f0_hz, np.nan)[: groups * hop].reshape(groups, hop)
    heard = np.isfinite(pitch)
    middle = np.nanmedian(np.where(heard.any(axis=1, keepdims=True), pitch, 0.0), axis=1)
    return {
        "hop_s": PLOT_HOP_S,
        "loudness_db": [round(float(db), 1) for db in 10 * np.log10(np.maximum(power, 1e-9))],
        "pitch_hz": [round(float(hz), 1) if hz > 0 else None for hz in middle],
    }


def _write(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, allow_nan=False))
