"""What can go wrong, as types; each carries a code that the API, the CLI and the job rows all show.

EcgError
├── BadRequest              BAD_REQUEST          400   the caller can mend it
│   ├── InvalidMedia        INVALID_MEDIA        422   not a video or audio we can work on
│   │   └── ChecksumMismatch CHECKSUM_MISMATCH   422   not the bytes that were announced
│   ├── InvalidScenario     INVALID_SCENARIO     422   a scenario or style that breaks its schema
│   ├── LanguageUnsupported LANGUAGE_UNSUPPORTED 422   the engine at hand does not know the language
│   ├── IdempotencyMismatch IDEMPOTENCY_KEY_REUSED 422 the key was sent with another request before
│   └── PreconditionRequired PRECONDITION_REQUIRED 428 a change must name the version that it follows
├── Unauthorized            UNAUTHORIZED         401
├── Forbidden               FORBIDDEN            403
├── NotFound                NOT_FOUND            404
├── Conflict                CONFLICT             409
├── QuotaExceeded           QUOTA_EXCEEDED       429
├── RateLimited             RATE_LIMITED         429   retry_after_s in its details says when
├── Cancelled               CANCELLED            409   someone asked for the job to stop
├── LeaseLost               LEASE_LOST           409   another worker holds the step now; ours must stop
├── WorkerLost              WORKER_LOST          500   every worker that took the step died
├── ProcessingError         PROCESSING_ERROR     500   a stage failed for a reason of its own
│   ├── CommandFailed       PROCESSING_ERROR     500   a child process failed: argv, exit code, stderr tail
│   │   └── CommandKilled   PROCESSING_ERROR     500   retryable: it crashed or was killed
│   ├── RenderProofFailed   RENDER_PROOF_FAILED  500   the finished video does not show what it must
│   └── EngineUnavailable   ENGINE_UNAVAILABLE   503   the engine named is not installed or has no weights
├── GpuMemoryError          GPU_MEMORY_ERROR     503   retryable
├── TimeoutExceeded         TIMEOUT_ERROR        504   retryable: a step passed its deadline
├── StillRunning            STILL_RUNNING        504   a request stopped waiting; its job goes on
├── DownloadError           DOWNLOAD_ERROR       502   retryable: a remote source did not hand over a file
└── ServiceUnavailable      SERVICE_UNAVAILABLE  503   retryable: a service or the browser is away
    └── Outage              SERVICE_UNAVAILABLE  503   what all steps stand on is away: database, disk
        └── StoreUnavailable STORE_UNAVAILABLE   503   the store is full, absent or silent
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class EcgError(Exception):
    """Root of every error ECG raises on purpose.

    ``message`` is a sentence that says what to do; ``details`` is JSON-ready data about the case.
    ``retryable`` says whether the same work may succeed later, unchanged; a step is then tried
    `max_errors` times, or `max_outages` times after an `Outage`, which is not the work's fault.
    """

    code = "INTERNAL_ERROR"
    http_status = 500
    retryable = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def to_dict(self) -> dict[str, Any]:
        """The shape of every error that leaves ECG: ``{"code", "message", "details"}``."""
        return {"code": self.code, "message": self.message, "details": self.details}


class BadRequest(EcgError):
    """The request is wrong; the caller can mend it."""

    code, http_status = "BAD_REQUEST", 400


class InvalidMedia(BadRequest):
    """The file is not a video or audio ECG can work on."""

    code, http_status = "INVALID_MEDIA", 422


class ChecksumMismatch(InvalidMedia):
    """The file that arrived does not have the checksum announced."""

    code = "CHECKSUM_MISMATCH"


class InvalidScenario(BadRequest):
    """A scenario or style breaks its schema; the message points at the field."""

    code, http_status = "INVALID_SCENARIO", 422


class LanguageUnsupported(BadRequest):
    """The engine at hand does not know the language asked for."""

    code, http_status = "LANGUAGE_UNSUPPORTED", 422


class IdempotencyMismatch(BadRequest):
    """The Idempotency-Key was sent with another request before."""

    code, http_status = "IDEMPOTENCY_KEY_REUSED", 422


class PreconditionRequired(BadRequest):
    """A change must name the version that it follows, so that it overwrites nobody's work unseen."""

    code, http_status = "PRECONDITION_REQUIRED", 428


class Unauthorized(EcgError):
    """No valid credentials came with the request."""

    code, http_status = "UNAUTHORIZED", 401


class Forbidden(EcgError):
    """The caller is known and may not do this."""

    code, http_status = "FORBIDDEN", 403


class NotFound(EcgError):
    """Nothing of that id belongs to the caller."""

    code, http_status = "NOT_FOUND", 404


class Conflict(EcgError):
    """The thing is in a state that does not allow this."""

    code, http_status = "CONFLICT", 409


class QuotaExceeded(EcgError):
    """The caller has used up an allowance."""

    code, http_status = "QUOTA_EXCEEDED", 429


class RateLimited(EcgError):
    """The caller asks too often; ``details`` has ``retry_after_s``."""

    code, http_status = "RATE_LIMITED", 429


class Cancelled(EcgError):
    """Someone asked for the job to stop."""

    code, http_status = "CANCELLED", 409


class LeaseLost(EcgError):
    """Another worker holds the step now; whatever this one made must not count."""

    code, http_status = "LEASE_LOST", 409


class WorkerLost(EcgError):
    """Every worker that took the step died; most often it needs more memory than there is."""

    code, http_status = "WORKER_LOST", 500


class ProcessingError(EcgError):
    """A stage failed for a reason of its own."""

    code, http_status = "PROCESSING_ERROR", 500


class CommandFailed(ProcessingError):
    """A child process failed; ``details`` has ``argv``, ``exit_code`` and ``stderr_tail``."""


class CommandKilled(CommandFailed):
    """A signal ended a child process: a crash, the kernel short of memory, or someone."""

    retryable = True


class RenderProofFailed(ProcessingError):
    """The finished video does not show what the scenario says it must."""

    code = "RENDER_PROOF_FAILED"


class EngineUnavailable(ProcessingError):
    """The engine, encoder or program asked for is not installed here, or has no weights."""

    code, http_status = "ENGINE_UNAVAILABLE", 503


class GpuMemoryError(EcgError):
    """The GPU ran out of memory at every batch size tried."""

    code, http_status, retryable = "GPU_MEMORY_ERROR", 503, True


class TimeoutExceeded(EcgError):
    """A step or a child process passed its deadline."""

    code, http_status, retryable = "TIMEOUT_ERROR", 504, True


class StillRunning(EcgError):
    """A request stopped waiting for its job, which goes on; ``details`` has ``job_id`` and ``status_url``."""

    code, http_status = "STILL_RUNNING", 504


class DownloadError(EcgError):
    """A remote source did not hand over a file."""

    code, http_status, retryable = "DOWNLOAD_ERROR", 502, True


class ServiceUnavailable(EcgError):
    """Something a step or a request needs (a server, the browser) is away."""

    code, http_status, retryable = "SERVICE_UNAVAILABLE", 503, True


class Outage(ServiceUnavailable):
    """What every step stands on is away: the database, or room on the disk."""


class StoreUnavailable(Outage):
    """The store is full, absent or does not answer."""

    code = "STORE_UNAVAILABLE"


def restored(error: Mapping[str, Any]) -> EcgError:
    """The error that `EcgError.to_dict` told of; where several share its code, the plainest of them."""
    made = next((kind for kind in _kinds() if kind.code == error["code"]), EcgError)(error["message"])
    made.details = dict(error["details"])
    return made


def codes() -> set[str]:
    """The code of every error."""
    return {kind.code for kind in _kinds()}


def _kinds() -> list[type[EcgError]]:
    kinds = [EcgError]
    for kind in kinds:  # it grows on the way
        kinds += kind.__subclasses__()
    return kinds
