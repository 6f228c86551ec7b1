"""OpenAI's transcriptions: what its clients send and understand, answered by an analysis of ours."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import reduce

from flask import Response, current_app

from ecg.captions import sidecars
from ecg.transcript import Segment, Transcript, glued
from ecg.web import forms, waiting
from ecg.web.api import blueprint, refusals
from ecg.web.replies import (
    DiarizedSegment,
    DiarizedTranscriptionReply,
    TranscriptionAnswer,
    TranscriptionReply,
    TranscriptionSegment,
    TranscriptionWord,
    VerboseTranscriptionReply,
)
from ecg.web.requests import OnceHeader, ScenarioQuery, TranscriptionForm
from ecg.web.videos import composed, owned

bp = blueprint("openai", __name__, "Transcriptions in OpenAI's shape", prefix="/v1/audio")
bp.before_request(waiting.allow_file)

_AS_USUAL = ScenarioQuery.model_validate({})


@bp.post("/transcriptions", responses={200: TranscriptionAnswer, **refusals(504)},
         openapi_extensions=forms.documented(TranscriptionForm))  # fmt: skip
def transcriptions(header: OnceHeader) -> tuple[TranscriptionReply | Response, int, dict[str, str]]:
    """Write down what is spoken in a short file, as OpenAI's API does.

    The file becomes a video of yours, analysed as any other; the headers `ECG-Video-Id` and `ECG-Job-Id` name
    both, and `ECG-Engine` says what listened. An error that names a `job_id` leaves that job as it is: after
    `STILL_RUNNING` it goes on. Sent again under its `Idempotency-Key`, the request waits for the same job.
    """
    form = forms.sent(TranscriptionForm)
    with waiting.analysed(form.file, header, language=form.language, engine=form.engine,
                          hotwords=form.hotwords) as found:  # fmt: skip
        answer = _answer(found, form)
    return answer, 200, found.headers


@bp.after_request
def _as_its_clients_expect(response: Response) -> Response:
    """Errors have `type` and `param` too, say 400 for all that the sender can mend, and whether to retry.

    The official client would else repeat each 409, 429 and 5xx by itself, and start the work anew.
    """
    if response.status_code < 400:
        return response
    error = response.get_json()["error"]
    repeat = "Retry-After" in response.headers and "job_id" not in error["details"]
    response.headers["x-should-retry"] = "true" if repeat else "false"
    if response.status_code == 422:
        response.status_code = 400
    told = {**error, "type": _type(response.status_code), "param": _param(error["details"].get("fields", []))}
    response.set_data(current_app.json.dumps({"error": told}))
    return response


def _type(status: int) -> str:
    if status >= 500:
        return "server_error"
    return "rate_limit_error" if status == 429 else "invalid_request_error"


def _param(fields: list[str]) -> str | None:
    name, colon, _ = fields[0].partition(":") if fields else ("", "", "")
    return name if colon else None


def _answer(found: waiting.Found, form: TranscriptionForm) -> TranscriptionReply | Response:
    transcript = Transcript.from_json(found.transcript)
    match form.response_format:
        case "srt" | "vtt" as name:
            captions = sidecars.write(composed(owned(found.job.video_id), _AS_USUAL), name)
            return Response(captions, content_type=f"{sidecars.FORMATS[name].media_type}; charset=utf-8")
        case "text":
            return Response(f"{_text(transcript)}\n", mimetype="text/plain")
        case "verbose_json":
            return _verbose(transcript, form.timestamp_granularities or ["segment"])
        case "diarized_json":
            return _diarized(transcript)
    return TranscriptionReply(text=_text(transcript))


def _text(transcript: Transcript) -> str:
    """All segments as one line."""
    return reduce(_joined, (segment.text for segment in transcript.segments), "")


def _joined(text: str, more: str) -> str:
    return f"{text}{more}" if not text or glued(text, more) else f"{text} {more}"


def _verbose(transcript: Transcript, asked: Sequence[str]) -> VerboseTranscriptionReply:
    segments = [_segment(number, segment) for number, segment in enumerate(transcript.segments)]
    words = [TranscriptionWord(word=w.text, start=w.start_s, end=w.end_s) for w in transcript.words]
    return VerboseTranscriptionReply(
        text=_text(transcript), language=transcript.language, duration=transcript.duration_s,
        segments=segments if "segment" in asked else None, words=words if "word" in asked else None,
        engine=transcript.metadata["engine"], warnings=list(transcript.warnings),
    )  # fmt: skip


def _segment(number: int, segment: Segment) -> TranscriptionSegment:
    text = segment.text.encode()
    return TranscriptionSegment(
        id=number, start=segment.start_s, end=segment.end_s, text=segment.text, speaker=segment.speaker,
        compression_ratio=len(text) / len(zlib.compress(text)),  # as Whisper defines it
    )  # fmt: skip


def _diarized(transcript: Transcript) -> DiarizedTranscriptionReply:
    segments = [
        DiarizedSegment(id=f"seg_{number}", start=segment.start_s, end=segment.end_s, text=segment.text,
                        speaker=segment.speaker or "")
        for number, segment in enumerate(transcript.segments)
    ]  # fmt: skip
    text, duration_s = _text(transcript), transcript.duration_s
    return DiarizedTranscriptionReply(text=text, duration=duration_s, segments=segments)
