"""One call of a webhook: through the guarded way out, to where its user said and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import requests

from ecg.config import Settings
from ecg.egress import Policy, Resolve, guarded, resolve

TIMEOUT_S = 10.0
#: Nobody reads what is answered: this is room for its head.
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """``status`` of the receiver's answer, if there was one; ``why`` it does not count as received."""

    status: int | None
    why: str | None


def policy(config: Settings) -> Policy:
    """Where webhooks may be."""
    return Policy(config.egress_allow, config.egress_ports, _MOST_BYTES, TIMEOUT_S)


def post(
    url: str, body: bytes, headers: Mapping[str, str], policy: Policy, resolve: Resolve = resolve
) -> Answer:
    """Send it, once; only an answer with a status of 2xx means that it was received."""
    with guarded(policy, resolve) as egress, requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": egress.url, "https": egress.url}
        try:
            with session.post(url, data=body, headers=dict(headers), timeout=TIMEOUT_S, stream=True,
                              allow_redirects=False) as response:  # fmt: skip
                status = response.status_code
        except requests.Timeout:
            return Answer(None, f"It did not answer within {TIMEOUT_S:g} s.")
        except (requests.RequestException, UnicodeError) as error:
            status = None
            why = f"The connection could not be made, or broke ({type(error).__name__})."
        if egress.refused:
            return Answer(None, "The address leads to where ECG does not go: only public ones are called.")
        if status is None or egress.unreachable:
            return Answer(None, why if status is None else "It could not be connected to.")
    return Answer(status, _why_not(status))


def _why_not(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"It answers {status}: redirects are not followed, give the address they lead to."
    return f"It answers {status}; 2xx means received."
