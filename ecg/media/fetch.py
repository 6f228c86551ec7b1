"""Fetching a file from an address that a user named: through the guarded way out, and never by ffmpeg.

The answer decides: a file is taken as it is; for a page `ecg.media.services` is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import requests

from ecg.egress import Egress, Policy, Resolve, check_url, guarded, resolve
from ecg.errors import BadRequest, DownloadError, EcgError, InvalidMedia
from ecg.media.services import fetch_from_service

_BLOCK_BYTES = 1 << 20
_PATIENCE_S = 30.0
_REDIRECTS = 5
_TO_BE_TRIED_AGAIN = frozenset({408, 425, 429})
_PAGES = ("text/", "application/json", "application/xhtml")


def fetch(
    url: str, out: Path, policy: Policy, on_progress: Callable[[float], None], resolve: Resolve = resolve
) -> None:
    """Write the file at a web address, or the video behind a page of a known service, to ``out``.

    Raises `BadRequest` for an address that is none or leads to where nobody may go, `InvalidMedia` when there
    is no media file, and `DownloadError`, after which it may be tried again, when the other side fails.
    """
    check_url(url)
    with guarded(policy, resolve) as egress, requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": egress.url, "https": egress.url}
        session.max_redirects = _REDIRECTS
        try:
            with session.get(url, stream=True, timeout=_PATIENCE_S) as response:
                _check(response, egress, policy)
                page = _is_page(response)
                if not page:
                    _write(response, out, policy, on_progress)
        except requests.TooManyRedirects:
            raise InvalidMedia("The address leads on and on; give the link of the file itself.") from None
        except requests.RequestException as error:
            raise _failed(error, egress, policy) from error
        if page:
            _from_service(url, out, egress, policy, on_progress)
        if egress.too_much:
            raise _too_large(policy)
    if not out.stat().st_size:
        raise InvalidMedia("The file at the address is empty.")


def _check(response: requests.Response, egress: Egress, policy: Policy) -> None:
    status = response.status_code
    if egress.refused:
        raise _refused(egress)
    if status >= 500 or status in _TO_BE_TRIED_AGAIN:
        raise DownloadError(f"The address answers {status}; it is tried again.", status=status)
    if status != requests.codes.ok:
        raise InvalidMedia(f"There is no file at the address, which answers {status}; check the link.",
                           status=status)  # fmt: skip
    if _announced(response) > policy.most_bytes:
        raise _too_large(policy)


def _is_page(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").lower().startswith(_PAGES)


def _from_service(
    url: str, out: Path, egress: Egress, policy: Policy, on_progress: Callable[[float], None]
) -> None:
    try:
        known = fetch_from_service(url, out, egress, policy, on_progress)
    except (InvalidMedia, DownloadError):
        if egress.refused:
            raise _refused(egress) from None
        if egress.too_much:
            raise _too_large(policy) from None
        raise
    if not known:
        raise InvalidMedia("The address is a page, not a video or sound; give the link of the file itself.")


def _write(
    response: requests.Response, out: Path, policy: Policy, on_progress: Callable[[float], None]
) -> None:
    whole, written = _announced(response) or policy.most_bytes, 0
    ends_at_s = time.monotonic() + policy.most_s
    with out.open("wb") as file:
        for block in response.iter_content(_BLOCK_BYTES):
            written += file.write(block)
            on_progress(min(written / whole, 1.0))
            if written > policy.most_bytes:  # more than came over the wire: it was compressed
                raise _too_large(policy)
            if time.monotonic() > ends_at_s:
                raise _too_slow(policy)


def _announced(response: requests.Response) -> int:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else 0


def _failed(error: requests.RequestException, egress: Egress, policy: Policy) -> EcgError:
    if egress.refused:
        return _refused(egress)
    if egress.too_much:
        return _too_large(policy)
    return DownloadError("The file could not be fetched from the address; it is tried again.",
                         cause=type(error).__name__)  # fmt: skip


def _refused(egress: Egress) -> BadRequest:
    return BadRequest("The address leads to where ECG does not go: only public web addresses are fetched.",
                      refused=egress.refused[0])  # fmt: skip


def _too_large(policy: Policy) -> InvalidMedia:
    return InvalidMedia(f"The file is too large: at most {policy.most_bytes} bytes are taken.",
                        max_upload_bytes=policy.most_bytes)  # fmt: skip


def _too_slow(policy: Policy) -> DownloadError:
    return DownloadError(f"The file did not arrive within {policy.most_s:g} s; it is tried again.")
