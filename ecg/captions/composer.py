"""From a transcript and a style to a scenario: which words stand together, where, when and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ecg.captions.expression import Voice, voices
from ecg.captions.lines import LineLimits, break_lines, line_limits
from ecg.captions.palette import assign_colors
from ecg.captions.phrases import phrases
from ecg.captions.scenario import VERSION, Cue, CueSpeaker, CueWord, Scenario
from ecg.captions.schedule import Slot, Spoken, schedule
from ecg.captions.style import Style
from ecg.transcript import UNKNOWN_SPEAKER, Transcript, Word, glued

# Recognisers give some words no length at all; a word on screen needs one.
_SHORTEST_WORD_S = 0.01
_DECIMALS = 3


@dataclass(frozen=True)
class _Phrase:
    """Words of one speaker to be shown together."""

    speaker: str
    words: tuple[CueWord, ...]

    @property
    def spoken(self) -> Spoken:
        return Spoken(min(w.start_s for w in self.words), max(w.end_s for w in self.words))


def compose(transcript: Transcript, style: Style, width: int, height: int) -> Scenario:
    """Lay ``transcript`` out in ``style`` for a picture of ``width`` × ``height`` pixels.

    Every word of the transcript that is not blank is in exactly one cue, and that cue is on screen
    during all its words.
    """
    limits = line_limits(style, width, height)
    found = [
        _Phrase(speaker, words)
        for speaker, run in _runs(transcript, style)
        for words in phrases(run, style.phrasing, limits, transcript.language)
    ]
    found.sort(key=lambda phrase: phrase.spoken.start_s)
    slots = schedule([phrase.spoken for phrase in found], style.timing, transcript.duration_s)
    cues = tuple(
        _cue(f"c{number}", phrase, slot, limits, transcript.language)
        for number, (phrase, slot) in enumerate(zip(found, slots, strict=True), start=1)
    )
    speakers = {name: CueSpeaker(color) for name, color in _colors(found, style).items()}
    language = transcript.language or "und"
    return Scenario(VERSION, width, height, transcript.duration_s, language, style, speakers, cues)


def _runs(transcript: Transcript, style: Style) -> Iterator[tuple[str, list[CueWord]]]:
    """The words of each speaker between two changes of speaker."""
    known = voices(transcript, _speaker)
    speaker = ""
    run: list[CueWord] = []
    for segment in transcript.segments:
        if _speaker(segment.speaker) != speaker:
            if run:
                yield speaker, run
            speaker, run = _speaker(segment.speaker), []
        for word in segment.words:
            if word.text.strip():
                run.append(_cue_word(word, run, known[speaker], style, transcript.language))
    if run:
        yield speaker, run


def _speaker(name: str | None) -> str:
    return name or UNKNOWN_SPEAKER


def _cue_word(word: Word, before: Sequence[CueWord], voice: Voice, style: Style, language: str) -> CueWord:
    text = " ".join(word.text.split())
    start_s = round(max(word.start_s, 0.0), _DECIMALS)
    end_s = round(max(word.end_s, start_s + _SHORTEST_WORD_S), _DECIMALS)
    look = voice.look(word.features, style)
    joined = bool(before) and glued(before[-1].text, text, language)
    return CueWord(text, start_s, end_s, look.size, look.weight, look.width, joined)


def _cue(name: str, phrase: _Phrase, slot: Slot, limits: LineLimits, language: str) -> Cue:
    # A single word wider than a line stands alone, and the player shrinks it.
    lines = break_lines(phrase.words, limits, language) or (tuple(range(len(phrase.words))),)
    start_s, end_s = round(slot.start_s, _DECIMALS), round(slot.end_s, _DECIMALS)
    return Cue(name, start_s, end_s, phrase.speaker, slot.lane, lines, phrase.words)


def _colors(found: Sequence[_Phrase], style: Style) -> dict[str, str]:
    """Colours by how long each speaker speaks: the most first; among equals, the earlier."""
    spoken_s: dict[str, float] = {}
    for phrase in found:
        spoken_s.setdefault(phrase.speaker, 0.0)
        spoken_s[phrase.speaker] += sum(word.end_s - word.start_s for word in phrase.words)
    return assign_colors(sorted(spoken_s, key=lambda name: -spoken_s[name]), style.palette)
