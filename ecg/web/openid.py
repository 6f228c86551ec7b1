"""People whom an OpenID Connect provider vouches for: the authorization code flow with PKCE.

Authlib keeps state, nonce and verifier of a sign-in that was begun in Flask's session: a signed cookie that
scripts cannot read, good for some minutes and for this flow alone.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import flask
import pybreaker
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Flask
from joserfc.errors import JoseError
from pydantic import BaseModel, Field, StrictBool
from werkzeug.wrappers import Response

from ecg.config import Settings
from ecg.errors import ServiceUnavailable, Unauthorized
from ecg.secrets import derived_key
from ecg.web.requests import Email, Line

log = logging.getLogger(__name__)
#: How long one may take at the provider.
LIFETIME_S = 600
_TIMEOUT_S = 5


class Vouched(BaseModel):
    """What a provider says of a person; ``sub`` is its own id of him."""

    sub: Line = Field(min_length=1, max_length=255)
    email: Email
    email_verified: StrictBool = False


class Provider:
    """Google, or what speaks as Google does."""

    def __init__(self, app: Flask, settings: Settings, path: str) -> None:
        """``path``: where the sign-in begins; its callback lies below."""
        self._issuer, self._callback_url = settings.google_issuer, f"{settings.public_url}{path}/callback"
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=3, reset_timeout=10, throw_new_error_on_trip=False,
            exclude=[lambda error: not isinstance(error, requests.RequestException)],
        )  # fmt: skip
        app.config.update(
            SECRET_KEY=derived_key(settings, "sign-ins elsewhere"),
            SESSION_COOKIE_NAME="ecg_google",
            SESSION_COOKIE_PATH=path,
            SESSION_COOKIE_SECURE=settings.public_url.startswith("https:"),
            SESSION_COOKIE_SAMESITE="Lax",  # it must come along when the provider sends the browser back
            PERMANENT_SESSION_LIFETIME=datetime.timedelta(seconds=LIFETIME_S),
        )
        self._client = OAuth(app).register(
            "google",
            client_id=settings.google_client_id,
            client_secret=settings.google_client_secret,
            server_metadata_url=f"{self._issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email", "code_challenge_method": "S256", "default_timeout": _TIMEOUT_S,
            },
        )  # fmt: skip

    def begin(self) -> Response:
        """Send the browser to the provider. What it began before is forgotten."""
        flask.session.clear()
        flask.session.permanent = True
        with self._typed_errors():
            return self._client.authorize_redirect(self._callback_url)

    def finish(self) -> Vouched:
        """Whom the provider, having sent the browser back, vouches for; `Unauthorized` for all else."""
        with self._typed_errors():
            known = self._client.load_server_metadata()
            known["id_token_signing_alg_values_supported"] = ["RS256"]
            known.pop("jwks", None)  # a key that the provider has withdrawn counts no more
            token = self._client.authorize_access_token(claims_options={
                "iss": {"essential": True, "value": self._issuer},
                "aud": {"essential": True, "value": self._client.client_id},
            })  # fmt: skip
            flask.session.clear()
            return Vouched.model_validate(dict(token.get("userinfo") or {}))

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            with self._breaker.calling():
                yield
        except (requests.RequestException, pybreaker.CircuitBreakerError) as error:
            log.warning("the provider of sign-ins does not answer: %s", error)
            raise ServiceUnavailable(
                "Google does not answer; try again in a moment, or sign in with a password."
            ) from error
        except (AuthlibBaseError, JoseError, ValueError) as error:
            log.warning("a sign-in elsewhere was refused: %s", error)
            raise Unauthorized(
                "This does not complete a sign-in that was begun in this browser in the last "
                f"{LIFETIME_S // 60} minutes; begin again."
            ) from error
