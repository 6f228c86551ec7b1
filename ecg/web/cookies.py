"""Where the page keeps its refresh token: in a cookie that only `/api/auth` gets and no script can read.

Another site could make the browser send it. So the token names a second value, which the page reads from a
cookie of its own and must send as a header, what another site can do neither of.
"""

from __future__ import annotations

from flask import Response, after_this_request, request
from flask_jwt_extended import get_csrf_token

from ecg.accounts import SignIn
from ecg.errors import Forbidden
from ecg.web.api import settings
from ecg.web.replies import TokensReply
from ecg.web.tokens import issue

REFRESH, CSRF = "ecg_refresh", "ecg_csrf"
HEADER = "X-CSRF-Token"
#: Tabs share the cookie, and a page may be left before its answer comes.
GRACE_S = 10
_PATH = "/api/auth"


def issue_to_page(sign_in: SignIn) -> TokensReply:
    """The tokens of a sign-in, of which the refresh token goes into the cookie of this answer."""
    tokens = issue(sign_in)
    assert tokens.refresh_token
    _keep(REFRESH, tokens.refresh_token, path=_PATH, httponly=True)
    _keep(CSRF, get_csrf_token(tokens.refresh_token), path="/", httponly=False)
    return tokens.model_copy(update={"refresh_token": None})


def has_token() -> bool:
    """Whether the browser sent a refresh token in its cookie."""
    return REFRESH in request.cookies


def token_and_csrf() -> tuple[str, str]:
    """The refresh token of the cookie and the value that must be its own; `Forbidden` without a header."""
    csrf = request.headers.get(HEADER, "")
    if not csrf or not csrf.isascii():
        raise Forbidden(f"Send what the cookie `{CSRF}` holds as {HEADER}.")
    return request.cookies[REFRESH], csrf


def forget() -> None:
    """Let the browser drop both cookies at this answer."""

    @after_this_request
    def drop(response: Response) -> Response:
        response.delete_cookie(REFRESH, path=_PATH, secure=_is_secure(), httponly=True, samesite="Strict")
        response.delete_cookie(CSRF, path="/", secure=_is_secure(), samesite="Strict")
        return response


def _keep(name: str, value: str, *, path: str, httponly: bool) -> None:
    """Let the browser keep a cookie as long as a refresh token counts."""

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(name, value, max_age=settings().refresh_token_s, path=path, secure=_is_secure(),
                            httponly=httponly, samesite="Strict")  # fmt: skip
        return response


def _is_secure() -> bool:
    # Behind a proxy that is not counted in ECG_PROXIES, only the setting knows of https.
    return request.is_secure or settings().public_url.startswith("https:")
