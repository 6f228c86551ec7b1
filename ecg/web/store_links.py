"""The local store's links: what a browser sends to them and reads from them. The link is the permission."""

from __future__ import annotations

from flask import Response, request, send_file
from werkzeug.exceptions import RequestEntityTooLarge

from ecg.errors import Forbidden
from ecg.storage import LocalStore
from ecg.web.api import blueprint, refusals, store
from ecg.web.replies import StoredReply
from ecg.web.requests import StorePath, StoreQuery

bp = blueprint("store_links", __name__, "Signed links", prefix="/store", public=True)

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BYTES = {"content": {"application/octet-stream": _BINARY}}
_FILE = {"description": "The file, or a range of it", "content": {"*/*": _BINARY}}


@bp.put("/<path:key>", responses={201: StoredReply, **refusals(403, 409, 422)},
        openapi_extensions={"requestBody": _BYTES})  # fmt: skip
def upload(path: StorePath, query: StoreQuery) -> tuple[StoredReply, int]:
    """Send a file: the body is its bytes, as many as were announced."""
    grant = _store().signer.read(query.token, "upload", path.key)
    if request.content_type and grant.content_type and request.content_type != grant.content_type:
        raise Forbidden(f"This link takes a file of the type {grant.content_type}; ask for another one.")
    if (request.content_length or 0) > grant.size_bytes:
        raise RequestEntityTooLarge(f"The upload has more than the {grant.size_bytes} bytes announced.")
    # The limit for JSON bodies does not hold here: the stream goes to disk and is counted on the way.
    request.max_content_length = grant.size_bytes + 1
    if grant.part:
        _store().receive_part(grant.parts_id, grant.part, request.stream, grant.size_bytes)
        return StoredReply(size_bytes=grant.size_bytes), 201
    _store().receive(grant.key, request.stream, grant.size_bytes, exact=grant.exact)
    return StoredReply(size_bytes=_store().size(grant.key)), 201


@bp.get("/<path:key>", responses={200: _FILE, 206: _FILE, **refusals(403, 416)})
def download(path: StorePath, query: StoreQuery) -> Response:
    """Read a file, or a range of it."""
    grant = _store().signer.read(query.token, "download", path.key)
    response = send_file(
        _store().path(grant.key), mimetype=grant.content_type or "application/octet-stream",
        as_attachment=not grant.inline, download_name=grant.filename, conditional=True,
    )  # fmt: skip
    # The file of a key never changes, but the permission to read it ends.
    response.headers["Cache-Control"] = "private, max-age=600"
    return response


def _store() -> LocalStore:
    local = store()
    assert isinstance(local, LocalStore)
    return local
