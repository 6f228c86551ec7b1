"""Requests that start work: accepted once, however often they are sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, jsonify, request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from ecg import idempotency
from ecg.db import transaction
from ecg.web.requests import OnceHeader
from ecg.web.tokens import user_id

#: Creates the job, in the transaction given, and says so.
Start = Callable[[Session], BaseModel]
_ACCEPTED = 202


def accepted_once(header: OnceHeader, prepare: Callable[[], Start]) -> Response:
    """Start work and answer 202; under a key that was answered before, answer the same and do nothing.

    ``prepare`` does what has no place in a transaction, such as writing to the store, and must come to
    the same when it is done again; it gives what is to be done in the one transaction that also keeps
    the answer. An error rolls all of it back and is not kept: the same request may be sent again.
    """
    if header.key is None:
        start = prepare()
        with transaction() as session:
            reply = start(session)
        return _response(_ACCEPTED, reply.model_dump(mode="json", by_alias=True))
    asked = idempotency.Request(user_id(), header.key, _fingerprint())
    with transaction() as session:
        kept = idempotency.answered(session, asked)
    return _replay(kept) if kept else _first(asked, prepare())


def _first(asked: idempotency.Request, start: Start) -> Response:
    with transaction() as session:
        kept = idempotency.begin(session, asked)
        if kept is None:
            body = start(session).model_dump(mode="json", by_alias=True)
            answer = idempotency.keep(session, asked, _ACCEPTED, body)
    return _replay(kept) if kept else _response(answer.status, answer.body)


def _fingerprint() -> str:
    body = json.dumps(request.get_json(silent=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def _replay(kept: idempotency.Answer) -> Response:
    response = _response(kept.status, kept.body)
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _response(status: int, body: Mapping[str, Any]) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response
