"""From a transcript and a style to a scenario: which words stand together, where, when and how."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from ecg.captions.expression import Voice, voices
from ecg.captions.lines import LineLimits, Unit, break_lines, chars_of, line_limits
from ecg.captions.palette import assign_colors
from ecg.captions.phrases import phrases
from ecg.captions.scenario import (
    LONGEST_NAME,
    LONGEST_WORD,
    MOST_MARKS,
    VERSION,
    Cue,
    CueSpeaker,
    CueWord,
    Scenario,
    piled_marks,
)
from ecg.captions.schedule import Slot, Spoken, schedule
from ecg.captions.style import Style
from ecg.errors import BadRequest
from ecg.transcript import UNKNOWN_SPEAKER, Baseline, Features, Speaker, Transcript, Word, glued

# Recognisers give some words no length at all; a word on screen needs one.
_SHORTEST_WORD_S = 0.01
_DECIMALS = 3
_LONGEST_S = 9e6  # 104 days; somewhat less than a scenario can say, for cues stay on a little longer
_PIXELS = range(16, 16385)
_MEASURES = tuple(field.name for field in fields(Features) if field.name != "mfcc")
# Categories of what no font draws: control characters and halves of a character.
_UNSEEN = ("Cc", "Cs")
# Embeddings, overrides and isolates of writing direction: one left open would turn the words after it round.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class _Phrase:
    """Words of one speaker to be shown together."""

    speaker: str
    row: tuple[Unit, ...]

    @property
    def words(self) -> tuple[CueWord, ...]:
        return tuple(word for unit in self.row for word in unit.words)

    @property
    def spoken(self) -> Spoken:
        start_s, end_s = min(w.start_s for w in self.words), max(w.end_s for w in self.words)
        return Spoken(start_s, end_s, self.speaker, chars_of(self.row))


def compose(transcript: Transcript, style: Style, width: int, height: int) -> Scenario:
    """Lay ``transcript`` out in ``style`` for a picture of ``width`` × ``height`` pixels.

    Every word of the transcript that is not blank is in exactly one cue, and that cue is on screen
    during all its words. Raises `BadRequest` that names the first value of the transcript which is no
    text, no number or out of range.
    """
    _check_picture(width, height)
    _check_transcript(transcript)
    limits = line_limits(style, width, height)
    found = [
        _Phrase(speaker, row)
        for speaker, run in _runs(transcript, style)
        for row in phrases(run, style.phrasing, limits, transcript.language)
    ]
    found.sort(key=lambda phrase: phrase.spoken.start_s)
    slots = schedule([phrase.spoken for phrase in found], style.timing, transcript.duration_s)
    cues = tuple(
        _cue(f"c{number}", phrase, slot, limits)
        for number, (phrase, slot) in enumerate(zip(found, slots, strict=True), start=1)
    )
    speakers = {name: CueSpeaker(color, _given_name(name)) for name, color in _colors(found, style).items()}
    language = shown_text(transcript.language) or "und"
    return Scenario(VERSION, width, height, transcript.duration_s, language, style, speakers, cues)


@lru_cache(65536)
def shown_text(text: str) -> str:
    """``text`` as it can be drawn: single spaces, no control characters, nothing that turns the direction
    of the words after it; empty when nothing is left."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    seen = (char for char in text if char.isspace() or unicodedata.category(char) not in _UNSEEN)
    return " ".join("".join(char for char in seen if char not in _TURNING).split())


def _runs(transcript: Transcript, style: Style) -> Iterator[tuple[str, list[CueWord]]]:
    """The words of each speaker between two changes of speaker."""
    known = voices(transcript, _speaker)
    speaker = ""
    run: list[CueWord] = []
    for segment in transcript.segments:
        for word in segment.words:
            text = shown_text(word.text)
            if not text:
                continue
            if _speaker(segment.speaker) != speaker:
                if run:
                    yield speaker, run
                speaker, run = _speaker(segment.speaker), []
            joined = bool(run) and _joined(run[-1].text, text, transcript.language)
            run.append(_cue_word(word, text, joined, known[speaker], style))
    if run:
        yield speaker, run


def _given_name(speaker: str) -> str | None:
    """What a caption file calls the speaker; none for a voice that was only told from others."""
    return None if re.fullmatch(r"SPEAKER_\d+", speaker) else speaker


def _speaker(name: str | None) -> str:
    return shown_text(name or "") or UNKNOWN_SPEAKER


def _joined(before: str, text: str, language: str) -> bool:
    return glued(before, text, language) or (_wide_mark(before[-1]) and _wide_mark(text[0]))


def _wide_mark(char: str) -> bool:
    """Punctuation as wide as a Chinese character, which brings its own space."""
    return unicodedata.category(char)[0] == "P" and unicodedata.east_asian_width(char) in "WF"


def _cue_word(word: Word, text: str, joined: bool, voice: Voice, style: Style) -> CueWord:
    start_s = round(max(word.start_s, 0.0), _DECIMALS)
    end_s = round(max(word.end_s, start_s + _SHORTEST_WORD_S), _DECIMALS)
    look = voice.look(word, style)
    return CueWord(
        text, start_s, end_s, look.size, look.weight, look.width, joined, look.raised, look.spacing
    )


def _cue(name: str, phrase: _Phrase, slot: Slot, limits: LineLimits) -> Cue:
    # What is wider than a line all the same stands alone, and the player shrinks it.
    lines = break_lines(phrase.row, limits) or (tuple(range(len(phrase.words))),)
    start_s, end_s = round(slot.start_s, _DECIMALS), round(slot.end_s, _DECIMALS)
    return Cue(name, start_s, end_s, phrase.speaker, slot.lane, lines, phrase.words)


def _colors(found: Sequence[_Phrase], style: Style) -> dict[str, str]:
    """Colours by how long each speaker speaks: the most first; among equals, the earlier."""
    spoken_s: dict[str, float] = {}
    for phrase in found:
        spoken_s.setdefault(phrase.speaker, 0.0)
        spoken_s[phrase.speaker] += sum(word.end_s - word.start_s for word in phrase.words)
    return assign_colors(sorted(spoken_s, key=lambda name: -spoken_s[name]), style.palette)


def _check_picture(width: int, height: int) -> None:
    for name, pixels in (("width", width), ("height", height)):
        if isinstance(pixels, bool) or not isinstance(pixels, int) or pixels not in _PIXELS:
            raise _wrong(name, f"must be a whole number from {_PIXELS[0]} to {_PIXELS[-1]}")


def _check_transcript(transcript: Transcript) -> None:
    _check_name(transcript.language, "language")
    _check_time(transcript.duration_s, "duration")
    if transcript.duration_s < 0:
        raise _wrong("duration", "must be at least 0")
    for number, speaker in enumerate(transcript.speakers):
        _check_speaker(speaker, f"speakers[{number}]")
    for number, segment in enumerate(transcript.segments):
        if segment.speaker is not None:
            _check_name(segment.speaker, f"segments[{number}].speaker.speaker_id")
        for index, word in enumerate(segment.words):
            _check_word(word, f"segments[{number}].words[{index}]")


def _check_name(name: str, path: str) -> None:
    _check_text(name, path)
    if len(name) > LONGEST_NAME:
        raise _wrong(path, f"must have at most {LONGEST_NAME} characters")


def _check_word(word: Word, path: str) -> None:
    _check_text(word.text, f"{path}.word")
    if len(word.text) > LONGEST_WORD:
        raise _wrong(f"{path}.word", f"must have at most {LONGEST_WORD} characters")
    if not word.text.isascii() and piled_marks(word.text) > MOST_MARKS:
        raise _wrong(f"{path}.word", f"must have at most {MOST_MARKS} accents on a letter")
    _check_time(word.start_s, f"{path}.start")
    _check_time(word.end_s, f"{path}.end")
    if word.features is not None:
        for name in _MEASURES:
            _check_measure(getattr(word.features, name), f"{path}.acoustic_features.{name}")


def _check_speaker(speaker: Speaker, path: str) -> None:
    _check_name(speaker.id, path)
    _check_time(speaker.total_duration_s, f"{path}.total_duration")
    baselines: dict[str, Baseline] = {"volume_db": speaker.volume_db, "pitch_hz": speaker.pitch_hz}
    for name, baseline in baselines.items():
        _check_measure(baseline.median, f"{path}.{name}.median")
        _check_measure(baseline.spread, f"{path}.{name}.spread")


def _check_text(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise _wrong(path, "must be text")


def _check_time(value: Any, path: str) -> None:
    # Written so that NaN, which compares as false, is refused as well.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LONGEST_S:
        raise _wrong(path, f"must be a number of seconds, at most {_LONGEST_S:.0f}")


def _check_measure(value: Any, path: str) -> None:
    """A number or none; NaN and infinity count as not measured, see `expression`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and (isinstance(value, float) or abs(value) < 2**63)):
        raise _wrong(path, "must be a number or null")


def _wrong(path: str, message: str) -> BadRequest:
    return BadRequest(f"{path}: {message}.", path=path)
