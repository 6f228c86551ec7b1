"""What clients send, checked. A field that is not listed here is refused."""

from __future__ import annotations

import base64
import re
import textwrap
import unicodedata
import uuid
from functools import cache
from typing import Annotated, Any, Literal, cast, get_args

from flask_openapi3 import FileStorage
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    ValidationInfo,
    field_validator,
    model_validator,
)
from werkzeug.datastructures import FileStorage as WerkzeugFile

from ecg.api_keys import Scope
from ecg.audit import Act
from ecg.captions import sidecars
from ecg.captions.quality import DEFAULT_PROFILE
from ecg.captions.style import DEFAULT_STYLE
from ecg.egress import check_url
from ecg.errors import BadRequest
from ecg.models import JobKind, JobStatus, WebhookEvent

#: Postgres takes no NUL, and log lines no line breaks. (Lone surrogates are refused as no Unicode.)
PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f]*$"


def _uuid_text(given: object) -> str:
    try:
        return str(uuid.UUID(str(given)))
    except ValueError:
        raise ValueError("must be an id such as 3f0e7f6c-0f3a-4a57-9d5c-2f1d6f3b8a10") from None


def _takes_numbers(annotation: Any) -> bool:
    return annotation in (int, float) or any(map(_takes_numbers, get_args(annotation)))


def _web_address(text: str) -> str:
    try:
        return check_url(text)
    except BadRequest as error:
        raise ValueError(error.message) from None


def _on_one_line(text: str) -> str:
    return "".join(" " if unicodedata.category(letter) in {"Cc", "Cs"} else letter for letter in text).strip()


def plain_filename(text: str) -> str:
    """The last part of a path, without control characters; never empty."""
    name = text.replace("\\", "/").rpartition("/")[2]
    return _on_one_line(name).strip(" .")[-200:] or "video"


def _sha256(text: str) -> str:
    try:
        digest = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise ValueError("must be a SHA-256, in hexadecimal or base64")
    return digest.hex()


Line = Annotated[str, Field(pattern=PRINTABLE)]
Sentence = Annotated[str, Field(max_length=2000), AfterValidator(_on_one_line)]
Filename = Annotated[str, Field(max_length=1000), AfterValidator(plain_filename)]
Email = Annotated[str, Field(max_length=254, examples=["ann@example.org"],
                             pattern=r"^[^@\s\u0000-\u001f\u007f-\u009f]+@[^@\s\u0000-\u001f\u007f-\u009f]+$")]
WebAddress = Annotated[Line, Field(max_length=2000), AfterValidator(_web_address)]
Password = Annotated[Line, Field(min_length=8, max_length=256)]
Language = Annotated[str, Field(max_length=16, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$|^auto$")]
ContentType = Annotated[
    str,
    Field(max_length=100, pattern=r"^((video|audio)/[\w.+-]+|application/(octet-stream|ogg|mp4|mxf))?$"),
    AfterValidator(lambda given: given or "application/octet-stream"),
]
Id = Annotated[str, BeforeValidator(_uuid_text), Field(json_schema_extra={"format": "uuid"})]
Strength = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=16, le=16384)]


class Body(BaseModel):
    """Root of what is sent."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, given: object, info: ValidationInfo) -> object:
        # To Python they are 0 and 1.
        if isinstance(given, bool) and _takes_numbers(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError("give a number, not true or false")
        return given


class SignUpBody(Body):
    email: Email
    password: Password
    username: Annotated[Line, Field(min_length=1, max_length=100)] | None = None


class ClientHeader(BaseModel):
    """For requests that are answered with a refresh token."""

    client: Literal["page"] | None = Field(
        None, alias="X-ECG-Client",
        description=(
            "`page`: keep the refresh token in a cookie of this browser, out of the reach of scripts, and "
            "leave it out of the answer. To use it send what the cookie `ecg_csrf` holds as `X-CSRF-Token`."
        ),
    )  # fmt: skip


class LoginBody(Body):
    """``username`` may hold the e-mail address, for clients that send a login form."""

    email: Email = Field(validation_alias=AliasChoices("email", "username"))
    password: Line = Field(max_length=256)


class RefreshBody(Body):
    refresh_token: Line | None = Field(None, max_length=2000, description="Left out by who has a cookie.")


class PasswordBody(Body):
    old_password: Line = Field(max_length=256)
    new_password: Password


class CallbackQuery(BaseModel):
    """Providers add fields of their own."""

    state: str = ""
    code: str = ""
    error: str = ""


class AuditQuery(Body):
    """``before``: the ``next`` of an answer, for the entries that come after it."""

    before: int | None = Field(None, ge=1, lt=2**63)
    limit: int = Field(50, ge=1, le=200)
    act: Act | None = None
    email: Email | None = Field(None, description="Of an account, or one that was given at a sign-in.")


class KeyBody(Body):
    name: Line = Field(min_length=1, max_length=100, description="What it is for.")
    scopes: list[Scope] = Field(
        [Scope.READ, Scope.WRITE], min_length=1, max_length=2,
        description="`read`: see everything of yours; `write`: start, change and delete.",
    )


class KeyPath(Body):
    key_id: Id


class WebhookBody(Body):
    url: WebAddress = Field(examples=["https://example.org/ecg"])
    events: list[WebhookEvent] = Field(list(WebhookEvent), min_length=1, max_length=3)
    description: Line = Field("", max_length=200, description="What it is for.")


class WebhookPath(Body):
    webhook_id: Id


class RotateBody(Body):
    overlap_s: int = Field(
        86_400, ge=0, le=7 * 86_400, description="Seconds for which the old secret signs as well."
    )


class DeliveryPath(WebhookPath):
    event_id: Id


class UploadBody(Body):
    filename: Filename
    size_bytes: int = Field(ge=1, description="The file's exact size; the link takes no other.")
    content_type: ContentType = "application/octet-stream"
    checksum: Annotated[str, AfterValidator(_sha256)] | None = Field(
        None, description="SHA-256 of the file, hexadecimal or base64; a file of another one is refused."
    )


class PartsBody(Body):
    numbers: list[Annotated[int, Field(ge=1, le=10_000)]] = Field(min_length=1, max_length=100)


class UrlBody(Body):
    """The documented request for an upload link."""

    filename: Filename
    content_type: ContentType = Field("application/octet-stream", alias="content_type")
    filetype: ContentType | None = Field(None, description="Another name of content_type.")
    size_bytes: int | None = Field(None, ge=1)


# More words than are spoken in four hours.
_MOST_SCRIPT = 400_000


_LONGEST_HOTWORD = 80
_MOST_HOTWORDS = 100


def _has_words(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _some_words(text: str) -> str:
    if not _has_words(text):
        raise ValueError("must have letters or digits")
    return " ".join(text.split())


def _legible(text: str) -> str:
    if any(unicodedata.category(letter) in {"Cc", "Cs"} and not letter.isspace() for letter in text):
        raise ValueError("must not hold control characters other than line breaks")
    return text


def _some_script(text: str) -> str:
    _some_words(text)
    return _legible(text)


Hotword = Annotated[Line, Field(min_length=1, max_length=_LONGEST_HOTWORD), AfterValidator(_some_words)]


Engine = Literal["auto", "whisperx", "faster-whisper", "offline"]


class AnalyzeBody(Body):
    language: Language | None = Field(None, description="BCP 47, such as `en`; null or `auto`: detect.")
    engine: Engine | None = None
    speakers: int | None = Field(None, ge=1, le=20, description="How many speak; null: find out.")
    captions: str | None = Field(
        None, max_length=sidecars.MAX_BYTES,
        description="The text of a SubRip or WebVTT file: its words are taken, and no engine listens.",
    )
    script: Annotated[str, AfterValidator(_some_script)] | None = Field(
        None, max_length=_MOST_SCRIPT,
        description="What is spoken, a caption a line: it is laid on the sound word for word, and marked "
        "where the voice says otherwise.",
    )
    hotwords: list[Hotword] = Field(
        [], max_length=100, description="Names and terms that are likely to be said."
    )


class FromUrlBody(Body):
    url: WebAddress = Field(examples=["https://example.org/talk.mp4"])
    language: Language | None = Field(None, description="BCP 47, such as `en`; null or `auto`: detect.")
    engine: Engine | None = None
    speakers: int | None = Field(None, ge=1, le=20, description="How many speak; null: find out.")
    hotwords: list[Hotword] = Field(
        [], max_length=100, description="Names and terms that are likely to be said."
    )


class ProcessBody(Body):
    """The documented request for an analysis: of an upload by its key or by the URL given with it."""

    file_key: Line | None = Field(None, max_length=500, alias="fileKey")
    video_url: Line | None = Field(None, max_length=2000)
    language: Language | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> ProcessBody:
        if not (self.file_key or self.video_url):
            raise ValueError("fileKey or video_url is needed")
        return self


class ProcessVideoBody(Body):
    """The other documented request for an analysis."""

    job_id: Id = Field(
        description="A UUID of your own: sent again, it starts nothing more and gets the same answer, whose "
        "`job_id` is the one to ask for."
    )
    video_url: Line = Field(min_length=1, max_length=2000)
    language: Language | None = None


def _some_file(given: object) -> FileStorage:
    if not isinstance(given, WerkzeugFile):
        raise ValueError("must be a file of the form, with a file name")
    return cast(FileStorage, given)


SentFile = Annotated[FileStorage, AfterValidator(_some_file)]


class TranscribeForm(Body):
    """The documented request for an analysis that is waited for."""

    file: SentFile = Field(description="A short video or sound file.")
    language: Language | None = Field(None, description="BCP 47, such as `en`; nothing or `auto`: detect.")
    engine: Engine | None = None
    speakers: int | None = Field(None, ge=1, le=20, description="How many speak; nothing: find out.")


class TranscriptionForm(Body):
    """OpenAI's request for a transcription."""

    file: SentFile = Field(description="A short video or sound file.")
    model: Literal[
        Engine, "whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe",
        "gpt-4o-transcribe-diarize",
    ] = Field(description="One of ECG's engines; OpenAI's names mean the engine that is set up here.")
    language: Language | None = Field(None, description="ISO 639-1, such as `en`; nothing: detect.")
    prompt: Annotated[str, AfterValidator(_legible)] = Field(
        "", max_length=4000, description="Names and terms that are likely to be said, with commas between."
    )
    keywords: list[Hotword] = Field(
        [], max_length=_MOST_HOTWORDS, alias="keywords[]", description="The same, as a list."
    )
    response_format: Literal["json", "verbose_json", "diarized_json", "text", "srt", "vtt"] = "json"
    temperature: float = Field(0.0, ge=0, le=1, allow_inf_nan=False, description="Not used.")
    timestamp_granularities: list[Literal["word", "segment"]] = Field(
        [], max_length=2, alias="timestamp_granularities[]",
        description="What `verbose_json` has: `word`, `segment` or both. Nothing: segments.",
    )
    stream: bool = Field(False, description="Answers are not streamed: only `false` is taken.")

    @property
    def engine(self) -> str | None:
        """The engine asked for by its own name."""
        return self.model if self.model in get_args(Engine) else None

    @property
    def hotwords(self) -> list[str]:
        """What is likely to be said, as the engines take it."""
        pieces = [" ".join(piece.split()) for piece in re.split(r"[,;\n、，；]", self.prompt)]
        terms = [term for piece in pieces for term in textwrap.wrap(piece, _LONGEST_HOTWORD)]
        return [*self.keywords, *filter(_has_words, terms)][:_MOST_HOTWORDS]

    @model_validator(mode="after")
    def _check_together(self) -> TranscriptionForm:
        if self.stream:
            raise ValueError("stream: answers are not streamed; send no stream, or false")
        if self.timestamp_granularities and self.response_format != "verbose_json":
            raise ValueError("timestamp_granularities[] needs the response_format verbose_json")
        return self



class SignatureHeader(BaseModel):
    """For requests of workers outside."""

    signature: str | None = Field(
        None, alias="ECG-Signature", description="`t=…,v1=…`: the moment of sending in seconds since 1970, "
        "and the HMAC-SHA256 of `{t}.{body}` under the common secret, in hexadecimal.",
    )  # fmt: skip


class ResultBody(Body):
    """The documented report of a worker outside; `result` has the form of an analysis."""

    job_id: Id
    status: Literal["processing", "completed", "failed"]
    progress: float | None = Field(None, ge=0, le=100, allow_inf_nan=False)
    message: Sentence | None = None
    result: dict[str, Any] | None = None
    error_message: Sentence | None = None
    error_code: Literal[
        "PROCESSING_ERROR", "DOWNLOAD_ERROR", "GPU_MEMORY_ERROR", "TIMEOUT_ERROR", "INVALID_MEDIA",
        "LANGUAGE_UNSUPPORTED", "ENGINE_UNAVAILABLE",
    ] | None = None  # fmt: skip

    @model_validator(mode="after")
    def _result_when_completed(self) -> ResultBody:
        if (self.status == "completed") != (self.result is not None):
            raise ValueError("a result goes with the status completed, and only with it")
        return self

    def error(self) -> dict[str, Any]:
        """Why the job failed, as jobs keep it."""
        said = self.error_message or "The worker that had this analysis gave no reason; requeue the job."
        return {"code": self.error_code or "PROCESSING_ERROR", "message": said, "details": {"reported": True}}


class RenderOptions(Body):
    """Picture and file of the finished video; ``null`` keeps the source's.

    ``aspect`` shapes a picture whose size is not given. ``layout`` says how a source of another shape meets
    it: whole with bars (``fit``), cut off (``fill``), or whole over a blurred copy of itself (``blur``).
    ``overlay``: the captions alone on transparency, to be laid over the video in an editor; as ProRes 4444
    (``mov``) or VP9 (``webm``).
    """

    width: Pixels | None = None
    height: Pixels | None = None
    aspect: Literal["source", "16:9", "9:16", "1:1"] = "source"
    layout: Literal["fit", "fill", "blur"] = "fit"
    fps: float | None = Field(None, ge=1, le=60, allow_inf_nan=False)
    quality: int = Field(80, ge=10, le=100)
    format: Literal["mp4", "mov", "webm"] = "mp4"
    overlay: bool = False

    @model_validator(mode="after")
    def _check_together(self) -> RenderOptions:
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height go together: give both, or neither")
        if self.width and self.aspect != "source":
            raise ValueError("give either width and height, or an aspect")
        if self.overlay and self.format == "mp4":
            raise ValueError("mp4 holds no transparency: ask for an overlay as mov or webm")
        return self


class RenderBody(Body):
    """``scenario`` replaces ``style`` and ``strength``: the captions are then drawn exactly as sent.

    With ``projectId`` they are those of the project as it is now.
    """

    video_id: Id | None = Field(None, alias="videoId")
    video_url: Line | None = Field(None, alias="videoUrl", max_length=2000,
                                   description="The `video_url` that came with an upload link.")  # fmt: skip
    project_id: Id | None = Field(None, alias="projectId")
    scenario: dict[str, Any] | None = None
    style: Line = Field(DEFAULT_STYLE, max_length=100)
    strength: Strength = 1.0
    options: RenderOptions = Field(default_factory=lambda: RenderOptions.model_validate({}))

    @model_validator(mode="after")
    def _of_one_thing(self) -> RenderBody:
        if [self.video_id, self.video_url, self.project_id].count(None) != 2:
            raise ValueError("give one of videoId, videoUrl and projectId")
        if self.project_id and self.model_fields_set & {"scenario", "style", "strength"}:
            raise ValueError("a project has its own scenario, style and strength; change them there")
        return self


class Headers(BaseModel):
    """Root of headers that a request may have."""

    @classmethod
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Made once: flask-openapi3 asks for it at every request."""
        return _header_schema(cls, *arguments, **options)


@cache
def _header_schema(header: type[Headers], *arguments: Any, **options: Any) -> dict[str, Any]:
    return super(Headers, header).model_json_schema(*arguments, **options)


class OnceHeader(Headers):
    """For requests that start work."""

    key: str | None = Field(
        None, alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[ -~]+$",
        description=(
            "Makes it safe to send the request again: a fresh key (such as a UUID) per request, the same one "
            "when it is repeated. The first sending that is accepted counts; every later one, for at least a "
            "day, gets the same status and body with the header `Idempotent-Replayed: true`. The same key "
            "with another request is refused (422). Errors are not kept: after one the work has not begun, "
            "and the request may be sent again under the same key."
        ),
    )  # fmt: skip


class MatchHeader(Headers):
    """For requests that change what others may have changed meanwhile."""

    if_match: str | None = Field(
        None, alias="If-Match", max_length=1000,
        description="The `ETag` of the version that the change follows. A version that came in between is "
        "not overwritten: 409, with its number as `current_version`.",
    )  # fmt: skip


class VideoPath(Body):
    video_id: Id


class JobPath(Body):
    job_id: Id


class FilePath(Body):
    file_key: Line = Field(max_length=500)


class PageQuery(Body):
    """``page`` counts from 1."""

    page: int = Field(1, ge=1, le=100_000)
    limit: int = Field(20, ge=1, le=100)

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit


class JobsQuery(PageQuery):
    status: JobStatus | None = None
    kind: JobKind | None = None


class UsageQuery(Body):
    """``days`` and ``months``: how many to tell, this one included."""

    timezone: Line = Field(
        "UTC", max_length=60, pattern=r"^[A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}$",
        description="Whose midnights part the days; a name of the IANA database, such as `Asia/Seoul`.",
    )  # fmt: skip
    days: int = Field(30, ge=1, le=366)
    months: int = Field(12, ge=1, le=36)


class ScenarioQuery(Body):
    """``width`` and ``height``: the picture to break lines for; without them the video's own."""

    style: Line = Field(DEFAULT_STYLE, max_length=100)
    strength: Strength = 1.0
    width: Pixels | None = None
    height: Pixels | None = None


class QualityQuery(ScenarioQuery):
    """``fps``: frames a second of the video, in which a profile may count gaps."""

    profile: Line = Field(DEFAULT_PROFILE, max_length=100)
    fps: float | None = Field(None, gt=0, le=1000, allow_inf_nan=False)


class CaptionsPath(VideoPath):
    format: Line = Field(max_length=20, description="srt, vtt, ass, ttml, json or txt")


class ProjectPath(Body):
    project_id: Id


class ProjectVersionPath(ProjectPath):
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class ProjectsQuery(PageQuery):
    video_id: Id | None = None


class ExportQuery(Body):
    """``width`` and ``height``: the picture to break lines for; without them the video's own."""

    format: Line = Field("srt", max_length=20, description="srt, vtt, ass, ttml, json or txt")
    width: Pixels | None = None
    height: Pixels | None = None


Captions = Annotated[
    str, Field(max_length=sidecars.MAX_BYTES, description="The text of a SubRip or WebVTT file.")
]


class ImportBody(Body):
    captions: Captions
    language: Language | None = Field(None, description="BCP 47; null: what the file tells.")


class DraftFields(Body):
    """What a project holds. A field that is left out stays as it is."""

    style: Annotated[Line, Field(max_length=100)] | dict[str, Any] = Field(
        DEFAULT_STYLE, description="The name of a style, or one as `GET /api/styles/{name}` gives it."
    )
    strength: Strength = 1.0
    colors: dict[str, Any] = Field({}, description="Colours of speakers, such as `#ffd400`, by their ids.")
    scenario: dict[str, Any] | None = Field(
        None, description="Drawn exactly as it is, in place of all the rest; null: composed from the rest."
    )

    def sent(self) -> dict[str, Any]:
        """The fields of a draft that came with the request."""
        names = {"transcript", "style", "strength", "colors", "scenario"}
        return {name: getattr(self, name) for name in self.model_fields_set & names}


ProjectName = Annotated[Line, Field(min_length=1, max_length=200)]


class NewProjectBody(DraftFields):
    video_id: Id = Field(validation_alias=AliasChoices("video_id", "videoId"))
    name: ProjectName | None = Field(None, description="null: that of the video.")
    captions: Captions | None = Field(
        None, description="The text of a SubRip or WebVTT file: its words and their times take the place of "
        "those of the newest finished analysis.",
    )  # fmt: skip
    language: Language | None = Field(None, description="Of `captions`, BCP 47; null: what the file tells.")


class ProjectBody(DraftFields):
    name: ProjectName | None = None
    transcript: dict[str, Any] | None = Field(
        None, description="As `GET /api/projects/{id}` gives it. Its segments, speakers and language are "
        "taken; the rest says how it was made, and is kept.",
    )  # fmt: skip


class StylePath(Body):
    name: Line = Field(max_length=100)


class StyleBody(RootModel[dict[str, Any]]):
    """A style, as `GET /api/styles/{name}` gives it; its `name` may be left out."""


class StorePath(Body):
    key: Line = Field(max_length=500)


class StoreQuery(Body):
    token: str = Field(max_length=4000)


class DocsPath(Body):
    filename: Line = Field(max_length=100)
