"""Plain text to read: a paragraph per turn of a speaker, cut at sentence ends where there is a pause."""

from __future__ import annotations

from collections.abc import Iterator

from ecg.captions.lines import ends_sentence
from ecg.captions.scenario import Scenario
from ecg.captions.sidecars.shown import ShownWord, line_text, shown_cues, speaker_names

_PAUSE_MS = 1500


def to_text(scenario: Scenario) -> str:
    """``scenario`` as paragraphs such as ``Anna: We are here.``, without times. A single speaker who has
    no name is not named."""
    names = speaker_names(scenario)
    nameless = len(names) == 1 and all(scenario.speakers[speaker].name is None for speaker in names)
    paragraphs = (
        line_text(words) if nameless else f"{names[speaker]}: {line_text(words)}"
        for speaker, words in _paragraphs(scenario)
    )
    return "".join(f"{paragraph}\n" for paragraph in _spaced(paragraphs))


def _paragraphs(scenario: Scenario) -> Iterator[tuple[str, list[ShownWord]]]:
    speaker, words = "", list[ShownWord]()
    for cue in shown_cues(scenario):
        paused = bool(words) and ends_sentence(words[-1].text) and (
            cue.words[0].start_ms - words[-1].end_ms >= _PAUSE_MS
        )  # fmt: skip
        if words and (cue.speaker != speaker or paused):
            yield speaker, words
            words = []
        speaker = cue.speaker
        words += cue.words
    if words:
        yield speaker, words


def _spaced(paragraphs: Iterator[str]) -> Iterator[str]:
    for index, paragraph in enumerate(paragraphs):
        if index:
            yield ""
        yield paragraph
