"""What concerns all accounts, for admins who have signed in."""

from __future__ import annotations

from flask import request

from ecg import accounts, audit
from ecg.audit import Act
from ecg.db import transaction
from ecg.web.api import blueprint, client
from ecg.web.replies import AuditEntryReply, AuditReply
from ecg.web.requests import AuditQuery
from ecg.web.tokens import user_id

bp = blueprint("admin", __name__, "For admins", prefix="/api/admin")


@bp.before_request
def _require_admin() -> None:
    if request.method == "OPTIONS":
        return
    with transaction() as session:
        accounts.check_admin(session, user_id())


@bp.get("/audit", responses={200: AuditReply})
def audit_log(query: AuditQuery) -> AuditReply:
    """Who signed in, from where, and who changed what an account may do, newest first."""
    with transaction() as session:
        found = audit.entries(session, **dict(query))
        audit.note(session, Act.AUDIT_READ, client(), user_id=user_id())
    return AuditReply(
        entries=[AuditEntryReply.model_validate(entry) for entry in found],
        next=found[-1].id if len(found) == query.limit else None,
    )
