"""Which speaker each word of a segment belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ecg.transcript import UNKNOWN_SPEAKER, Turn, Word

# Borders of turns are good to this many seconds; further away from all of them, turns are believed.
_BORDER_S = 0.3
# Nobody interjects without a breath: a change of speaker costs as much as leaving this many seconds of words
# to the wrong one, less the pause before it; where a sentence ends it is nearly free.
_CHANGE_S = 0.4
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "।")
# What a word that is surely one speaker's costs under another.
_NEVER_S = 1e6
# How far outside a turn still speaks for one speaker rather than another.
_FAR_S = 1.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A word, its speaker, and how many of its seconds lie in that speaker's turns (``None``: no turns)."""

    word: Word
    speaker: str
    covered_s: float | None


def label_words(words: Sequence[Word], turns: Sequence[Turn]) -> list[Labelled]:
    """Give each word a speaker so that the turns are followed and no lone word flickers.

    A word more than 0.3 s away from every border is whose turn it lies in. The other labels are those of
    least cost: seconds of words outside their speaker's turns, plus the changes. So a word near a border
    stays with its sentence, and one that two people talk over with the speaker of the words around it.
    ``turns`` may overlap, in any order; without any, every word is `UNKNOWN_SPEAKER`'s.
    """
    if not turns:
        return [Labelled(word, UNKNOWN_SPEAKER, None) for word in words]
    nearby = _nearby(words, turns)
    speakers = list(dict.fromkeys(turn.speaker for turn in nearby))
    costs = [_costs(word, speakers, nearby) for word in words]
    changes = [_change_s(before, after) for before, after in pairwise(words)]
    labels = [speakers[index] for index in _cheapest(costs, changes)]
    return [
        Labelled(word, speaker, _covered_s(word, speaker, nearby))
        for word, speaker in zip(words, labels, strict=True)
    ]


def _nearby(words: Sequence[Word], turns: Sequence[Turn]) -> list[Turn]:
    """The turns that touch the words, or else the nearest one: a long file has thousands."""
    start_s, end_s = words[0].start_s, words[-1].end_s
    touching = [turn for turn in turns if turn.start_s < end_s and turn.end_s > start_s]
    return touching or [min(turns, key=lambda turn: max(turn.start_s - end_s, start_s - turn.end_s))]


def _overlap_s(word: Word, turn: Turn) -> float:
    """Seconds a word lies in a turn; outside of it, minus the seconds between them."""
    return min(word.end_s, turn.end_s) - max(word.start_s, turn.start_s)


def _covered_s(word: Word, speaker: str, turns: Sequence[Turn]) -> float:
    covered = sum(max(0.0, _overlap_s(word, turn)) for turn in turns if turn.speaker == speaker)
    return min(covered, word.end_s - word.start_s)


def _change_s(before: Word, after: Word) -> float:
    ended = before.text.rstrip("\"'”’»)").endswith(_SENTENCE_ENDS)
    return max(0.0, _CHANGE_S - (after.start_s - before.end_s) - (_BORDER_S if ended else 0.0))


def _costs(word: Word, speakers: Sequence[str], turns: Sequence[Turn]) -> list[float]:
    sure = _sure_speaker(word, turns)
    return [
        _cost(word, speaker, turns) + (_NEVER_S if sure not in (None, speaker) else 0.0)
        for speaker in speakers
    ]


def _sure_speaker(word: Word, turns: Sequence[Turn]) -> str | None:
    """The one speaker in whose turn the word lies, if all borders are far from it."""
    first_s, last_s = word.start_s - _BORDER_S, word.end_s + _BORDER_S
    near = [turn for turn in turns if turn.start_s <= last_s and turn.end_s >= first_s]
    speakers = {turn.speaker for turn in near}
    inside = all(turn.start_s < first_s and turn.end_s > last_s for turn in near)
    return speakers.pop() if inside and len(speakers) == 1 else None


def _cost(word: Word, speaker: str, turns: Sequence[Turn]) -> float:
    """Seconds of the word outside the speaker's turns; past them, also how far away they are."""
    nearest = max(_overlap_s(word, turn) for turn in turns if turn.speaker == speaker)
    return word.end_s - word.start_s - _covered_s(word, speaker, turns) + min(_FAR_S, max(0.0, -nearest))


def _cheapest(costs: Sequence[Sequence[float]], changes: Sequence[float]) -> list[int]:
    """Viterbi: for each word the index of its speaker, on the path of least cost."""
    totals, steps = list(costs[0]), []
    for own, change in zip(costs[1:], changes, strict=True):
        best = min(range(len(totals)), key=totals.__getitem__)
        came_from = [now if totals[now] <= totals[best] + change else best for now in range(len(totals))]
        totals = [
            own[now] + totals[past] + (change if past != now else 0.0) for now, past in enumerate(came_from)
        ]
        steps.append(came_from)
    path = [min(range(len(totals)), key=totals.__getitem__)]
    for came_from in reversed(steps):
        path.append(came_from[path[-1]])
    return path[::-1]
