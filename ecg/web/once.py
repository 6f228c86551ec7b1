"""Requests that start work: accepted once, however often they are sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, request
from pydantic import BaseModel
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

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
    started = started_once(header, prepare)
    response = jsonify(started.body)
    response.status_code = _ACCEPTED
    if started.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@dataclass(frozen=True)
class Started:
    """What starting work was answered; ``replayed``: to an earlier sending of the request."""

    body: Mapping[str, Any]
    replayed: bool = False


def started_once(header: OnceHeader, prepare: Callable[[], Start]) -> Started:
    """The same for a request that has another answer to give than that its work was accepted."""
    if header.key is None:
        start = prepare()
        with transaction() as session:
            reply = start(session)
        return Started(reply.model_dump(mode="json", by_alias=True))
    asked = idempotency.Request(user_id(), header.key, _fingerprint())
    with transaction() as session:
        kept = idempotency.answered(session, asked)
    return Started(kept.body, replayed=True) if kept else _first(asked, prepare())


def _first(asked: idempotency.Request, start: Start) -> Started:
    with transaction() as session:
        kept = idempotency.begin(session, asked)
        if kept is None:
            body = start(session).model_dump(mode="json", by_alias=True)
            answer = idempotency.keep(session, asked, _ACCEPTED, body)
    return Started(kept.body, replayed=True) if kept else Started(answer.body)


def _fingerprint() -> str:
    sent = _form() if request.files else request.get_json(silent=True)
    body = json.dumps(sent, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def _form() -> list[tuple[str, str]]:
    """The fields of a form, with a digest in place of each file."""
    return sorted([*request.form.items(multi=True),
                   *((name, _digest(file)) for name, file in request.files.items(multi=True))])  # fmt: skip


def _digest(file: FileStorage) -> str:
    digest = hashlib.file_digest(file.stream, "sha256").hexdigest()  # type: ignore[arg-type]
    file.stream.seek(0)
    return digest
