"""The record of work, one file per noun. Models hold columns and names of states; nothing here does I/O."""

from ecg.models.api_key import ApiKey
from ecg.models.artifact import Artifact
from ecg.models.audit_entry import AuditEntry
from ecg.models.columns import Record
from ecg.models.event import Event
from ecg.models.idempotency_key import IdempotencyKey
from ecg.models.identity import Identity
from ecg.models.job import ACTIVE_JOBS, ENDED_JOBS, Job, JobKind, JobStatus
from ecg.models.project import Project, ProjectVersion
from ecg.models.quota import Quota, QuotaEntry
from ecg.models.refresh_token import SIGN_IN_COUNTS, RefreshToken
from ecg.models.saved_style import SavedStyle
from ecg.models.step import OPEN_STEPS, Step, StepStatus
from ecg.models.upload import Upload
from ecg.models.used_state import UsedState
from ecg.models.user import User
from ecg.models.video import Video, VideoStatus
from ecg.models.webhook import Delivery, DeliveryStatus, Webhook, WebhookEvent

__all__ = [
    "ACTIVE_JOBS", "ENDED_JOBS", "OPEN_STEPS", "SIGN_IN_COUNTS",
    "ApiKey", "Artifact", "AuditEntry", "Delivery", "DeliveryStatus", "Event", "IdempotencyKey", "Identity",
    "Job", "JobKind", "JobStatus", "Project", "ProjectVersion", "Quota", "QuotaEntry", "Record",
    "RefreshToken", "SavedStyle", "Step", "StepStatus", "Upload", "UsedState", "User", "Video", "VideoStatus",
    "Webhook", "WebhookEvent",
]  # fmt: skip
