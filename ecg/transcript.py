"""The value types of an analysis, and their one JSON form.

    Transcript ─ segments ─ words ─ acoustic features
               └ speakers ─ baselines of loudness and pitch

Times are seconds from the start of the media. A value that was not measured is ``None``
(``null`` in JSON), never a default. The published schema is `json_schema`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

VERSION = 1
UNKNOWN_SPEAKER = "SPEAKER_00"

# Scripts and languages written without spaces between words, by the names Unicode gives their letters.
_SPACELESS_SCRIPTS = ("CJK ", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH",
                      "THAI", "LAO", "KHMER", "MYANMAR")  # fmt: skip
_SPACELESS_LANGUAGES = {"ja", "zh", "yue", "th", "lo", "km", "my"}


def glued(before: str, word: str, language: str = "") -> bool:
    """Whether ``word`` stands against the word ``before`` without a space."""
    without = (_spaceless(before[-1:]), _spaceless(word[:1]))
    return any(without) if language.split("-")[0].lower() in _SPACELESS_LANGUAGES else all(without)


def _spaceless(char: str) -> bool:
    return bool(char) and unicodedata.name(char, "").startswith(_SPACELESS_SCRIPTS)


@dataclass(frozen=True, slots=True)
class Features:
    """How a span of speech sounds, measured over its voiced or energetic frames.

    ``volume_db``: RMS level in dBFS. ``pitch_hz``: median F0 over voiced frames. ``voiced_share``:
    share of frames that are voiced, 0..1. ``spectral_centroid``: Hz. ``mfcc``: 13 mean coefficients.
    ``speaking_rate``: syllable nuclei (energy peaks) per second. ``pause_before_s``: silence before the span.
    """

    volume_db: float | None = None
    pitch_hz: float | None = None
    voiced_share: float | None = None
    spectral_centroid: float | None = None
    mfcc: tuple[float, ...] | None = None
    speaking_rate: float | None = None
    pause_before_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "volume_db": self.volume_db,
            "pitch_hz": self.pitch_hz,
            "voiced_share": self.voiced_share,
            "spectral_centroid": self.spectral_centroid,
            "mfcc": list(self.mfcc) if self.mfcc is not None else None,
            "speaking_rate": self.speaking_rate,
            "pause_before_s": self.pause_before_s,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Features:
        mfcc = data.get("mfcc")
        return cls(mfcc=tuple(mfcc) if mfcc else None, **{key: data.get(key) for key in _FEATURE_KEYS})


# Units and methods, for the published schema. Frames last 10 ms; one has energy when it is within 35 dB of
# the file's loud frames and above -65 dBFS.
_MEASURED = {
    "volume_db": "Loudness in dBFS: root mean square over the frames with energy, or over all where none "
    "has; a sine at full scale has -3.01. null: below -100 dBFS.",
    "pitch_hz": "Pitch in Hz: median F0 over the voiced frames (WORLD's DIO and StoneMask, 60 to 600 Hz; a "
    "frame counts where two looks 5 ms apart agree). null: fewer than three voiced frames.",
    "voiced_share": "Share of all frames that have a pitch, 0 to 1.",
    "spectral_centroid": "Brightness in Hz: centre of gravity of the magnitude spectrum (25 ms Hann "
    "windows), mean over the frames with energy. null: no such frame.",
    "mfcc": "Timbre: 13 mel-frequency cepstral coefficients (40 bands from 60 to 7600 Hz, natural logarithm "
    "of power, orthonormal DCT-II, the first is the level), mean over the frames with energy. null: none.",
    "speaking_rate": "Syllables per second: peaks of the level that stand out by 2 dB, over the whole span.",
    "pause_before_s": "Seconds since the word or segment before ended; of the first one, since the start.",
}
_FEATURE_KEYS = ("volume_db", "pitch_hz", "voiced_share", "spectral_centroid", "speaking_rate",
                 "pause_before_s")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written, with when it is spoken. ``confidence`` is the engine's, 0..1."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    features: Features | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "word": self.text,
            "start": self.start_s,
            "end": self.end_s,
            "confidence": self.confidence,
            "acoustic_features": self.features.to_json() if self.features else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Word:
        features = data.get("acoustic_features")
        return cls(
            data["word"], data["start"], data["end"], data.get("confidence"),
            Features.from_json(features) if features else None,
        )  # fmt: skip


class MarkKind(StrEnum):
    """Why a span of a segment deserves a second look."""

    # what may never have been said
    REPETITION = "repetition"  # the engine went round in a loop
    CREDIT = "credit"  # a phrase of subtitle credits that engines learn by heart
    NO_SPEECH = "no_speech"  # the engine itself doubts that anybody speaks
    LOW_CONFIDENCE = "low_confidence"
    LOW_ALIGNMENT = "low_alignment"  # words that fit badly to the sound at their place
    # times that were mended
    ESTIMATED_TIME = "estimated_time"  # no measured time; laid between its neighbours
    SHORTENED = "shortened"  # reached over a silence
    # how what is said deviates from a given script
    SCRIPT_INSERTION = "script_insertion"  # said, but not in the script
    SCRIPT_OMISSION = "script_omission"  # in the script, but not said
    SCRIPT_SUBSTITUTION = "script_substitution"  # something else is said


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of a segment that deserves a second look; ``text``: the words it is about."""

    kind: MarkKind
    start_s: float
    end_s: float
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": str(self.kind), "start": self.start_s, "end": self.end_s, "text": self.text}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Mark:
        return cls(MarkKind(data["kind"]), data["start"], data["end"], data["text"])


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech by one speaker. ``speaker`` is ``None`` before diarization has been merged."""

    start_s: float
    end_s: float
    words: tuple[Word, ...]
    speaker: str | None = None
    speaker_confidence: float | None = None
    features: Features | None = None
    marks: tuple[Mark, ...] = ()

    @property
    def text(self) -> str:
        """The words as one line, with spaces where their script has them."""
        text = ""
        for word in self.words:
            text += word.text if not text or glued(text, word.text) else f" {word.text}"
        return text

    def to_json(self) -> dict[str, Any]:
        return {
            "start": self.start_s,
            "end": self.end_s,
            "text": self.text,
            "speaker": {"speaker_id": self.speaker, "confidence": self.speaker_confidence},
            "words": [word.to_json() for word in self.words],
            "acoustic_features": self.features.to_json() if self.features else None,
            "warnings": [mark.to_json() for mark in self.marks],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Segment:
        speaker = data.get("speaker") or {}
        features = data.get("acoustic_features")
        return cls(
            data["start"], data["end"], tuple(Word.from_json(w) for w in data["words"]),
            speaker.get("speaker_id"), speaker.get("confidence"),
            Features.from_json(features) if features else None,
            tuple(Mark.from_json(mark) for mark in data.get("warnings", ())),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Baseline:
    """Median and spread (1.4826 × median absolute deviation) of a feature over a speaker's words."""

    median: float | None
    spread: float | None

    def to_json(self) -> dict[str, Any]:
        return {"median": self.median, "spread": self.spread}


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice in the media and what is normal for it."""

    id: str
    total_duration_s: float
    segment_count: int
    volume_db: Baseline
    pitch_hz: Baseline

    def to_json(self) -> dict[str, Any]:
        return {
            "total_duration": self.total_duration_s,
            "segment_count": self.segment_count,
            "volume_db": self.volume_db.to_json(),
            "pitch_hz": self.pitch_hz.to_json(),
        }

    @classmethod
    def from_json(cls, speaker_id: str, data: Mapping[str, Any]) -> Speaker:
        return cls(
            speaker_id, data["total_duration"], data["segment_count"],
            Baseline(**data["volume_db"]), Baseline(**data["pitch_hz"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """A span in which one speaker talks, as diarization found it."""

    start_s: float
    end_s: float
    speaker: str

    def to_json(self) -> dict[str, Any]:
        return {"start": self.start_s, "end": self.end_s, "speaker": self.speaker}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Turn:
        return cls(data["start"], data["end"], data["speaker"])


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole result of an analysis.

    ``metadata`` says how it was made: ``engine``, ``model``, ``language_asked``, ``speakers_by``,
    ``timings_s`` … ``warnings`` are sentences for the person who asked.
    """

    segments: tuple[Segment, ...]
    speakers: tuple[Speaker, ...]
    language: str
    duration_s: float
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[Word, ...]:
        """Every word in order of its segment."""
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def text(self) -> str:
        return "\n".join(segment.text for segment in self.segments)

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "segments": [segment.to_json() for segment in self.segments],
            "speakers": {speaker.id: speaker.to_json() for speaker in self.speakers},
            "text": self.text,
            "language": self.language,
            "duration": self.duration_s,
            "metadata": dict(self.metadata),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Transcript:
        return cls(
            tuple(Segment.from_json(s) for s in data["segments"]),
            tuple(Speaker.from_json(k, v) for k, v in data.get("speakers", {}).items()),
            data["language"], data["duration"], data.get("metadata", {}), tuple(data.get("warnings", ())),
        )  # fmt: skip


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `Transcript.to_json`: the published form of an analysis."""
    number, text = {"type": "number"}, {"type": "string"}
    maybe, time = {"type": ["number", "null"]}, {"type": "number", "minimum": 0}
    share = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    mfcc = {"type": ["array", "null"], "items": number, "minItems": 13, "maxItems": 13}
    forms: dict[str, dict[str, Any]] = dict.fromkeys(_FEATURE_KEYS, maybe)
    forms |= {"voiced_share": share, "mfcc": mfcc}
    features = _object({key: {**form, "description": _MEASURED[key]} for key, form in forms.items()})
    maybe_features = {"anyOf": [features, {"type": "null"}]}
    word = _object({
        "word": {"type": "string", "minLength": 1}, "start": time, "end": time, "confidence": share,
        "acoustic_features": maybe_features,
    })  # fmt: skip
    mark = _object({
        "kind": {"enum": [str(kind) for kind in MarkKind]}, "start": time, "end": time, "text": text,
    })  # fmt: skip
    segment = _object({
        "start": time, "end": time, "text": text,
        "speaker": _object({"speaker_id": {"type": ["string", "null"]}, "confidence": share}),
        "words": {"type": "array", "items": word, "minItems": 1}, "acoustic_features": maybe_features,
        "warnings": {"type": "array", "items": mark},
    })  # fmt: skip
    baseline = _object({"median": maybe, "spread": maybe})
    speaker = _object({
        "total_duration": time, "segment_count": {"type": "integer", "minimum": 1},
        "volume_db": baseline, "pitch_hz": baseline,
    })  # fmt: skip
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ECG analysis"} | _object({
        "version": {"const": VERSION}, "segments": {"type": "array", "items": segment},
        "speakers": {"type": "object", "additionalProperties": speaker}, "text": text,
        "language": text, "duration": time, "metadata": {"type": "object"},
        "warnings": {"type": "array", "items": text},
    })  # fmt: skip


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object with exactly these properties."""
    return {
        "type": "object", "properties": dict(properties), "required": list(properties),
        "additionalProperties": False,
    }  # fmt: skip
