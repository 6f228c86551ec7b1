"""Every setting, read once from the environment (`Settings.from_env`).

A setting is one field below: its environment variable is ``ECG_`` plus its name in capitals, except
``DATABASE_URL`` and ``REDIS_URL``, which keep the names everyone knows. Units are in the names.
``docs/settings.md`` holds the same list; a test compares the two.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ecg.egress import PORTS, Network
from ecg.errors import BadRequest


def _bool(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError(text)


def _positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    return int(width), int(height)


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def _ports(text: str) -> frozenset[int]:
    return frozenset(map(int, text.split(",")))


_BASE_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?")


def _base_url(text: str) -> str:
    if not _BASE_URL.fullmatch(text.rstrip("/")):
        raise ValueError(text)
    return text.rstrip("/")


def _origins(text: str) -> tuple[str, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(part if part == "*" else _base_url(part) for part in parts)


def _default_data_dir() -> Path:
    # Root's home is closed to the unprivileged user that Postgres must run as.
    return Path("/var/lib/ecg") if os.geteuid() == 0 else Path.home() / ".ecg"


def _setting(default: Any, parse: Callable[[str], Any], doc: str, env: str | None = None) -> Any:
    return dataclasses.field(default=default, metadata={"parse": parse, "doc": doc, "env": env})


@dataclass(frozen=True)
class Settings:
    """All settings of one process. See ``docs/settings.md`` for the list with explanations."""

    # where things are
    data_dir: Path = _setting(
        _default_data_dir(),
        lambda text: Path(text).expanduser().absolute(),
        "Folder of the embedded Postgres and Redis, the local store, secrets and logs; private to its owner. "
        "Default: `~/.ecg`, for root `/var/lib/ecg`.",
    )
    database_url: str = _setting(
        "", str, "Postgres to use. Empty: the embedded one under the data folder.", "DATABASE_URL"
    )
    redis_url: str = _setting(
        "", str, "Redis to use for broker, progress and rate limits. Empty: the embedded one.", "REDIS_URL"
    )
    broker_url: str = _setting("", str, "Redis of the Celery broker alone. Empty: the same as REDIS_URL.")
    progress_url: str = _setting("", str, "Redis of live progress alone. Empty: the same as REDIS_URL.")
    store_dir: Path = _setting(
        Path(),
        lambda text: Path(text).expanduser().absolute(),
        "Folder of the local store. Empty: `store` under the data folder.",
    )
    models_dir: Path = _setting(
        Path(),
        lambda text: Path(text).expanduser().absolute(),
        "Folder of speech models. Empty: `models` under the data folder.",
    )
    fonts_dir: Path = _setting(
        Path(),
        lambda text: Path(text).expanduser().absolute(),
        "Folder into which `ecg setup` installs the caption fonts. Empty: `fonts` under the data folder.",
    )
    scratch_dir: Path = _setting(
        Path(),
        lambda text: Path(text).expanduser().absolute(),
        "Folder for the scratch files of running steps. Empty: `scratch` under the data folder.",
    )
    s3_bucket: str = _setting(
        "", str, "Bucket of S3 to keep files in. Empty: the folder of the local store. Credentials come from "
        "boto3's usual places (`AWS_ACCESS_KEY_ID`, profiles, roles).",
    )  # fmt: skip
    s3_endpoint_url: str = _setting(
        "", str, "Address of a service that speaks S3, as this process and browsers reach it. Empty: AWS."
    )
    s3_region: str = _setting("", str, "Region of the bucket. Empty: boto3's own choice.")
    s3_prefix: str = _setting("", str, "What all keys in the bucket begin with. Empty: nothing.")

    # web
    host: str = _setting("127.0.0.1", str, "Address the web tier listens on.")
    port: int = _setting(8000, int, "Port of the web tier.")
    stream_port: int = _setting(8001, int, "Port of the event streams.")
    stream_url: str = _setting(
        "", str, "Public base address of the event streams. Empty: same host, the port of the streams."
    )
    flower_port: int = _setting(5555, int, "Port of Flower, when it is started.")
    flower_auth: str = _setting(
        "", str, "`user:password` of Flower. Empty: made at the first start and kept."
    )
    secret_key: str = _setting(
        "", str, "Key that signs tokens and links. Empty: made at the first start and kept."
    )
    old_secret_key: str = _setting(
        "", str, "The key before it: sign-ins from then still count. Remove it after ECG_REFRESH_TOKEN_S."
    )
    public_url: str = _setting(
        "", _base_url, "Address by which browsers reach the page, such as `https://ecg.example.org`. "
        "Signing in with Google needs it; with https, cookies are for https alone.",
    )  # fmt: skip
    cors_origins: tuple[str, ...] = _setting(
        (), _origins, "Pages of other servers that may use the API, such as `https://example.org,"
        "http://localhost:3000`; `*`: all. They send tokens or keys, never cookies.",
    )  # fmt: skip
    google_client_id: str = _setting(
        "", str, "Client of Google's OAuth 2.0 to sign in with. Empty: signing in with Google is off."
    )
    google_client_secret: str = _setting("", str, "The secret of that client.")
    google_issuer: str = _setting(
        "https://accounts.google.com", _base_url, "Issuer of the OpenID Connect tokens of Google."
    )
    result_secret: str = _setting(
        "", str, "Secret with which workers elsewhere sign what they send to `/api/upload-video/result`. "
        "Empty: nothing is taken there.",
    )  # fmt: skip
    web_threads: int = _setting(8, int, "Threads of each web process.")
    web_processes: int = _setting(1, int, "Web processes.")
    access_token_s: int = _setting(900, int, "Seconds an access token is valid.")
    refresh_token_s: int = _setting(30 * 86400, int, "Seconds a refresh token is valid.")
    audit_days: int = _setting(365, int, "Days that entries of the audit log are kept. 0: for ever.")
    link_s: int = _setting(900, int, "Seconds a signed upload or download link is valid.")
    sync_s: float = _setting(
        300.0, float, "Seconds a request may wait for its analysis (`/transcribe`, "
        "`/v1/audio/transcriptions`). At most half of a process's threads wait so.",
    )  # fmt: skip
    sync_bytes: int = _setting(25 * 1024**2, int, "Largest file of a request that waits, in bytes.")
    sync_media_s: float = _setting(
        1500.0, float, "Longest media that a request waits for, in seconds; that of longer ones is told at "
        "once where to ask for the result.",
    )  # fmt: skip

    worker_queue: str = _setting(
        "", str, "Queue whose tasks this process loads; every worker entry sets it for itself. Empty: all.")

    # limits on media
    max_upload_bytes: int = _setting(2 * 1024**3, int, "Largest upload, in bytes.")
    parts_above_bytes: int = _setting(64 * 1024**2, int, "Files larger than this are sent in parts.")
    part_bytes: int = _setting(
        16 * 1024**2, _positive, "Size of such a part. S3 takes none below 5 MiB but the last."
    )
    max_duration_s: float = _setting(
        3 * 3600.0, float, "Longest media, in seconds of decoded sound or picture."
    )
    min_duration_s: float = _setting(0.5, float, "Shortest media, in seconds.")
    max_pixels: int = _setting(4096 * 2304, int, "Most pixels in a picture of the source.")
    max_fps: float = _setting(120.0, float, "Highest frame rate of the source.")
    max_streams: int = _setting(8, int, "Most streams in a source file.")
    tool_memory_bytes: int = _setting(
        320 * 1024**2, int, "Memory of one ffprobe or ffmpeg that reads a source not yet trusted."
    )

    # addresses that users name
    egress_allow: tuple[Network, ...] = _setting(
        (), _networks, "Networks, such as `10.1.0.0/16`, that count as public: fetched from and called."
    )
    egress_ports: frozenset[int] = _setting(PORTS, _ports, "Ports that may be fetched from and called.")
    fetch_s: float = _setting(3600.0, float, "Seconds that fetching one file may take.")
    webhook_retry_s: float = _setting(
        10.0, float, "Seconds until a webhook that did not answer is called again; doubles up to an hour."
    )
    webhook_give_up_s: float = _setting(
        3 * 86400.0, float, "Age in seconds at which an event that no call has delivered is given up, and "
        "time after which a webhook that nothing has reached is switched off.",
    )  # fmt: skip

    # what each user may ask for; whoever runs ECG can exempt an account (`ecg accounts unlimited`)
    renders_per_day: int = _setting(10, int, "Renders a user may start per day (UTC). 0: no limit.")
    renders_per_month: int = _setting(100, int, "Renders a user may start per month (UTC). 0: no limit.")
    renders_at_once: int = _setting(2, int, "Renders a user may have waiting or running. 0: no limit.")
    analyses_at_once: int = _setting(0, int, "Analyses a user may have waiting or running. 0: no limit.")
    user_bytes: int = _setting(
        50 * 1024**3, int, "Bytes that the videos of a user may take together. 0: no limit."
    )
    renders_per_minute: int = _setting(
        20, int, "Requests for a render a user may send per minute. 0: no limit."
    )
    analyses_per_minute: int = _setting(
        5, int, "Requests for an analysis a user may send per minute. 0: no limit."
    )
    sign_ins_per_minute: int = _setting(
        10, int, "Attempts to sign in to one account per minute; from one address six times as many, with "
        "those to sign up. 0: no limit.",
    )  # fmt: skip
    metrics_token: str = _setting("", str, "What `/metrics` asks for. Empty: nobody may read it.")
    proxies: int = _setting(
        0, int, "Reverse proxies in front of the web tier: so many entries of X-Forwarded-For are believed."
    )

    # the stack on one machine
    gpus: str = _setting(
        "auto",
        str,
        "GPUs that `ecg up` starts audio workers and one render worker for: `auto`, `none`, or "
        "numbers such as `0,1`.",
    )
    audio_workers_per_gpu: int = _setting(
        1, _positive, "Audio workers that `ecg up` starts on each GPU. Each holds its own models: about 6 GB."
    )

    # speech
    engine: str = _setting("auto", str, "Speech engine: `auto`, `whisperx`, `faster-whisper` or `offline`.")
    whisper_model: str = _setting(
        "", str, "Whisper model: a size such as `base` or `large-v3`, or a folder. Empty: `large-v3` for the "
        "engine whisperx, `base` for faster-whisper.",
    )  # fmt: skip
    whisper_batch: int = _setting(
        8, _positive, "Chunks of up to 30 s that whisperx recognises at once; fewer need less GPU memory."
    )
    models_idle_s: float = _setting(
        0.0, float, "Seconds without work after which whisperx lets its models go, to be loaded again by the "
        "next job. 0: never.",
    )  # fmt: skip

    # rendering
    chromium: str = _setting("", str, "Path of Chromium's headless shell. Empty: the one the system has.")
    chromium_sandbox: bool = _setting(
        True, _bool, "Run Chromium with its sandbox. Turn it off only where Chromium must run as root."
    )
    capture: str = _setting("auto", str, "How frames leave Chromium: `auto`, `canvas` or `screenshot`.")
    encoder: str = _setting("auto", str, "Video encoder: `auto`, `h264_nvenc` or `libx264`.")
    x264_preset: str = _setting("veryfast", str, "Preset of libx264.")
    audio_background_size: tuple[int, int] = _setting(
        (1280, 720), _size, "Size of the plain picture laid under media that has only sound."
    )

    # the record of work
    lease_s: float = _setting(20.0, float, "Seconds a worker holds a step without renewing it.")
    renew_s: float = _setting(2.0, float, "Seconds between two renewals of a lease.")
    reconcile_s: float = _setting(3.0, float, "Seconds between two passes of the reconciler.")
    dispatch_poll_s: float = _setting(1.0, float, "Longest the dispatcher sleeps without being woken.")
    republish_s: float = _setting(
        15.0, float, "Seconds after which a published step is published again when its message is gone."
    )
    dispatch_window: int = _setting(64, int, "Most steps per queue that are published and not yet claimed.")
    max_errors: int = _setting(3, int, "Errors after which a step fails for good.")
    max_outages: int = _setting(
        200, int, "Attempts that found the store, the database or the disk away, after which a step fails."
    )
    max_losses: int = _setting(10, int, "Lost workers after which a step fails for good.")

    def __post_init__(self) -> None:
        for name in ("store", "models", "fonts", "scratch"):
            if getattr(self, f"{name}_dir") == Path():
                object.__setattr__(self, f"{name}_dir", self.data_dir / name)
        for name in ("broker_url", "progress_url"):
            if not getattr(self, name):
                object.__setattr__(self, name, self.redis_url)
        object.__setattr__(self, "database_url", with_driver(self.database_url))

    @property
    def google_sign_in(self) -> bool:
        """Whether people can sign in with Google."""
        return bool(self.google_client_id and self.google_client_secret and self.public_url)

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read every setting; an unreadable value raises `BadRequest` that names its variable."""
        values = {}
        for field in dataclasses.fields(cls):
            text = env.get(variable(field))
            if text:
                try:
                    values[field.name] = field.metadata["parse"](text)
                except ValueError:
                    raise BadRequest(
                        f"{variable(field)}={text!r} cannot be read: {field.metadata['doc']}"
                    ) from None
        return cls(**values)


def variable(field: dataclasses.Field[Any]) -> str:
    """The environment variable of a setting."""
    return field.metadata["env"] or f"ECG_{field.name.upper()}"


def with_driver(url: str) -> str:
    """Name the driver: SQLAlchemy 2.1 would take psycopg 3 for a plain ``postgresql://``."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg2://" + url.removeprefix(scheme)
    return url


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings.from_env()
