"""Tokens: issuing JSON Web Tokens, and knowing who sent one of them, or an API key.

Both travel in the ``Authorization`` header. An access token is short-lived and names the family of its
sign-in, which is looked up at every request, so signing out ends it at once; so is an API key.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from flask import Flask, current_app, g, request
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException
from jwt.exceptions import PyJWTError
from sqlalchemy.orm import Session

from ecg import accounts, api_keys, audit
from ecg.accounts import SignIn
from ecg.api_keys import Scope
from ecg.config import Settings
from ecg.db import autocommit
from ecg.errors import Forbidden, Unauthorized
from ecg.secrets import derived_key
from ecg.web.api import client
from ecg.web.replies import TokensReply, UserReply

_FAMILY = "family"
_DECODED = "ecg.decoded"
SIGNED_OUT = "You have been signed out; sign in again."
_INVALID = "The token is not valid or has expired; sign in again."


def init_tokens(app: Flask, settings: Settings) -> None:
    """Configure flask-jwt-extended; the algorithm is pinned, whatever a token's header says."""
    app.config.update(
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_ENCODE_ISSUER="ecg",
        JWT_DECODE_ISSUER="ecg",
        JWT_ENCODE_AUDIENCE="ecg",
        JWT_DECODE_AUDIENCE="ecg",
        JWT_ACCESS_TOKEN_EXPIRES=datetime.timedelta(seconds=settings.access_token_s),
        JWT_REFRESH_TOKEN_EXPIRES=datetime.timedelta(seconds=settings.refresh_token_s),
    )
    _use_keys(JWTManager(app), settings)
    # Decoding costs as much as the rest of a request, and a token is sent many times.
    app.extensions[_DECODED] = lru_cache(maxsize=4096)(_decoded)


def _use_keys(manager: JWTManager, settings: Settings) -> None:
    """Sign with the key of today and name it (`kid`); what the key before it signed still counts."""
    today = derived_key(settings, "tokens")
    known = {_name(today): today}
    if settings.old_secret_key:
        before = derived_key(dataclasses.replace(settings, secret_key=settings.old_secret_key), "tokens")
        known[_name(before)] = before
    manager.encode_key_loader(lambda _identity: today)
    manager.additional_headers_loader(lambda _identity: {"kid": _name(today)})
    manager.decode_key_loader(lambda header, _claims: known.get(header.get("kid"), today))


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def issue(sign_in: SignIn) -> TokensReply:
    """The pair of tokens of a sign-in."""
    user, family = sign_in.user, {_FAMILY: sign_in.family}
    return TokensReply(
        access_token=create_access_token(user.id, additional_claims=family),
        refresh_token=create_refresh_token(user.id, additional_claims={**family, "jti": sign_in.jti}),
        expires_in=int(current_app.config["JWT_ACCESS_TOKEN_EXPIRES"].total_seconds()),
        user=UserReply.model_validate(user),
    )


def claims(token: str, kind: str, csrf: str | None = None) -> Mapping[str, Any]:
    """What a valid token of a kind (`access`, `refresh`) says; `Unauthorized` for any other.

    ``csrf``: what it must name as such, having come in a cookie; `Forbidden` if it does not.
    """
    try:
        found = decode_token(token, csrf) if csrf is not None else current_app.extensions[_DECODED](token)
    except CSRFError:
        raise Forbidden("The X-CSRF-Token does not belong to this sign-in; reload the page.") from None
    except (PyJWTError, JWTExtendedException, ValueError):
        raise Unauthorized(_INVALID) from None
    if found["exp"] <= time.time():
        raise Unauthorized(_INVALID)
    if found["type"] != kind or _FAMILY not in found:
        raise Unauthorized(f"This is not {'an access' if kind == 'access' else 'a refresh'} token.")
    return found


def _decoded(token: str) -> Mapping[str, Any]:
    return MappingProxyType(decode_token(token))


def family_of(claims: Mapping[str, Any]) -> str:
    """The sign-in that a token belongs to."""
    return claims[_FAMILY]


def bearer_token() -> str:
    """The token in the ``Authorization`` header."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(
            "Sign in first, and send the access token, or an API key, as `Authorization: Bearer …`."
        )
    return token.strip()


@dataclass(frozen=True)
class SignedIn:
    """An access token that is valid, if its sign-in still counts."""

    user_id: str
    family: str

    def user(self, session: Session, scope: Scope | None) -> str:
        """The id of who sent it; `Unauthorized` after signing out. People may do all that is theirs to do."""
        if not accounts.is_open(session, self.user_id, self.family):
            raise Unauthorized(SIGNED_OUT)
        return self.user_id


@dataclass(frozen=True)
class Key:
    """What looks like an API key, and from where it was sent."""

    text: str
    client: audit.Client

    def user(self, session: Session, scope: Scope | None) -> str:
        """The id of whose it is; `Unauthorized` when there is no such key, `Forbidden` out of its scopes."""
        key = api_keys.used(session, self.text)
        if key is None:
            raise Unauthorized("There is no such API key, or it has been revoked; make another.")
        if scope is None:
            raise Forbidden("This is not for API keys; sign in, and send the access token.")
        if scope not in key.scopes:
            raise Forbidden(f"This API key has not the scope `{scope}`; make one that has.")
        audit.note_key_used(session, self.client, key.user_id, key.id)
        return key.user_id


def credential(token: str) -> SignedIn | Key:
    """What a token of the ``Authorization`` header is; `Unauthorized` for one that can be nothing."""
    if token.startswith(api_keys.PREFIX):
        return Key(token, client())
    found = claims(token, "access")
    return SignedIn(found["sub"], found[_FAMILY])


def require_user(scope: Scope | None, *, look_up: bool = True) -> None:
    """Let a request through only with what proves who sends it; ``None``: people only, no API keys.

    Without ``look_up`` the view must find out whether the sign-in still counts (`unproved`).
    """
    sender = credential(bearer_token())
    if isinstance(sender, SignedIn) and not look_up:
        g.sender = sender
        return
    with autocommit() as session:
        g.user_id = sender.user(session, scope)


def unproved() -> SignedIn | None:
    """The sign-in that this view must look up; ``None`` when it is known who sent the request."""
    return g.get("sender")


def user_id() -> str:
    """Who sent this request."""
    return g.user_id
