"""Signatures over what is sent by HTTP: of webhooks that ECG calls, and of results that workers report.

``ECG-Signature: t=1764000000,v1=5257a8…`` holds the moment of sending, in seconds since 1970, and the
HMAC-SHA256 of ``"{t}.{body}"`` under a secret, in hexadecimal; one ``v1`` for each secret that counts.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Sequence

from ecg.errors import Unauthorized

HEADER = "ECG-Signature"
#: Whoever overhears a request can send it again for so long, and no longer.
WINDOW_S = 300
_MOMENT = re.compile("[0-9]{1,11}")


def sign(body: bytes, secrets: Sequence[str], now_s: float | None = None) -> str:
    """The header's value; ``now_s``: the moment of sending, by default this one."""
    moment = str(int(time.time() if now_s is None else now_s))
    return ",".join([f"t={moment}", *(f"v1={_digest(moment, body, secret)}" for secret in secrets)])


def verify(header: str, body: bytes, secrets: Sequence[str], now_s: float | None = None) -> int:
    """The moment of sending of what was signed with one of the secrets; `Unauthorized` says what is wrong."""
    fields = [part.strip().partition("=") for part in header.split(",")]
    moments = [value for name, _, value in fields if name == "t"]
    signatures = [value.encode() for name, _, value in fields if name == "v1"]
    if len(moments) != 1 or not _MOMENT.fullmatch(moments[0]) or not signatures:
        raise Unauthorized(f"Sign the request: `{HEADER}: t=…,v1=…` over its body.")
    if abs((time.time() if now_s is None else now_s) - int(moments[0])) > WINDOW_S:
        raise Unauthorized(f"The signature is not of the last {WINDOW_S} s; sign again, by the right time.")
    wanted = [_digest(moments[0], body, secret).encode() for secret in secrets if secret]
    if not any(hmac.compare_digest(one, signature) for one in wanted for signature in signatures):
        raise Unauthorized("The signature does not belong to this body; sign its bytes as they are sent.")
    return int(moments[0])


def _digest(moment: str, body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()
