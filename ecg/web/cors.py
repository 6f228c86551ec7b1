"""Pages of other servers: only those of the allow-list may read what the API answers."""

from __future__ import annotations

from flask import Flask
from flask_cors import CORS

from ecg.config import Settings

#: What a page elsewhere may send and read beyond what browsers let any page.
SENT = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID")
_READ = ("ETag", "Idempotent-Replayed", "Location", "RateLimit", "Retry-After", "X-ECG-Version",
         "ECG-Engine", "ECG-Job-Id", "ECG-Video-Id")  # fmt: skip


def init_cors(app: Flask, settings: Settings) -> None:
    """Let the pages of ``ECG_CORS_ORIGINS`` use the API with tokens and keys; cookies stay at home."""
    if settings.cors_origins:
        CORS(app, origins=list(settings.cors_origins), allow_headers=list(SENT), expose_headers=list(_READ),
             supports_credentials=False, max_age=600)  # fmt: skip
