"""What all blueprints have in common."""

from __future__ import annotations

from typing import Any

from flask import current_app, request
from flask_openapi3 import APIBlueprint, Tag

from ecg.audit import Client
from ecg.config import Settings
from ecg.storage import Store
from ecg.web.live import LiveProgress
from ecg.web.replies import ErrorReply

#: What an operation says in the OpenAPI document when it needs a signed-in user.
SIGNED_IN: list[dict[str, list[str]]] = [{"bearer": []}, {"api_key": []}]


def blueprint(
    name: str, import_name: str, about: str, *, prefix: str = "", public: bool = False
) -> APIBlueprint:
    """A blueprint whose operations are documented with their tag and their need of a token."""
    return APIBlueprint(
        name, import_name, url_prefix=prefix or None, abp_tags=[Tag(name=name, description=about)],
        abp_security=None if public else SIGNED_IN,
    )  # fmt: skip


def refusals(*statuses: int) -> dict[str | int, Any]:
    """For the ``responses`` of a view: refusals of its own, beside those that all of its kind have."""
    return dict.fromkeys(statuses, ErrorReply)


def settings() -> Settings:
    """The settings of this app."""
    return current_app.extensions["ecg.settings"]


def store() -> Store:
    """The store of this app."""
    return current_app.extensions["ecg.store"]


def live() -> LiveProgress:
    """Live progress, as far as Redis can be asked."""
    return current_app.extensions["ecg.live"]


def client() -> Client:
    """From where this request was sent."""
    return Client(request.remote_addr, request.headers.get("User-Agent", ""))
