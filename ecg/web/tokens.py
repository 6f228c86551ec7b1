"""JSON Web Tokens: issuing them, and knowing who sent one.

Access tokens are short-lived and travel in the ``Authorization`` header. They name the family of their
sign-in, which is looked up at every request, so signing out ends them at once.
"""

from __future__ import annotations

import datetime
from typing import Any

from flask import Flask, current_app, g, request
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from ecg import accounts
from ecg.accounts import SignIn
from ecg.config import Settings
from ecg.db import transaction
from ecg.errors import Unauthorized
from ecg.secrets import derived_key
from ecg.web.replies import TokensReply, UserReply

_FAMILY = "family"


def init_tokens(app: Flask, settings: Settings) -> None:
    """Configure flask-jwt-extended; the algorithm is pinned, whatever a token's header says."""
    app.config.update(
        JWT_SECRET_KEY=derived_key(settings, "tokens"),
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_ENCODE_ISSUER="ecg",
        JWT_DECODE_ISSUER="ecg",
        JWT_ENCODE_AUDIENCE="ecg",
        JWT_DECODE_AUDIENCE="ecg",
        JWT_ACCESS_TOKEN_EXPIRES=datetime.timedelta(seconds=settings.access_token_s),
        JWT_REFRESH_TOKEN_EXPIRES=datetime.timedelta(seconds=settings.refresh_token_s),
    )
    JWTManager(app)


def issue(sign_in: SignIn) -> TokensReply:
    """The pair of tokens of a sign-in."""
    user, family = sign_in.user, {_FAMILY: sign_in.family}
    return TokensReply(
        access_token=create_access_token(user.id, additional_claims=family),
        refresh_token=create_refresh_token(user.id, additional_claims={**family, "jti": sign_in.jti}),
        expires_in=int(current_app.config["JWT_ACCESS_TOKEN_EXPIRES"].total_seconds()),
        user=UserReply.model_validate(user),
    )


def claims(token: str, kind: str) -> dict[str, Any]:
    """What a valid token of a kind (`access`, `refresh`) says; `Unauthorized` for any other."""
    try:
        found = decode_token(token)
    except (PyJWTError, JWTExtendedException, ValueError):
        raise Unauthorized("The token is not valid or has expired; sign in again.") from None
    if found["type"] != kind or _FAMILY not in found:
        raise Unauthorized(f"This is not {'an access' if kind == 'access' else 'a refresh'} token.")
    return found


def family_of(claims: dict[str, Any]) -> str:
    """The sign-in that a token belongs to."""
    return claims[_FAMILY]


def bearer_token() -> str:
    """The token in the ``Authorization`` header."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Sign in first, and send the access token as `Authorization: Bearer …`.")
    return token.strip()


def require_user() -> None:
    """Let a request through only with a valid access token of a sign-in that still counts."""
    found = claims(bearer_token(), "access")
    with transaction() as session:
        if not accounts.is_open(session, found["sub"], found[_FAMILY]):
            raise Unauthorized("You have been signed out; sign in again.")
    g.user_id = found["sub"]


def user_id() -> str:
    """Who sent this request."""
    return g.user_id
