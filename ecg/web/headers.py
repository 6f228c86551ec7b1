"""Headers that tell browsers what they may do with an answer."""

from __future__ import annotations

import re

from flask import Flask, Response, request

import ecg
from ecg.errors import Outage
from ecg.web.api import settings, store

_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "media-src 'self' blob: {store}; connect-src 'self' {streams} {store}; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI sets style attributes and draws its icons from data URLs.
_DOCS = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DATA = "default-src 'none'; frame-ancestors 'none'"
#: An uploaded file is shown, but nothing in it runs.
_FILE = "default-src 'none'; media-src 'self'; frame-ancestors 'none'; sandbox"
_ADDRESS = re.compile(r"(https?://)?(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d+)?")
#: Where answers are for who asks, and for now.
_PERSONAL = ("/api/", "/v1/", "/transcribe", "/jobs/")
_POLICIES = {"pages": _PAGE, "operations.docs": _DOCS, "store_links": _FILE, "static": _PAGE}


def init_headers(app: Flask) -> None:
    """Set the security headers of every answer."""
    app.after_request(_set_headers)


def stream_base() -> str:
    """Address of the event streams, as this request's client can reach them."""
    if settings().stream_url:
        return settings().stream_url.rstrip("/")
    host = host_in(request.host) or settings().host
    return f"{request.scheme}://{host}:{settings().stream_port}"


def host_in(address: str) -> str | None:
    """The host in ``host:port`` or ``scheme://host:port``; ``None`` for what a client made up."""
    found = _ADDRESS.fullmatch(address)
    return found["host"].lower() if found else None


def _set_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _policy(request.endpoint or "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.path.startswith(_PERSONAL):
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-ECG-Version"] = ecg.__version__
    return response


def _policy(endpoint: str) -> str:
    policy = _POLICIES.get(endpoint) or _POLICIES.get(endpoint.partition(".")[0], _DATA)
    return policy.format(streams=stream_base(), store=_store_origin()) if policy is _PAGE else policy


def _store_origin() -> str:
    try:
        return store().origin
    except Outage:
        return ""  # without credentials there are no links either
