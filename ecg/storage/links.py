"""Signed permissions for the local store's links: one file, one purpose, until a moment."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from itsdangerous import BadSignature, URLSafeSerializer

from ecg.errors import Forbidden


@dataclass(frozen=True)
class Grant:
    """What a link permits. ``size_bytes`` (uploads): exact, or the most when not ``exact``; ``part``: which
    one of the parts ``parts_id``, 0 for a whole file.
    """

    action: str  # "upload" or "download"
    key: str
    expires_at: int  # seconds since 1970
    content_type: str = ""
    size_bytes: int = 0
    exact: bool = True
    parts_id: str = ""
    part: int = 0
    filename: str = ""
    inline: bool = False


class Signer:
    """Makes and reads the tokens in links."""

    def __init__(self, key: str) -> None:
        self._serializer = URLSafeSerializer(key, salt="ecg.store.link")

    def sign(self, grant: Grant) -> str:
        """The token that carries a grant."""
        return self._serializer.dumps(asdict(grant))

    def read(self, token: str, action: str, key: str) -> Grant:
        """The grant in a token; `Forbidden` unless it is ours, in time, and for this action and file."""
        try:
            grant = Grant(**self._serializer.loads(token))
        except BadSignature:
            raise Forbidden("This link is not valid; ask for a new one.") from None
        if (grant.action, grant.key) != (action, key):
            raise Forbidden("This link is for something else; ask for a new one.")
        if grant.expires_at < time.time():
            raise Forbidden("This link has expired; ask for a new one.")
        return grant
