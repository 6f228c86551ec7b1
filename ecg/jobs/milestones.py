"""What a person is told while a job works, in Korean and English, in the order of getting there."""

from __future__ import annotations

#: milestone → message per language; the order is the order of progress.
MESSAGES: dict[str, dict[str, str]] = {
    "queued": {"en": "Waiting for a free worker", "ko": "작업 대기 중입니다"},
    "fetched": {"en": "Media fetched", "ko": "영상을 내려받았습니다"},
    "downloaded": {"en": "Media received and checked", "ko": "영상을 받아 확인했습니다"},
    "speech_found": {"en": "Voice measured", "ko": "음성 구간을 찾고 측정했습니다"},
    "speakers": {"en": "Speakers told apart", "ko": "화자를 구분했습니다"},
    "transcribed": {"en": "Speech transcribed", "ko": "음성을 텍스트로 변환했습니다"},
    "tidying": {"en": "Tidying up", "ko": "결과를 정리하고 있습니다"},
    "analysed": {"en": "Captions are ready", "ko": "자막이 준비되었습니다"},
    "prepared": {"en": "Render prepared", "ko": "렌더링을 준비했습니다"},
    "rendered": {"en": "Captions drawn into the picture", "ko": "영상에 자막을 그렸습니다"},
    "finished": {"en": "Video is ready", "ko": "영상이 완성되었습니다"},
}
_ORDER = list(MESSAGES)

#: step name → milestone that its start reaches.
BY_START = {"merge": "tidying"}
#: step name → milestone that its end reaches.
BY_END = {
    "fetch": "fetched",
    "ingest": "downloaded",
    "prosody": "speech_found",
    "diarize": "speakers",
    "transcribe": "transcribed",
    "merge": "analysed",
    "prepare": "prepared",
    "chunk": "rendered",
    "assemble": "finished",
}


def further(current: str | None, reached: str | None) -> str | None:
    """The milestone after one more was reached: never one that lies behind the current one."""
    if reached is None or (current is not None and _ORDER.index(reached) <= _ORDER.index(current)):
        return current
    return reached


def message(milestone: str | None) -> dict[str, str]:
    """The sentence of a milestone per language."""
    return MESSAGES[milestone or "queued"]
