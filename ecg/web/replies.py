"""What the API answers. Moments are ISO 8601 in UTC; sizes are in bytes, names in their units."""

from __future__ import annotations

import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from ecg.web.errors import CODES


class Reply(BaseModel):
    """Root of all answers."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)


class ErrorDetail(Reply):
    code: str = Field(examples=["NOT_FOUND"], json_schema_extra={"enum": CODES})
    message: str = Field(description="A sentence that says what to do.")
    details: dict[str, Any]


class ErrorReply(Reply):
    error: ErrorDetail


class UserReply(Reply):
    id: str
    email: str
    username: str


class TokensReply(Reply):
    access_token: str
    refresh_token: str | None = Field(
        description="To be used once; the answer holds the next. null: it is in a cookie."
    )
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds the access token is valid.")
    user: UserReply


class AuditEntryReply(Reply):
    id: int
    created_at: datetime.datetime
    act: str
    user_id: str | None
    email: str | None = Field(description="As it was given, whether there is such an account or not.")
    address: str | None
    user_agent: str
    details: dict[str, Any]


class AuditReply(Reply):
    """Newest first."""

    entries: list[AuditEntryReply]
    next: int | None = Field(description="To be sent as `before` for more; null: there is no more.")


class KeyReply(Reply):
    id: str
    name: str
    start: str = Field(description="Its first letters.")
    scopes: list[str]
    created_at: datetime.datetime
    last_used_at: datetime.datetime | None = Field(description="To the minute.")


class NewKeyReply(KeyReply):
    key: str = Field(description="The key itself; it is shown this once.")


class KeysReply(Reply):
    keys: list[KeyReply]


class WebhookReply(Reply):
    id: str
    url: str
    events: list[str]
    description: str
    created_at: datetime.datetime
    old_secret_until: datetime.datetime | None = Field(description="Until then the secret before signs too.")
    failing_since: datetime.datetime | None = Field(description="Since then no call has arrived.")
    disabled_at: datetime.datetime | None = Field(description="When it was switched off.")
    disabled_why: str | None


class NewWebhookReply(WebhookReply):
    secret: str = Field(description="What signs the calls; it is shown this once.")


class WebhooksReply(Reply):
    webhooks: list[WebhookReply]


class DeliveryReply(Reply):
    id: str = Field(description="The event's: the same at each attempt.")
    event: str
    job_id: str | None
    status: str = Field(description="pending, delivered or failed (given up).")
    attempts: int
    next_attempt_at: datetime.datetime | None = Field(description="Of a pending one: not before then.")
    last_status: int | None = Field(description="Of the receiver's last answer.")
    last_error: str | None
    created_at: datetime.datetime
    delivered_at: datetime.datetime | None
    payload: dict[str, Any] = Field(description="The body of the calls.")


class DeliveriesReply(Reply):
    deliveries: list[DeliveryReply]
    page: int
    limit: int
    total: int


class UploadRequest(Reply):
    url: str = Field(description="Relative to this server, or absolute.")
    method: str
    headers: dict[str, str]
    fields: dict[str, str]


class UploadReply(Reply):
    """One request for all of the file, or how it is cut into parts."""

    video_id: str
    upload: UploadRequest | None = Field(description="Null: send it in parts.")
    part_size_bytes: int | None = Field(description="Of each part but the last. Null: not in parts.")
    part_count: int | None
    expires_in: int = Field(description="Seconds a link is valid.")


class PartReply(Reply):
    number: int
    size_bytes: int
    etag: str = Field(description="Differs when the content does.")


class PartsReply(Reply):
    """The parts that have arrived."""

    part_size_bytes: int
    part_count: int
    parts: list[PartReply]


class PartLink(UploadRequest):
    number: int
    size_bytes: int


class PartLinksReply(Reply):
    parts: list[PartLink]
    expires_in: int = Field(description="Seconds a link is valid.")


class StoredReply(Reply):
    status: str = "stored"
    size_bytes: int


class UrlReply(Reply):
    """The documented answer, with each of its spellings."""

    video_id: str
    upload_url: str
    url: str
    presigned_url: str
    video_url: str
    file_key: str
    fileKey: str
    expires_in: int


class DownloadReply(Reply):
    download_url: str
    expires_in: int


class Message(Reply):
    en: str
    ko: str


class JobSummary(Reply):
    id: str
    kind: str
    status: str
    progress: float = Field(description="0 to 100, never falling.")
    milestone: str | None
    message: Message
    video_id: str
    filename: str
    warnings: list[str]
    error: dict[str, Any] | None
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    events_url: str


class StepReply(Reply):
    name: str
    queue: str
    status: str
    errors: int = Field(description="Attempts that failed.")
    losses: int = Field(description="Attempts whose worker died.")
    error: dict[str, Any] | None
    result: dict[str, Any] | None
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None


class JobReply(JobSummary):
    steps: list[StepReply]
    download_url: str | None = Field(description="Of a finished render: a signed link.")


class JobsReply(Reply):
    jobs: list[JobSummary]
    page: int
    limit: int
    total: int


class VideoJob(Reply):
    job_id: str
    status: str
    progress: float
    created_at: datetime.datetime
    finished_at: datetime.datetime | None
    error: dict[str, Any] | None


class VideoRender(VideoJob):
    style: str
    download_url: str | None


class VideoReply(Reply):
    id: str
    filename: str
    content_type: str
    size_bytes: int | None
    status: str
    media: dict[str, Any] | None = Field(description="What probing the file found, once analysed.")
    created_at: datetime.datetime
    url: str | None = Field(description="A signed link to the file, for a preview.")
    analysis: VideoJob | None = Field(description="The newest, whatever became of it.")
    renders: list[VideoRender]


class VideosReply(Reply):
    videos: list[VideoReply]
    page: int
    limit: int
    total: int


class StartedReply(Reply):
    job_id: str
    status: str = "processing"
    message: str
    status_url: str
    events_url: str


class FetchStartedReply(StartedReply):
    video_id: str


class RenderStartedReply(Reply):
    jobId: str
    status: str = "processing"
    estimatedTime: float | None = Field(description="Seconds, after earlier renders; null: unknown.")
    createdAt: datetime.datetime
    status_url: str
    events_url: str


class RenderReply(Reply):
    jobId: str
    videoId: str
    projectId: str | None = Field(description="Of a project's captions.")
    projectVersion: int | None
    status: str
    progress: float
    estimatedTimeRemaining: float | None = Field(description="Seconds; null: unknown.")
    createdAt: datetime.datetime
    startedAt: datetime.datetime | None
    completedAt: datetime.datetime | None
    downloadUrl: str | None
    metrics: dict[str, Any] | None = Field(description="Of a finished render: what it did and needed.")
    error: dict[str, Any] | None


class RendersReply(Reply):
    renders: list[RenderReply]
    page: int
    limit: int
    total: int


class ProcessStatusReply(Reply):
    """The documented answer: ``status`` is processing, completed, failed or cancelled."""

    job_id: str
    status: str
    progress: float
    message: str
    result: dict[str, Any] | None
    error: dict[str, Any] | None


class ProcessesReply(Reply):
    jobs: list[ProcessStatusReply]
    page: int
    limit: int
    total: int


class JobStatusReply(ProcessStatusReply):
    """The answer of the analyzer's documents, with the error in their fields too."""

    error_message: str | None
    error_code: str | None


class TranscriptionReply(Reply):
    """OpenAI's answer in `json`."""

    text: str


class TranscriptionWord(Reply):
    word: str
    start: float
    end: float


class TranscriptionSegment(Reply):
    """``null``: ECG's engines do not measure it, or not over a segment."""

    id: int
    seek: int | None = None
    start: float
    end: float
    text: str
    tokens: list[int] | None = None
    temperature: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float
    no_speech_prob: float | None = None
    speaker: str | None = Field(description="Beyond OpenAI's answer: who speaks.")


class VerboseTranscriptionReply(TranscriptionReply):
    """OpenAI's answer in `verbose_json`, and beyond it what made it and what to look at again."""

    task: str = "transcribe"
    language: str = Field(description="As a code, such as `en`.")
    duration: float
    segments: list[TranscriptionSegment] | None
    words: list[TranscriptionWord] | None
    engine: str
    warnings: list[str]


class DiarizedSegment(Reply):
    id: str
    type: str = "transcript.text.segment"
    start: float
    end: float
    speaker: str
    text: str


class DiarizedTranscriptionReply(TranscriptionReply):
    """OpenAI's answer in `diarized_json`."""

    task: str = "transcribe"
    duration: float
    segments: list[DiarizedSegment]


class TranscriptionAnswer(
    RootModel[VerboseTranscriptionReply | DiarizedTranscriptionReply | TranscriptionReply]
):
    """As `response_format` asks."""

    model_config = {"openapi_extra": {"content": {  # type: ignore[typeddict-unknown-key]
        kind: {"schema": {"type": "string"}} for kind in ("text/plain", "application/x-subrip", "text/vtt")
    }}}  # fmt: skip


class ProjectSummary(Reply):
    id: str
    video_id: str
    name: str
    version: int = Field(description="Counts from 1; also the ETag.")
    created_at: datetime.datetime
    updated_at: datetime.datetime


class ProjectReply(ProjectSummary):
    style: str | dict[str, Any]
    strength: float
    colors: dict[str, str]
    scenario: dict[str, Any] | None
    transcript: dict[str, Any] = Field(description="In the form of an analysis.")


class ProjectsReply(Reply):
    projects: list[ProjectSummary]
    page: int
    limit: int
    total: int


class ProjectVersionReply(Reply):
    version: int
    size_bytes: int
    created_at: datetime.datetime


class ProjectVersionsReply(Reply):
    versions: list[ProjectVersionReply]
    page: int
    limit: int
    total: int


class UsagePeriod(Reply):
    begins: datetime.date
    kind: str
    jobs: int
    done: int
    failed: int
    cancelled: int
    success_share: float | None = Field(description="Of those that were done or failed; null: none was.")
    processing_s: float = Field(description="Seconds from the first start of each to its end, summed.")
    media_minutes: float = Field(description="Length of the media of those that are done.")


class QuotaReply(Reply):
    resource: str = Field(examples=["renders"])
    period: str = Field(description="`day` and `month` are those of UTC; `at_once`: waiting or "
                                    "running; `kept`: until their videos are deleted.")
    used: int
    limit: int | None = Field(description="null: no limit.")
    left: int | None
    resets_at: datetime.datetime | None


class UsageReply(Reply):
    """Periods without a job are left out; the newest is first."""

    timezone: str
    days: list[UsagePeriod]
    months: list[UsagePeriod]
    quotas: list[QuotaReply]


class StyleReply(Reply):
    name: str
    title: str
    saved: bool = Field(description="Your own; the others come with ECG.")


class SavedStyleReply(StyleReply):
    warnings: list[str] = Field(description="What is hard to read or to tell apart in its colours.")


class DoneReply(Reply):
    status: str


class ConfigReply(Reply):
    version: str
    stream_url: str
    max_upload_bytes: int
    max_duration_s: float
    min_duration_s: float
    engine: str
    styles: list[str]
    google_sign_in: bool = Field(description="Whether `/api/auth/google/login` is set up.")


class ReadyReply(Reply):
    """Each part is ``ok`` or says what is wrong with it; ``consumers`` counts workers per queue."""

    database: str
    broker: str
    store: str
    consumers: dict[str, int]
