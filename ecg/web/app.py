"""The Flask app of the web tier."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Flask, Response, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3 import Info, OpenAPI
from pydantic import BaseModel
from werkzeug.middleware.proxy_fix import ProxyFix

import ecg
from ecg.api_keys import Scope
from ecg.config import Settings
from ecg.config import settings as settings_of_process
from ecg.progress import newest
from ecg.storage import LocalStore, store
from ecg.web import (
    admin,
    auth,
    google,
    headers,
    jobs,
    keys,
    metrics,
    openai,
    operations,
    pages,
    projects,
    render,
    results,
    store_links,
    styles,
    transcribe,
    upload_video,
    uploads,
    usage,
    videos,
    webhooks,
)
from ecg.web.cors import init_cors
from ecg.web.document import SECURITY_SCHEMES, document
from ecg.web.errors import refuse_body, register_errors
from ecg.web.limits import init_limits
from ecg.web.live import LiveProgress
from ecg.web.replies import ErrorReply
from ecg.web.tokens import init_tokens, require_user
from ecg.web.waiting import init_waiting

#: Largest JSON body: a custom scenario of a three-hour film fits in. Uploads do not pass through here.
MAX_BODY_BYTES = 8 * 1024**2
#: What may be asked for without signing in; every other view needs an access token.
PUBLIC = frozenset({
    "auth.signup", "auth.login", "auth.refresh", "auth.logout", "google.login", "google.callback",
    "styles.styles", "store_links.upload", "store_links.download", "jobs.events", "results.report",
    "metrics.metrics", "operations.health", "operations.ready", "operations.config", "operations.openapi",
    "operations.docs", "operations.docs_file",
    "pages.index", "pages.player", "pages.fonts", "static",
})  # fmt: skip

#: Views that ask whether a sign-in counts in the same round trip as what they are asked.
LOOKS_UP = frozenset({"upload_video.status"})
#: Blueprints that take no API keys, but for the views that are public.
FOR_PEOPLE = frozenset({"auth", "keys", "admin"})


class StrictJson(DefaultJSONProvider):
    """JSON as the standard has it, without the NaN and Infinity that Python adds; fields in our own order."""

    sort_keys = False

    def loads(self, s: str | bytes, **options: Any) -> Any:
        return super().loads(s, parse_constant=_refuse_constant, **options)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


class Api(OpenAPI):
    """Flask with OpenAPI; views return reply models."""

    json_provider_class = StrictJson

    def make_response(self, rv: Any) -> Response:
        body, *rest = rv if isinstance(rv, tuple) else (rv,)
        if isinstance(body, BaseModel):
            body = self.response_class(body.model_dump_json(by_alias=True), mimetype="application/json")
        return super().make_response((body, *rest) if rest else body)


def create_app(settings: Settings | None = None) -> Flask:
    """The whole web tier but the event streams."""
    settings = settings or settings_of_process()
    app = Api(
        "ecg.web", static_folder="static", static_url_path="/static", doc_ui=False,
        info=Info(title="ECG", version=ecg.__version__, description=_ABOUT),
        security_schemes=SECURITY_SCHEMES,
        validation_error_status=400, validation_error_model=ErrorReply,
        validation_error_callback=refuse_body,
    )  # fmt: skip
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.extensions["ecg.settings"] = settings
    app.extensions["ecg.store"] = store(settings)
    app.extensions["ecg.live"] = LiveProgress(newest(settings.progress_url))
    init_tokens(app, settings)
    google.init_google(app, settings)
    register_errors(app)
    headers.init_headers(app)
    init_cors(app, settings)
    metrics.init_metrics(app)
    app.before_request(_require_user_unless_public)
    init_limits(app, settings)
    init_waiting(app, settings)
    if settings.proxies:
        known = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=known, x_proto=known)  # type: ignore[method-assign]
    _register_blueprints(app)
    app.extensions["ecg.document"] = cache(lambda: document(app, FOR_PEOPLE))
    return app


_ABOUT = "Expressive captions: who speaks, when each word is spoken, and how it is said."


def _require_user_unless_public() -> None:
    # An address that does not exist has no endpoint, and gets its 404 without a token.
    if request.endpoint and request.endpoint not in PUBLIC and request.method != "OPTIONS":
        require_user(_scope(), look_up=request.endpoint not in LOOKS_UP)


def _scope() -> Scope | None:
    """What an API key must be allowed for this request; ``None``: people only."""
    if request.blueprint in FOR_PEOPLE:
        return None
    return Scope.READ if request.method in {"GET", "HEAD"} else Scope.WRITE


def _register_blueprints(app: OpenAPI) -> None:
    for module in (
        auth, google, keys, admin, webhooks, uploads, videos, jobs, render, projects, styles, usage,
        upload_video, results, transcribe, openai, operations, metrics,
    ):  # fmt: skip
        app.register_api(module.bp)
    # Links into another store lead there, not here.
    if isinstance(app.extensions["ecg.store"], LocalStore):
        app.register_api(store_links.bp)
    app.register_blueprint(pages.bp)
