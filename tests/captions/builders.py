"""Transcripts and scenarios made by hand, with defaults for what a test does not care about."""

from __future__ import annotations

from collections.abc import Sequence

from ecg.captions import Scenario, compose, load_style
from ecg.transcript import Features, Segment, Transcript, Word

SPEECH = (
    "And so, my fellow Americans, ask not what your country can do for you. "
    "Ask what you can do for your country!"
)


def make_words(
    text: str = SPEECH, start_s: float = 0.5, word_s: float = 0.3, gap_s: float = 0.05,
    volume_db: Sequence[float] | None = None, pitch_hz: Sequence[float] | None = None,
    centroid_hz: Sequence[float] | None = None,
) -> tuple[Word, ...]:
    """The words of ``text`` one after the other; features only where they are given."""
    words = []
    for index, token in enumerate(text.split()):
        features = Features(
            volume_db=volume_db[index] if volume_db else None,
            pitch_hz=pitch_hz[index] if pitch_hz else None,
            spectral_centroid=centroid_hz[index] if centroid_hz else None,
        )
        begin = start_s + index * (word_s + gap_s)
        words.append(Word(token, round(begin, 3), round(begin + word_s, 3), None, features))
    return tuple(words)


def make_segment(words: Sequence[Word], speaker: str | None = "SPEAKER_00") -> Segment:
    return Segment(words[0].start_s, words[-1].end_s, tuple(words), speaker)


def make_transcript(*segments: Segment, language: str = "en", duration_s: float | None = None) -> Transcript:
    segments = segments or (make_segment(make_words()),)
    last_s = max((word.end_s for segment in segments for word in segment.words), default=0.0)
    return Transcript(segments, (), language, duration_s or last_s + 1)


def make_scenario(
    *segments: Segment, width: int = 1920, height: int = 1080, **transcript: object
) -> Scenario:
    """A scenario in the default style; the other arguments are those of `make_transcript`."""
    return compose(make_transcript(*segments, **transcript), load_style(), width, height)


def two_speakers() -> tuple[Segment, ...]:
    """Two people, of whom the second talks into the first's words; loud, soft, high and low ones."""
    count = len(SPEECH.split())
    volume_db = [-20.0 + (12 if i == 6 else -14 if i == 10 else i % 3) for i in range(count)]
    pitch_hz = [120.0 + (60 if i == 4 else -35 if i == 12 else i % 4) for i in range(count)]
    reply = make_words("I will, believe me, if they let me!", start_s=5.0)
    return (
        make_segment(make_words(volume_db=volume_db, pitch_hz=pitch_hz)),
        make_segment(reply, "SPEAKER_01"),
    )
