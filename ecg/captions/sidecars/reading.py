"""From a SubRip or WebVTT file to a transcript, so that its captions can be composed in any style."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ecg.captions.sidecars.cues import MAX_CUES, CueFile, FileCue, find_cues
from ecg.captions.sidecars.speakers import named_speakers, with_voices
from ecg.captions.sidecars.words import Piece, read_pieces, segments_of
from ecg.errors import BadRequest, InvalidScenario
from ecg.transcript import Baseline, Segment, Speaker, Transcript

__all__ = ["MAX_BYTES", "MAX_CUES", "read"]

MAX_BYTES = 5_000_000

_SCRIPTS = (("ja", "[\u3041-\u30ff]"), ("ko", "[\uac00-\ud7a3]"), ("th", "[\u0e00-\u0e7f]"),
            ("zh", "[\u4e00-\u9fff]"))  # fmt: skip
_UNMEASURED = Baseline(None, None)


def read(data: bytes, language: str = "", duration_s: float | None = None) -> Transcript:
    """The words of a SubRip or WebVTT file; which of the two it is, its first line says.

    ``language`` (BCP 47) is that of the words; without it, the one in a WebVTT header, else what the
    script tells, else ``und``. ``duration_s``: length of the media in seconds; without it, the end of the
    last cue. A cue without word timestamps shares its time among its words by their letters; the warnings
    say so. Features are not measured, and a speaker whom the file does not name is ``None``.

    Raises `BadRequest` over `MAX_BYTES` or `MAX_CUES`, and for another encoding than UTF-8;
    `InvalidScenario`, with the number of the line, for what is no cue.
    """
    text = _decoded(data)
    file = find_cues(text)
    cues = sorted(file.cues, key=lambda cue: (cue.start_s, cue.line))
    pieces = [read_pieces(cue, file.format) for cue in cues]
    names = set[str]()
    if not any(piece.voice for found in pieces for piece in found):
        names = named_speakers(pieces)
        pieces = with_voices(pieces, names) if names else pieces
    language = language or file.language or _language_of(text)
    segments = _segments(cues, pieces, language)
    if not segments:
        raise InvalidScenario("No cue of the file has any words. Send a file with captions in it.")
    spoken = [any(piece.from_s is not None for piece in found) for found in pieces]
    return Transcript(
        segments, _speakers(segments), language, duration_s or max(cue.end_s for cue in cues),
        _metadata(file, spoken), _warnings(file, spoken, names),
    )  # fmt: skip


def _decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise BadRequest(
            f"The file has {len(data)} bytes; at most {MAX_BYTES} are read. Send only the captions, "
            "or cut them into parts.",
            size_bytes=len(data), limit_bytes=MAX_BYTES,
        )  # fmt: skip
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadRequest(
            f"Line {line}: the file is not in UTF-8. Open it in a text editor, save it with the "
            "encoding UTF-8, and send it again.",
            line=line,
        ) from None


def _segments(
    cues: Sequence[FileCue], pieces: Sequence[Sequence[Piece]], language: str
) -> tuple[Segment, ...]:
    return tuple(
        segment
        for cue, found in zip(cues, pieces, strict=True)
        for segment in segments_of(cue, found, language)
    )


def _speakers(segments: Sequence[Segment]) -> tuple[Speaker, ...]:
    spoken: dict[str, list[float]] = {}
    for segment in segments:
        if segment.speaker is not None:
            spoken.setdefault(segment.speaker, []).append(segment.end_s - segment.start_s)
    return tuple(
        Speaker(name, round(sum(lengths_s), 3), len(lengths_s), _UNMEASURED, _UNMEASURED)
        for name, lengths_s in spoken.items()
    )


def _language_of(text: str) -> str:
    return next((language for language, script in _SCRIPTS if re.search(script, text)), "und")


def _metadata(file: CueFile, timed: Sequence[bool]) -> Mapping[str, Any]:
    word_times = "given" if all(timed) else "some given" if any(timed) else "shared out"
    return {"engine": "sidecar", "format": file.format, "cues": len(file.cues), "word_times": word_times}


def _warnings(file: CueFile, timed: Sequence[bool], names: set[str]) -> tuple[str, ...]:
    found = []
    if not any(timed):
        found.append("The file has no times of words: each cue's time was shared out among its words.")
    if names:
        found.append(
            f"Speakers were taken from the text: {', '.join(sorted(names)[:10])}. "
            "A cue that names nobody was given to the speaker before."
        )
    if file.stray:
        lines = ", ".join(map(str, file.stray[:10])) + (" …" if len(file.stray) > 10 else "")
        found.append(f"Text outside any cue was left out, at line {lines}.")
    return tuple(found)
