"""Signing in with Google."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Flask, current_app, redirect, request
from werkzeug.wrappers import Response

from ecg import accounts, audit
from ecg.accounts import SignIn
from ecg.audit import Act
from ecg.config import Settings
from ecg.db import transaction
from ecg.errors import EcgError, Forbidden, NotFound, Unauthorized
from ecg.web import cookies
from ecg.web.api import blueprint, client, refusals, settings
from ecg.web.openid import LIFETIME_S, Provider, Vouched
from ecg.web.requests import CallbackQuery

_PATH = "/api/auth/google"
_NAME = "google"
bp = blueprint("google", __name__, "Signing in with Google", prefix=_PATH, public=True)


def init_google(app: Flask, settings: Settings) -> None:
    """Let people sign in with Google, if that is set up."""
    if settings.google_sign_in:
        app.extensions["ecg.google"] = Provider(app, settings, _PATH)


@bp.get("/login", responses={302: {"description": "To Google"}, **refusals(404)})
def login() -> Response:
    """Begin to sign in with Google: an address for a browser to go to."""
    return _google().begin()


@bp.get("/callback", responses={302: {"description": "To the page, signed in by its cookie"},
                                **refusals(401, 403, 404, 409)})  # fmt: skip
def callback(query: CallbackQuery) -> Response:
    """Where Google sends the browser back to.

    It goes on to the page: signed in, or with the error's code as `refused`. Who does not ask for HTML gets
    the error as JSON.
    """
    google, vouched = _google(), None
    try:
        vouched = google.finish()
        sign_in = _sign_in(vouched, query.state)
    except EcgError as error:
        _note_failure(error, vouched)
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
            raise
        return redirect(f"/?{urlencode({'refused': error.code})}")
    cookies.issue_to_page(sign_in)
    return redirect("/")


def _google() -> Provider:
    provider = current_app.extensions.get("ecg.google")
    if provider is None:
        raise NotFound("Signing in with Google is not set up here; sign in with a password.")
    return provider


def _sign_in(vouched: Vouched, state: str) -> SignIn:
    if not vouched.email_verified:
        raise Forbidden("Google has not verified this e-mail address; verify it there, or sign up here.")
    email = vouched.email
    with transaction() as session:
        if not accounts.use_state(session, state, lifetime_s=LIFETIME_S):
            raise Unauthorized("This sign-in has been completed before; begin again.")
        user, new = accounts.sign_in_elsewhere(session, provider=_NAME, subject=vouched.sub, email=email)
        act = Act.SIGN_UP if new else Act.SIGN_IN
        audit.note(session, act, client(), user_id=user.id, email=email, by=_NAME)
        return accounts.open_family(session, user, lifetime_s=settings().refresh_token_s)


def _note_failure(error: EcgError, vouched: Vouched | None) -> None:
    email = vouched.email if vouched else None
    with transaction() as session:
        audit.note(session, Act.SIGN_IN_FAILED, client(), email=email, by=_NAME, code=error.code)
