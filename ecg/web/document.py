"""The OpenAPI document: what the views say of themselves, and what holds for every operation of a kind.

A view names the answers that are its own. That it wants a token, takes a body or is counted is known, and so
are the refusals that come with it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from http import HTTPStatus
from typing import Any

from flask_openapi3 import OpenAPI

from ecg.web.limits import OF_ADDRESSES, OF_USERS

#: An access token or an API key; for what is people's alone, an access token.
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
               "description": "The access token of a sign-in."},
    "api_key": {"type": "http", "scheme": "bearer", "bearerFormat": "ecg_…",
                "description": "An API key, sent like an access token."},
    "metrics": {"type": "http", "scheme": "bearer", "description": "The setting ECG_METRICS_TOKEN."},
}  # fmt: skip
_FOR_PEOPLE: list[dict[str, list[str]]] = [{"bearer": []}]
_METHODS_THAT_CHANGE = frozenset({"post", "put", "patch", "delete"})
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorReply"}}}
#: Refused by the server before the app sees it.
_PLAIN = {"text/html": {"schema": {"type": "string"}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}}, 429: _RETRY_AFTER, 503: _RETRY_AFTER,
}  # fmt: skip


def document(app: OpenAPI, for_people: Collection[str]) -> dict[str, Any]:
    """The document; ``for_people``: blueprints that take no API keys."""
    found = app.api_doc
    endpoints = {(path_of(rule.rule), method.lower()): rule.endpoint
                 for rule in app.url_map.iter_rules() for method in rule.methods or ()}  # fmt: skip
    for path, item in found["paths"].items():
        for method, operation in item.items():
            endpoint = endpoints[path, method]
            if operation.get("security") and endpoint.partition(".")[0] in for_people:
                operation["security"] = _FOR_PEOPLE
            told = operation["responses"]
            told.pop("400", None)  # the library says it is a list of errors
            for status in _refusals(method, endpoint, operation, for_people):
                told.setdefault(str(status), _refusal(status))
            operation["responses"] = dict(sorted(told.items()))
    return found


def path_of(rule: str) -> str:
    """A rule of Flask as a path of OpenAPI."""
    return re.sub(r"<([^<:]+:)?([^>]+)>", r"{\2}", rule)


def _refusals(
    method: str, endpoint: str, operation: dict[str, Any], for_people: Collection[str]
) -> Iterator[int]:
    parameters = operation.get("parameters", ())
    secured = operation.get("security", ())
    if parameters or "requestBody" in operation:
        yield 400
    if secured and {} not in secured:
        yield 401
    if {"api_key": []} in secured or endpoint.partition(".")[0] in for_people:
        yield 403  # an API key that has not the scope, or that is no person
    if any(parameter["in"] == "path" for parameter in parameters):
        yield 404
    if secured and method in _METHODS_THAT_CHANGE:
        yield from (409, 422)
    if "requestBody" in operation:
        yield 413
    if any(parameter["in"] in {"path", "query"} for parameter in parameters):
        yield 414
    if any(parameter["in"] == "header" for parameter in parameters):
        yield 431
    if endpoint in OF_USERS or endpoint in OF_ADDRESSES:
        yield 429
    if endpoint.partition(".")[0] != "operations":
        yield 503


def _refusal(status: int) -> dict[str, Any]:
    told = {"description": HTTPStatus(status).phrase, "content": _PLAIN if status in {414, 431} else _ERROR}
    return {**told, "headers": _HEADERS[status]} if status in _HEADERS else told
