"""Videos behind the pages of video services, by yt-dlp: a process of its own that has one way out.

Only extractors that know their service by name, and only whole files over http: nothing that another program
would have to fetch, and no list of pieces that name further addresses.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from ecg.egress import Egress, Policy
from ecg.errors import (
    CommandFailed,
    DownloadError,
    EcgError,
    EngineUnavailable,
    InvalidMedia,
    TimeoutExceeded,
)
from ecg.media import runner
from ecg.media.runner import Usage

_PATIENCE_S = 30
_MEMORY_BYTES = 1 << 30
_CPU_S_PER_GB, _LEAST_CPU_S = 60, 120
_WHOLE_FILE = "[protocol^=http][protocol!*=dash]"
_FORMAT = f"best{_WHOLE_FILE}/bestaudio{_WHOLE_FILE}"
_PROGRESS = "download:%(progress.downloaded_bytes)s %(progress.total_bytes,progress.total_bytes_estimate)s"
# What yt-dlp says when another attempt may go better.
_PASSING = ("HTTP Error 5", "HTTP Error 429", "HTTP Error 408", "timed out", "Connection", "IncompleteRead",
            "Unable to connect", "bytes read")  # fmt: skip


def fetch_from_service(
    url: str, out: Path, egress: Egress, policy: Policy, on_progress: Callable[[float], None]
) -> bool:
    """Write the video behind a service's page to ``out``; False when no service known here has such pages.

    Raises `InvalidMedia` when the service does not hand out a whole file, `DownloadError` when it fails,
    `EngineUnavailable`.
    """
    usage = Usage(_MEMORY_BYTES, _LEAST_CPU_S + policy.most_bytes // 10**9 * _CPU_S_PER_GB, policy.most_bytes)
    listing = runner.lines(command(url, out, egress.url, policy), timeout_s=policy.most_s, usage=usage,
                           offline=False)  # fmt: skip
    try:
        for line in listing:
            _tell(line, on_progress)
    except CommandFailed as error:
        tail = error.details["stderr_tail"]
        if "No suitable extractor" in tail or "Unsupported URL" in tail:
            return False
        raise _meant(tail) from error
    except TimeoutExceeded as error:
        raise DownloadError(
            f"The video did not arrive within {policy.most_s:g} s; it is tried again."
        ) from error
    if not out.exists() and not egress.too_much:  # yt-dlp leaves such a file out without an error
        raise InvalidMedia(f"The video is too large: at most {policy.most_bytes} bytes are taken.",
                           max_upload_bytes=policy.most_bytes)  # fmt: skip
    return True


def command(url: str, out: Path, proxy: str, policy: Policy) -> list[str]:
    """Without configuration, cookies, caches, plugins and other programs, and all through the proxy."""
    return [
        "env", f"HOME={out.parent}", "YTDLP_NO_PLUGINS=1",
        sys.executable, "-I", "-m", "yt_dlp",
        "--ignore-config", "--no-plugin-dirs", "--no-cache-dir", "--no-cookies", "--no-cookies-from-browser",
        "--no-exec", "--no-js-runtimes", "--no-remote-components",
        "--use-extractors", "default,-generic", "--proxy", proxy,
        "--format", _FORMAT, "--downloader", "native", "--fixup", "never",
        "--ffmpeg-location", str(out.parent),
        "--no-playlist", "--playlist-items", "1", "--max-filesize", str(policy.most_bytes),
        "--socket-timeout", str(_PATIENCE_S), "--retries", "2", "--extractor-retries", "1",
        "--no-part", "--no-continue", "--no-mtime", "--force-overwrites",
        "--output", str(out).replace("%", "%%"),
        "--quiet", "--no-warnings", "--progress", "--newline", "--progress-template", _PROGRESS,
        "--", url,
    ]  # fmt: skip


def _tell(line: str, on_progress: Callable[[float], None]) -> None:
    done, _, whole = line.partition(" ")
    with contextlib.suppress(ValueError, ZeroDivisionError):  # a size may be unknown
        on_progress(min(float(done) / float(whole), 1.0))


def _meant(tail: str) -> EcgError:
    if "No module named" in tail:
        return EngineUnavailable("yt-dlp is not installed; install ECG with its dependencies.")
    if "Requested format is not available" in tail or "No video formats found" in tail:
        return InvalidMedia(
            "The service hands this video out in pieces only; download it yourself and upload the file.",
            stderr_tail=tail,
        )
    if any(sign in tail for sign in _PASSING):
        return DownloadError("The service did not hand out the video; it is tried again.", stderr_tail=tail)
    return InvalidMedia(
        "The service does not hand out this video; check that it can be watched without signing in.",
        stderr_tail=tail,
    )
