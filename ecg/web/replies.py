"""What the API answers. Moments are ISO 8601 in UTC; sizes are in bytes, names in their units."""

from __future__ import annotations

import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

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
    refresh_token: str = Field(description="To be used once; the answer holds the next.")
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds the access token is valid.")
    user: UserReply


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


class UploadRequest(Reply):
    url: str = Field(description="Relative to this server, or absolute.")
    method: str
    headers: dict[str, str]
    fields: dict[str, str]


class UploadReply(Reply):
    video_id: str
    upload: UploadRequest
    expires_in: int = Field(description="Seconds the link is valid.")


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


class ReadyReply(Reply):
    """Each part is ``ok`` or says what is wrong with it; ``consumers`` counts workers per queue."""

    database: str
    broker: str
    store: str
    consumers: dict[str, int]
