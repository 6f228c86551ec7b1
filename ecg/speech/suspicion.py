"""What an engine wrote although it may never have been said. Pure; marks it, and drops nothing."""

from __future__ import annotations

import statistics
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ecg.speech.script import form
from ecg.transcript import Mark, MarkKind, Segment, Word

# Whisper itself decodes again beyond these (openai/whisper, transcribe.py).
_WORST_LOGPROB, _MOST_COMPRESSION, _NO_SPEECH = -1.0, 2.4, 0.6
# The ratio means little on short text, which cannot be compressed.
_COMPRESSIBLE_BYTES = 60
# "Never, never, never" is rhetoric: how often a phrase of one word, of two, of three may be said in a row.
# Longer ones twice.
_MOST_REPEATS, _MOST_LONG_REPEATS, _LONGEST_PHRASE = {1: 4, 2: 3, 3: 3}, 2, 12
# Between "very very very" in real speech and a decoder that turns round.
_LOW_WORD, _LOW_SHARE, _FEWEST_WORDS = 0.2, 0.5, 3
# A credit is short; a person may well say thank you in a sentence.
_NO_SPEECH_AT_CREDIT = 0.3

# What Whisper has learned by heart from subtitles, as `form` leaves it; ``*`` stands for a name after it.
_CREDITS = tuple(
    line.strip()
    for line in """
    thank you for watching
    thanks for watching
    thanks for watching and see you next time
    please subscribe
    please subscribe to my channel
    dont forget to like and subscribe
    like and subscribe
    see you in the next video
    subtitles by *
    subtitles by the amaraorg community
    captions by *
    captioning by *
    transcription by *
    transcribed by *
    translated by *
    sous titres *
    soustitres réalisés par *
    soustitrage *
    merci davoir regardé cette vidéo
    untertitel von *
    untertitel im auftrag des zdf *
    untertitelung *
    vielen dank fürs zuschauen
    subtítulos por *
    subtítulos realizados por *
    gracias por ver el video
    legendas pela comunidade amaraorg
    legendas por *
    obrigado por assistir
    sottotitoli e revisione a cura di *
    sottotitoli a cura di *
    sottotitoli creati dalla comunità amaraorg
    grazie per aver guardato il video
    ondertitels ingediend door de amaraorg gemeenschap
    ondertiteling *
    napisy stworzone przez społeczność amaraorg
    субтитры сделал *
    субтитры создавал *
    редактор субтитров *
    продолжение следует
    спасибо за просмотр
    시청해주셔서 감사합니다
    시청해 주셔서 감사합니다
    시청해주셔서 고맙습니다
    구독과 좋아요 부탁드립니다
    구독과 좋아요 눌러주세요
    자막 제공 *
    한글자막 by *
    ご視聴ありがとうございました
    ご清聴ありがとうございました
    最後までご視聴いただきありがとうございます
    チャンネル登録お願いします
    字幕提供 *
    字幕by *
    请订阅
    請訂閱
    请不吝点赞订阅转发打赏支持明镜与点点栏目
    請不吝點贊訂閱轉發打賞支持明鏡與點點欄目
    感谢观看
    感謝觀看
    谢谢观看
    謝謝觀看
    谢谢大家观看
    字幕由 *
    字幕志愿者 *
    中文字幕志愿者 *
    """.splitlines()
    if line.strip()
)
# A name in a credit is not a speech.
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Clues:
    """What a decoder says about a segment of its own; ``None`` where it does not.

    ``avg_logprob``: natural logarithm, mean over its tokens. ``no_speech_prob``: 0..1.
    ``compression_ratio``: bytes of the text over bytes of it compressed.
    """

    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None


def suspicious(segments: Sequence[Segment], clues: Sequence[Clues] | None) -> tuple[Segment, ...]:
    """The segments, marked where they may hold what was never said. ``clues``: one per segment, if any."""
    each = clues or [Clues()] * len(segments)
    return tuple(
        replace(segment, marks=(*segment.marks, *_marks(segment, own)))
        for segment, own in zip(segments, each, strict=True)
    )


def weakly_aligned(words: Sequence[Word], lowest: float) -> tuple[Mark, ...]:
    """A mark for words whose score (``confidence``, 0..1) against the sound at their place is this low.

    Neighbours share one mark.
    """
    weak = [word.confidence is not None and word.confidence < lowest for word in words]
    return tuple(_mark(MarkKind.LOW_ALIGNMENT, words[a:b]) for a, b in _runs(weak))


def _marks(segment: Segment, clues: Clues) -> Iterator[Mark]:
    yield from _repetitions(segment, clues)
    if is_credit(segment.text) or (
        (clues.no_speech_prob or 0.0) > _NO_SPEECH_AT_CREDIT and _has_credit(segment.text)
    ):
        yield _mark(MarkKind.CREDIT, segment.words)
    if clues.no_speech_prob is not None and clues.no_speech_prob > _NO_SPEECH:
        yield _mark(MarkKind.NO_SPEECH, segment.words)
    if _doubted(segment, clues):
        yield _mark(MarkKind.LOW_CONFIDENCE, segment.words)


def _doubted(segment: Segment, clues: Clues) -> bool:
    if clues.avg_logprob is not None:
        return clues.avg_logprob < _WORST_LOGPROB
    known = [word.confidence for word in segment.words if word.confidence is not None]
    if len(known) < _FEWEST_WORDS:
        return False
    low = sum(confidence < _LOW_WORD for confidence in known)
    return low > _LOW_SHARE * len(known) and statistics.median(known) < _LOW_WORD


def is_credit(text: str) -> bool:
    """Whether the text is a credit of subtitles and nothing else."""
    plain = form(text)
    return any(_is(plain, credit) for credit in _CREDITS)


def _is(plain: str, credit: str) -> bool:
    if not credit.endswith("*"):
        return plain == form(credit)
    start = form(credit)
    return plain.startswith(start) and len(plain) - len(start) <= _LONGEST_NAME


def _has_credit(text: str) -> bool:
    plain = form(text)
    return any(form(credit) in plain for credit in _CREDITS if not credit.endswith("*"))


def _repetitions(segment: Segment, clues: Clues) -> Iterator[Mark]:
    found = list(loops([form(word.text) for word in segment.words]))
    for first, last in found:
        yield _mark(MarkKind.REPETITION, segment.words[first:last])
    if not found and _compression(segment.text, clues) > _MOST_COMPRESSION:
        yield _mark(MarkKind.REPETITION, segment.words)


def loops(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the same phrase follows itself more often than people repeat themselves: (first, after last)."""
    at = 0
    while at < len(words):
        end = max((_loop_end(words, at, size) for size in range(1, _LONGEST_PHRASE + 1)), default=at)
        if end > at:
            yield at, end
        at = max(end, at + 1)


def _loop_end(words: Sequence[str], at: int, size: int) -> int:
    """The end of a loop of phrases of that many words from ``at`` on; ``at`` itself when there is none."""
    phrase, end = words[at : at + size], at + size
    while words[end : end + size] == phrase and len(phrase) == size:
        end += size
    most = _MOST_REPEATS.get(size, _MOST_LONG_REPEATS)
    return end if (end - at) // size > most else at


def _compression(text: str, clues: Clues) -> float:
    content = text.encode()
    if len(content) < _COMPRESSIBLE_BYTES:
        return 0.0
    return clues.compression_ratio or len(content) / len(zlib.compress(content))


def _mark(kind: MarkKind, words: Sequence[Word]) -> Mark:
    text = Segment(0, 0, tuple(words)).text
    return Mark(kind, words[0].start_s, words[-1].end_s, text)


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for index, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = index
        elif not flag and start is not None:
            yield start, index
            start = None
