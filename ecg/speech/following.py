"""A script laid on the sound itself by pocketsphinx, without recognising anything first.

Each piece of speech is searched with a grammar of the script's next words. Between and instead of any
two of them it also allows what the script does not have, a loop over single phones, and leaving words
out; each of these at a price. What is said is then the cheapest way through the grammar: the script's
words with their times, and where they do not fit, spans of something else.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

import pocketsphinx

from ecg.speech.activity import Stretch
from ecg.speech.pronunciation import PHONES, pronunciations
from ecg.speech.script import Found, form
from ecg.speech.waveform import Samples
from ecg.transcript import MarkKind

# Prices as probabilities. On two clear readings no word that is said is doubted from 1e-12 down; at 1e-20
# nearly every word of four letters or more that is left out of the script, put into it or replaced is found.
_DEVIATION = 1e-20
_PHONE = 1e-6
# Each further word of a passage left out: nearly free, or the loop would take the speech after it.
_LEFT_OUT_TOO = 1e-2
_SILENCE, _NOISE = 5e-3, 5e-4
# Anything else said is at least this long; less is the edge of a word that is spoken unusually.
_SHORTEST_S = 0.07
# How many words of the script a piece may reach: what is spoken at most, and a passage left out.
_WORDS_PER_S, _SLACK_WORDS = 5.0, 30
# A piece of which so little is found has lost its place in the script.
_LOST_SHARE, _LOST_S = 0.35, 1.0
_AGREEING_WORDS = 3
# What is said just before may have been missed by the draft.
_BACK_WORDS = 3
_FRAME_S = 0.01
_OTHER = "~"


@dataclass(frozen=True, slots=True)
class _Heard:
    """A word of the script (its index) or something else (``None``), in seconds of the file."""

    index: int | None
    start_s: float
    end_s: float


def decoded(decoder: pocketsphinx.Decoder, sound: Samples) -> list[pocketsphinx.Segment]:
    """What the decoder's search finds in a piece of sound, in order; empty where it finds no way through."""
    # Forget the speech before: the same sound gives the same words, whatever came earlier.
    decoder.reinit_feat()
    decoder.start_utt()
    try:
        decoder.process_raw(sound.tobytes(), full_utt=True)
    finally:
        decoder.end_utt()
    return list(decoder.seg()) if decoder.hyp() else []


class Follower:
    """Finds a script in sound. ``recognise`` gives the words of a piece as a draft, for when it is lost."""

    def __init__(self, words: Sequence[str], recognise: Callable[[Stretch], Sequence[str]]) -> None:
        self._words, self._recognise = words, recognise
        self._next = 0
        self._heard: list[_Heard] = []
        self._names: dict[str, bool] = {}
        self._grammars = 0

    def follow(self, sound: Samples, piece: Stretch) -> None:
        """Go on with the next piece of speech; ``sound`` is what the decoder likes to hear."""
        heard = self._search(sound, piece)
        if self._lost(heard, piece) and self._jump(piece):
            heard = self._search(sound, piece)
        self._heard += heard
        self._next = max([self._next, *(one.index + 1 for one in heard if one.index is not None)])

    def found(self) -> list[Found]:
        """Every word of the script, and what else was said, in order."""
        found: list[Found] = []
        others: list[_Heard] = []
        at = 0
        for one in self._heard:
            if one.index is None:
                others.append(one)
                continue
            found += self._between(at, one.index, others)
            found.append(Found(one.index, one.index + 1, one.start_s, one.end_s))
            at, others = one.index + 1, []
        return [*found, *self._between(at, len(self._words), others)]

    def _between(self, first: int, last: int, others: Sequence[_Heard]) -> Iterator[Found]:
        """Words of the script without sound and sound without words, as they best go together."""
        spoken = [index for index in range(first, last) if form(self._words[index])]
        replaced = dict(zip(spoken, _shared(others, len(spoken)), strict=False))
        for index in range(first, last):
            if index in replaced:
                start_s, end_s = replaced[index]
                yield Found(index, index + 1, start_s, end_s, MarkKind.SCRIPT_SUBSTITUTION)
            else:
                silent = not form(self._words[index])
                yield Found(index, index + 1, kind=None if silent else MarkKind.SCRIPT_OMISSION)
        for one in others[len(spoken) :]:
            yield Found(last, last, one.start_s, one.end_s, MarkKind.SCRIPT_INSERTION)

    # --- the place in the script

    def _lost(self, heard: Sequence[_Heard], piece: Stretch) -> bool:
        followed_s = sum(one.end_s - one.start_s for one in heard if one.index is not None)
        whole_s = piece.end_s - piece.start_s
        return whole_s > _LOST_S and followed_s < _LOST_SHARE * whole_s and self._next < len(self._words)

    def _jump(self, piece: Stretch) -> bool:
        """Go to where the script goes on with what a draft of the piece says, if there is such a place."""
        draft = [form(word) for word in self._recognise(piece)]
        ahead = [form(word) for word in self._words[self._next :]]
        common = SequenceMatcher(None, ahead, draft, autojunk=False).find_longest_match()
        if common.size < _AGREEING_WORDS:
            return False
        self._next += max(0, common.a - common.b - _BACK_WORDS)
        return True

    # --- the search

    def _search(self, sound: Samples, piece: Stretch) -> list[_Heard]:
        reach = int((piece.end_s - piece.start_s) * _WORDS_PER_S) + _SLACK_WORDS
        names = self._named(range(self._next, min(len(self._words), self._next + reach)))
        if not names:
            return [_Heard(None, piece.start_s, piece.end_s)]
        self._use(_grammar([name for name, _ in names]))
        return _joined(_placed(decoded(self._decoder, sound), dict(names), piece))

    def _named(self, indices: range) -> list[tuple[str, int]]:
        """The words with something to say, each under a name of its own for the decoder."""
        names, seen = [], Counter[str]()
        for index in indices:
            said = form(self._words[index])
            if not said:
                continue
            seen[said] += 1
            name = f"={said}:{seen[said]}"
            if self._known(name, self._words[index]):
                names.append((name, index))
        return names

    def _known(self, name: str, word: str) -> bool:
        if name not in self._names:
            ways = pronunciations(word, self._decoder.lookup_word)
            for number, phones in enumerate(ways, 1):
                self._decoder.add_word(name if number == 1 else f"{name}({number})", phones, update=False)
            self._names[name] = bool(ways)
        return self._names[name]

    def _use(self, grammar: tuple[list[tuple[int, int, float] | tuple[int, int, float, str]], int]) -> None:
        transitions, final = grammar
        before, name = f"script-{self._grammars}", f"script-{self._grammars + 1}"
        self._decoder.add_fsg(name, self._decoder.create_fsg(name, 0, final, transitions))
        self._decoder.activate_search(name)
        if self._grammars:
            self._decoder.remove_search(before)
        self._grammars += 1

    @cached_property
    def _decoder(self) -> pocketsphinx.Decoder:
        with tempfile.NamedTemporaryFile("w", suffix=".dict") as fillers:
            # As fillers, phones need no model for each pair of neighbours: the search is 30 times as fast.
            fillers.write("<s> SIL\n</s> SIL\n<sil> SIL\n[NOISE] +NSN+\n")
            fillers.writelines(f"{_OTHER}{phone} {phone}\n" for phone in PHONES)
            fillers.flush()
            return pocketsphinx.Decoder(
                cmn="batch", lm=None, fdict=fillers.name, fsgusefiller=False, bestpath=False, lw=1.0, wip=1.0,
                pip=1.0, beam=1e-90, wbeam=1e-70, pbeam=1e-90, loglevel="FATAL",
            )  # fmt: skip


def _grammar(
    names: Sequence[str],
) -> tuple[list[tuple[int, int, float] | tuple[int, int, float, str]], int]:
    """Transitions between states, and the final one. State ``i``: the first ``i`` words are done."""
    count = len(names)
    more, other, skipped = count + 1, 2 * (count + 1), 3 * (count + 1)
    final = 4 * (count + 1)
    way: list[tuple[int, int, float] | tuple[int, int, float, str]] = []
    loops = [f"{_OTHER}{phone}" for phone in PHONES]
    for i in range(count + 1):
        way.append((i, final, 1.0))
        for start, price in ((i, _DEVIATION * _PHONE), (more + i, _PHONE)):
            way += [(start, more + i, price, phone) for phone in loops]
        way.append((more + i, i, 1.0))
        quiet = [i, more + i]
        if i < count:
            way.append((i, i + 1, 1.0, names[i]))
            for start, price in ((i, _DEVIATION * _PHONE), (other + i, _PHONE)):
                way += [(start, other + i, price, phone) for phone in loops]
            way.append((other + i, i + 1, 1.0))
            way += [(i, skipped + i, _DEVIATION), (skipped + i, i + 1, 1.0)]
            if i + 1 < count:
                way.append((skipped + i, skipped + i + 1, _LEFT_OUT_TOO))
            quiet.append(other + i)
        for state in quiet:
            way += [(state, state, _SILENCE, "<sil>"), (state, state, _NOISE, "[NOISE]")]
    return way, final


def _placed(
    entries: Sequence[pocketsphinx.Segment], index_of: dict[str, int], piece: Stretch
) -> Iterator[_Heard]:
    for entry in entries:
        name = re.sub(r"\(\d+\)$", "", entry.word)
        start_s = piece.start_s + entry.start_frame * _FRAME_S
        end_s = min(piece.end_s, piece.start_s + (entry.end_frame + 1) * _FRAME_S)
        if name in index_of:
            yield _Heard(index_of[name], start_s, end_s)
        elif name.startswith(_OTHER):
            yield _Heard(None, start_s, end_s)


def _joined(heard: Iterator[_Heard]) -> list[_Heard]:
    """Phones in a row as one span of something else."""
    joined: list[_Heard] = []
    for one in heard:
        if joined and one.index is None and joined[-1].index is None:
            joined[-1] = _Heard(None, joined[-1].start_s, one.end_s)
        else:
            joined.append(one)
    return [one for one in joined if one.index is not None or one.end_s - one.start_s >= _SHORTEST_S]


def _shared(others: Sequence[_Heard], count: int) -> list[tuple[float, float]]:
    """Spans for ``count`` words out of what else was said: one each, or parts of one where it is long."""
    spans = [(one.start_s, one.end_s) for one in others]
    while spans and len(spans) < count:
        longest = max(spans, key=lambda span: span[1] - span[0])
        start_s, end_s = longest
        if end_s - start_s < 4 * _SHORTEST_S:
            break
        at = spans.index(longest)
        spans[at : at + 1] = [(start_s, (start_s + end_s) / 2), ((start_s + end_s) / 2, end_s)]
    return spans[:count]
