"""What clients send, checked. A field that is not listed here is refused."""

from __future__ import annotations

import unicodedata
import uuid
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    model_validator,
)

from ecg.api_keys import Scope
from ecg.captions import sidecars
from ecg.captions.quality import DEFAULT_PROFILE
from ecg.captions.style import DEFAULT_STYLE
from ecg.egress import check_url
from ecg.errors import BadRequest
from ecg.models import JobKind, JobStatus

#: Postgres takes no NUL, and log lines no line breaks. (Lone surrogates are refused as no Unicode.)
PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f]*$"


def _uuid_text(given: object) -> str:
    try:
        return str(uuid.UUID(str(given)))
    except ValueError:
        raise ValueError("must be an id such as 3f0e7f6c-0f3a-4a57-9d5c-2f1d6f3b8a10") from None


def plain_filename(text: str) -> str:
    """The last part of a path, without control characters; never empty."""
    name = text.replace("\\", "/").rpartition("/")[2]
    shown = "".join(" " if unicodedata.category(letter) in {"Cc", "Cs"} else letter for letter in name)
    return shown.strip(" .")[-200:] or "video"


Line = Annotated[str, Field(pattern=PRINTABLE)]
Filename = Annotated[str, Field(max_length=1000), AfterValidator(plain_filename)]
Email = Annotated[str, Field(max_length=254, examples=["ann@example.org"],
                             pattern=r"^[^@\s\u0000-\u001f\u007f-\u009f]+@[^@\s\u0000-\u001f\u007f-\u009f]+$")]
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


class SignUpBody(Body):
    email: Email
    password: Password
    username: Annotated[Line, Field(min_length=1, max_length=100)] | None = None


class LoginBody(Body):
    """``username`` may hold the e-mail address, for clients that send a login form."""

    email: Email = Field(validation_alias=AliasChoices("email", "username"))
    password: Line = Field(max_length=256)


class RefreshBody(Body):
    refresh_token: Line = Field(max_length=2000)


class PasswordBody(Body):
    old_password: Line = Field(max_length=256)
    new_password: Password


class KeyBody(Body):
    name: Line = Field(min_length=1, max_length=100, description="What it is for.")
    scopes: list[Scope] = Field(
        [Scope.READ, Scope.WRITE], min_length=1, max_length=2,
        description="`read`: see everything of yours; `write`: start, change and delete.",
    )


class KeyPath(Body):
    key_id: Id


class UploadBody(Body):
    filename: Filename
    size_bytes: int = Field(ge=1, description="The file's exact size; the link takes no other.")
    content_type: ContentType = "application/octet-stream"


class UrlBody(Body):
    """The documented request for an upload link."""

    filename: Filename
    content_type: ContentType = Field("application/octet-stream", alias="content_type")
    filetype: ContentType | None = Field(None, description="Another name of content_type.")
    size_bytes: int | None = Field(None, ge=1)


# More words than are spoken in four hours.
_MOST_SCRIPT = 400_000


def _some_words(text: str) -> str:
    if not any(letter.isalnum() for letter in text):
        raise ValueError("must have letters or digits")
    return " ".join(text.split())


def _some_script(text: str) -> str:
    if any(unicodedata.category(letter) in {"Cc", "Cs"} and not letter.isspace() for letter in text):
        raise ValueError("must not hold control characters other than line breaks")
    _some_words(text)
    return text


Hotword = Annotated[Line, Field(min_length=1, max_length=80), AfterValidator(_some_words)]


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


def _web_address(text: str) -> str:
    try:
        return check_url(text)
    except BadRequest as error:
        raise ValueError(error.message) from None


class FromUrlBody(Body):
    url: Annotated[Line, Field(max_length=2000, examples=["https://example.org/talk.mp4"]),
                   AfterValidator(_web_address)]  # fmt: skip
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
    """``scenario`` replaces ``style`` and ``strength``: the captions are then drawn exactly as sent."""

    video_id: Id = Field(alias="videoId")
    scenario: dict[str, Any] | None = None
    style: Line = Field(DEFAULT_STYLE, max_length=100)
    strength: Strength = 1.0
    options: RenderOptions = Field(default_factory=lambda: RenderOptions.model_validate({}))


class OnceHeader(BaseModel):
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

    @classmethod
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Made once: flask-openapi3 asks for it at every request."""
        return _header_schema(*arguments, **options)


@cache
def _header_schema(*arguments: Any, **options: Any) -> dict[str, Any]:
    return super(OnceHeader, OnceHeader).model_json_schema(*arguments, **options)


class VideoPath(Body):
    video_id: Id


class JobPath(Body):
    job_id: Id


class FilePath(Body):
    file_key: str


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


class StylePath(Body):
    name: Line = Field(max_length=100)


class StyleBody(RootModel[dict[str, Any]]):
    """A style, as `GET /api/styles/{name}` gives it; its `name` may be left out."""


class StorePath(Body):
    key: str


class StoreQuery(Body):
    token: str = Field(max_length=4000)


class DocsPath(Body):
    filename: str
