"""API keys: with which programs act for their user."""

from __future__ import annotations

from ecg import api_keys, audit
from ecg.audit import Act
from ecg.db import transaction
from ecg.web.api import blueprint, client
from ecg.web.replies import KeyReply, KeysReply, NewKeyReply
from ecg.web.requests import KeyBody, KeyPath
from ecg.web.tokens import user_id

bp = blueprint("keys", __name__, "API keys", prefix="/api/keys")


@bp.get("", responses={200: KeysReply})
def keys() -> KeysReply:
    """Your keys that count, newest first."""
    with transaction() as session:
        found = api_keys.of_user(session, user_id())
        return KeysReply(keys=[KeyReply.model_validate(key) for key in found])


@bp.post("", responses={201: NewKeyReply})
def create(body: KeyBody) -> tuple[NewKeyReply, int]:
    """Make a key. Send it as `Authorization: Bearer ecg_…`."""
    with transaction() as session:
        key, text = api_keys.make(session, user_id(), body.name, sorted(set(body.scopes)))
        audit.note(session, Act.KEY_MADE, client(), user_id=user_id(), key_id=key.id)
        shown = KeyReply.model_validate(key).model_dump()
    return NewKeyReply(**shown, key=text), 201


@bp.delete("/<uuid:key_id>", responses={204: None})
def revoke(path: KeyPath) -> tuple[str, int]:
    """Revoke a key: it counts no more."""
    with transaction() as session:
        api_keys.revoke(session, user_id(), path.key_id)
        audit.note(session, Act.KEY_REVOKED, client(), user_id=user_id(), key_id=path.key_id)
    return "", 204
