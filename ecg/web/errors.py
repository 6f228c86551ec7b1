"""Every error that leaves the web tier, in one shape: ``{"error": {"code", "message", "details"}}``."""

from __future__ import annotations

import datetime
import logging
import math
import time
from typing import NoReturn

from flask import Flask, Response, jsonify
from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from ecg.errors import BadRequest, EcgError, RateLimited, codes
from ecg.web.requests import PRINTABLE

log = logging.getLogger(__name__)
_MESSAGES = {
    404: "There is nothing at this address; /docs lists what there is.",
    405: "This address does not take that method; see the Allow header and /docs.",
    413: "The request is too large; send large files to an upload link.",
}
# Whoever sends a hundred thousand wrong fields is told of the first ones.
_MOST_PROBLEMS, _LONGEST_NAME = 20, 60
#: Every code that an answer, or the error of a job in it, can have.
CODES: list[JsonValue] = [*sorted({
    *codes(), "METHOD_NOT_ALLOWED", "NOT_ACCEPTABLE", "REQUEST_ENTITY_TOO_LARGE",
    "REQUESTED_RANGE_NOT_SATISFIABLE", "UNSUPPORTED_MEDIA_TYPE",
})]  # fmt: skip


def register_errors(app: Flask) -> None:
    """Answer every exception of a request in the one shape."""
    app.register_error_handler(EcgError, _ours)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(RecursionError, _too_deep)
    app.register_error_handler(Exception, _unforeseen)


def refuse_body(error: ValidationError) -> NoReturn:
    """Turn what pydantic found into a `BadRequest` that names the first wrong field."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    problems = [_problem(one) for one in found[:_MOST_PROBLEMS]]
    raise BadRequest("; ".join(problems[:3]), fields=problems)


def _problem(found: ErrorDetails) -> str:
    path = ".".join(str(part)[:_LONGEST_NAME] for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return f"{path}: there is no such field"
    if found["type"] in {"model_type", "model_attributes_type"} and not path:
        return "The body must be a JSON object, sent as application/json"
    message = found["msg"].removeprefix("Value error, ")
    if found.get("ctx", {}).get("pattern") == PRINTABLE:
        message = "must not hold control characters"
    return f"{path}: {message}" if path else message


def _ours(error: EcgError) -> Response:
    if error.http_status >= 500:
        log.warning("%s: %s %s", error.code, error.message, error.details)
    response = _shaped(error)
    if error.http_status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retryable:
        response.headers["Retry-After"] = "2"
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.details["retry_after_s"])
    if resets_at := error.details.get("resets_at"):
        left_s = datetime.datetime.fromisoformat(resets_at).timestamp() - time.time()
        response.headers["Retry-After"] = str(max(1, math.ceil(left_s)))
    return response


def _of_http(error: HTTPException) -> BaseResponse:
    response = error.get_response()
    if response.status_code < 400:
        return response
    said = error.description if error.description != type(error).description else None
    body = EcgError(said or _MESSAGES.get(response.status_code) or error.description or error.name)
    body.code = error.name.upper().replace(" ", "_")
    body.http_status = response.status_code
    shaped = _shaped(body)
    for name in ("Allow", "Content-Range", "Retry-After"):
        if name in response.headers:
            shaped.headers[name] = response.headers[name]
    return shaped


def _too_deep(error: RecursionError) -> Response:
    log.warning("a body nested too deep was refused")
    return _shaped(BadRequest("The body is nested too deep."))


def _unforeseen(error: Exception) -> Response:
    # What went wrong is for the log alone: it may name files, queries or secrets.
    log.error("request failed", exc_info=error)
    return _shaped(EcgError("Something went wrong inside ECG; try again, and report it if it stays."))


def _shaped(error: EcgError) -> Response:
    response = jsonify(error=error.to_dict())
    response.status_code = error.http_status
    return response
