"""How often one may ask: counted in Redis, for all web processes together, in the minute before each request.

While Redis is away each process counts for itself: work can still be asked for, and passwords still cannot be
guessed at will.
"""

from __future__ import annotations

import logging
import math
import time

import pybreaker
from flask import Flask, current_app, request
from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from ecg.config import Settings
from ecg.errors import RateLimited
from ecg.web.api import settings
from ecg.web.tokens import user_id

log = logging.getLogger(__name__)
#: What a user may ask for so many times a minute, by the view: the setting that says how often.
OF_USERS = {
    "render.create": "renders_per_minute",
    "videos.analyze": "analyses_per_minute",
    "videos.from_url": "analyses_per_minute",
    "upload_video.request_process": "analyses_per_minute",
    "upload_video.process_video": "analyses_per_minute",
    "transcribe.transcribe": "analyses_per_minute",
    "openai.transcriptions": "analyses_per_minute",
}
#: What takes a password, and so costs time and can be guessed, or asks another service.
OF_ADDRESSES = frozenset({"auth.signup", "auth.login", "google.login", "google.callback"})
_ADDRESS_SHARE = 6


class RateLimits:
    """Moving windows of a minute."""

    def __init__(self, redis_url: str) -> None:
        shared = RedisStorage(redis_url, wrap_exceptions=True, socket_timeout=0.3, socket_connect_timeout=0.3)
        self._shared, self._own = MovingWindowRateLimiter(shared), MovingWindowRateLimiter(MemoryStorage())
        self._breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=5, throw_new_error_on_trip=False)

    def count(self, what: str, who: str, per_minute: int) -> None:
        """Count a request; `RateLimited` when there were as many in the last minute. 0: no limit."""
        if per_minute < 1:
            return
        limit = RateLimitItemPerMinute(per_minute, namespace="ecg")
        try:
            wait_s = self._breaker.call(_wait_s, self._shared, limit, what, who)
        except (pybreaker.CircuitBreakerError, StorageError) as error:
            log.warning("this process counts requests for itself, Redis is away: %s", error)
            wait_s = _wait_s(self._own, limit, what, who)
        if wait_s:
            raise RateLimited(
                f"At most {per_minute} of these requests a minute are taken; try again in {wait_s} s.",
                limit=per_minute, per_s=60, retry_after_s=wait_s,
            )  # fmt: skip


def init_limits(app: Flask, settings: Settings) -> None:
    """Count requests from now on, once it is known who sends them."""
    app.extensions["ecg.limits"] = RateLimits(settings.redis_url)
    app.before_request(_count)


def count_sign_in(email: str) -> None:
    """Count an attempt to sign in to an account, whether there is such a one or not."""
    _limits().count("account", email.lower(), settings().sign_ins_per_minute)


def _count() -> None:
    if request.method == "OPTIONS":
        return  # it starts nothing, and nobody is known to have sent it
    endpoint = request.endpoint or ""
    if setting := OF_USERS.get(endpoint):
        _limits().count(setting, user_id(), getattr(settings(), setting))
    if endpoint in OF_ADDRESSES:
        most = _ADDRESS_SHARE * settings().sign_ins_per_minute
        _limits().count("address", request.remote_addr or "", most)


def _limits() -> RateLimits:
    return current_app.extensions["ecg.limits"]


def _wait_s(window: MovingWindowRateLimiter, limit: RateLimitItemPerMinute, what: str, who: str) -> int:
    """Count it and give 0, or give the seconds until it would be taken."""
    if window.hit(limit, what, who):
        return 0
    return max(1, math.ceil(window.get_window_stats(limit, what, who).reset_time - time.time()))
