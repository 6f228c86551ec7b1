"""From the text of a cue to words with times: tags out, voices and timestamps honoured."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby, pairwise

import budoux

from ecg.captions.sidecars.cues import FileCue, stamp_s
from ecg.captions.sidecars.shown import clean
from ecg.captions.sidecars.srt import unescaped
from ecg.transcript import Segment, Word, glued

_TAG = re.compile(r"<(/?[A-Za-z][^<>]*|[0-9][0-9:.,]*)>")
_VOICE = re.compile(r"v(?:\.[^\s>]*)?\s+(.*)", re.DOTALL)
_ASS_CODES = re.compile(r"\{\\[^{}]*\}")

# Runs of the scripts written without spaces that there is a parser of phrases for.
_THAI = "\u0e00-\u0e7f"
_CJK = "\u3001-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff65\U00020000-\U0003ffff"
_RUN = re.compile(f"[{_THAI}]+|[{_CJK}]+|[^{_THAI}{_CJK}]+")
_KANA = re.compile("[\u3041-\u30ff]")


@dataclass(frozen=True)
class Piece:
    """Text between two tags that count. ``voice`` is who says it, or ``None``; ``from_s``: the timestamp
    last seen in the cue, or ``None``."""

    text: str
    voice: str | None
    from_s: float | None


@dataclass(frozen=True)
class _Unit:
    """What will be a word."""

    text: str
    voice: str | None
    from_s: float | None

    @property
    def length(self) -> int:
        """Letters and digits, which the time is shared out by."""
        return max(sum(map(str.isalnum, self.text)), 1)


def read_pieces(cue: FileCue, format: str) -> list[Piece]:
    """The text of ``cue`` by voices and timestamps. Timestamps that do not rise within the cue are
    passed over, as players do."""
    found = [Piece("", None, None)]
    for part, is_tag in _parts("\n".join(cue.text)):
        last = found[-1]
        if not is_tag:
            found[-1] = replace(last, text=last.text + _plain(part, format))
        elif part[0].isdigit():
            time_s = stamp_s(part)
            if time_s is not None and (last.from_s or cue.start_s) < time_s < cue.end_s:
                found.append(Piece("", last.voice, time_s))
        elif part == "/v":
            found.append(Piece("", None, last.from_s))
        elif match := _VOICE.fullmatch(part):
            found.append(Piece("", clean(html.unescape(match[1])) or None, last.from_s))
    return found


def segments_of(cue: FileCue, pieces: Sequence[Piece], language: str) -> Iterator[Segment]:
    """The words of ``cue``, a segment for each change of voice."""
    voices = groupby(pieces, key=lambda piece: piece.voice)
    units = [unit for _, run in voices for unit in _units(list(run), language)]
    words = _timed(cue, units, [piece.from_s for piece in pieces])
    for voice, run in groupby(zip(units, words, strict=True), key=lambda pair: pair[0].voice):
        said = tuple(word for _, word in run)
        yield Segment(said[0].start_s, said[-1].end_s, said, voice)


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Text, and what stands within tags (true), in turn."""
    at = 0
    for tag in _TAG.finditer(text):
        yield text[at : tag.start()], False
        yield tag[1], True
        at = tag.end()
    yield text[at:], False


def _plain(text: str, format: str) -> str:
    return html.unescape(text) if format == "vtt" else unescaped(_ASS_CODES.sub("", text))


def _units(run: list[Piece], language: str) -> Iterator[_Unit]:
    """The words of one voice: cut at spaces, and where the script has none, by phrases and timestamps."""
    text = "".join(piece.text for piece in run)
    starts = [0]
    for piece in run[:-1]:
        starts.append(starts[-1] + len(piece.text))
    for token in re.finditer(r"\S+", text):
        for start, end in pairwise(_cuts(token[0], [at - token.start() for at in starts], language)):
            # The last piece that begins here or before: of several at one place, the latest timestamp.
            piece = run[bisect_right(starts, token.start() + start) - 1]
            word = clean(token[0][start:end])
            if word:
                yield _Unit(word, piece.voice, piece.from_s)


def _cuts(token: str, stamps: Sequence[int], language: str) -> list[int]:
    """Where words begin and end in a ``token`` without spaces in it, its own ends included."""
    if token.isascii():
        return [0, len(token)]
    ends, at = {at for at in stamps if 0 < at < len(token)}, 0
    for run in _RUN.findall(token):
        for phrase in _phrases(run, language):
            at += len(phrase)
            ends.add(at)
    inner = [at for at in sorted(ends - {len(token)}) if glued(token[at - 1], token[at], language)]
    return [0, *inner, len(token)]


def _phrases(run: str, language: str) -> list[str]:
    if re.match(f"[{_THAI}]", run):
        return _parser("th").parse(run)
    if not re.match(f"[{_CJK}]", run):
        return [run]
    japanese = language.lower().startswith("ja") or _KANA.search(run)
    traditional = re.match(r"(zh-(hant|tw|hk|mo)|yue)", language.lower())
    return _parser("ja" if japanese else "zh-hant" if traditional else "zh").parse(run)


@cache
def _parser(name: str) -> budoux.Parser:
    parsers: dict[str, Callable[[], budoux.Parser]] = {
        "ja": budoux.load_default_japanese_parser,
        "zh": budoux.load_default_simplified_chinese_parser,
        "zh-hant": budoux.load_default_traditional_chinese_parser,
        "th": budoux.load_default_thai_parser,
    }
    return parsers[name]()


def _timed(cue: FileCue, units: Sequence[_Unit], stamps: Sequence[float | None]) -> list[Word]:
    """Words share the time from their timestamp to the next one, by their letters."""
    edges = list(dict.fromkeys([cue.start_s, *(time_s for time_s in stamps if time_s), cue.end_s]))
    following = dict(pairwise(edges))
    words: list[Word] = []
    for from_s, group in groupby(units, key=lambda unit: unit.from_s or cue.start_s):
        words += _shared_out(list(group), from_s, following.get(from_s, cue.end_s))
    return words


def _shared_out(units: Sequence[_Unit], start_s: float, end_s: float) -> Iterator[Word]:
    total, before = sum(unit.length for unit in units), 0
    for unit in units:
        after = before + unit.length
        first_s, last_s = (start_s + (end_s - start_s) * share / total for share in (before, after))
        yield Word(unit.text, round(first_s, 3), round(last_s, 3))
        before = after
