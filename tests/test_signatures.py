"""Signatures over requests: nothing of what was signed can be changed, nor sent again much later."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from ecg.errors import Unauthorized
from ecg.signatures import WINDOW_S, sign, verify

BODY, SECRET, NOW_S = b'{"event": "job.done"}', "whsec_one", 1_764_000_000.0


def test_a_signature_is_an_hmac_of_the_moment_and_the_body() -> None:
    digest = hmac.new(SECRET.encode(), b"1764000000." + BODY, hashlib.sha256).hexdigest()
    assert sign(BODY, [SECRET], NOW_S) == f"t=1764000000,v1={digest}"


@pytest.mark.parametrize("secrets", [["whsec_one"], ["other", "whsec_one"], ["whsec_one", "other"]])
@pytest.mark.parametrize("signed_with", [["whsec_one"], ["another", "whsec_one"], ["whsec_one", "another"]])
def test_one_secret_in_common_is_enough(secrets: list[str], signed_with: list[str]) -> None:
    assert verify(sign(BODY, signed_with, NOW_S), BODY, secrets, NOW_S) == int(NOW_S)


def test_a_body_that_was_changed_in_any_bit_is_refused() -> None:
    header = sign(BODY, [SECRET], NOW_S)
    for place in range(len(BODY)):
        for bit in range(8):
            changed = bytearray(BODY)
            changed[place] ^= 1 << bit
            refused(header, bytes(changed))
    for changed in (b"", BODY[:-1], BODY + b" ", b" " + BODY):
        refused(header, changed)


def test_a_moment_that_was_changed_is_refused() -> None:
    header = sign(BODY, [SECRET], NOW_S)
    for moved_s in range(-WINDOW_S, WINDOW_S + 1):
        if moved_s:
            refused(header.replace("t=1764000000", f"t={1_764_000_000 + moved_s}"), BODY)


def test_a_request_sent_again_later_is_refused() -> None:
    header = sign(BODY, [SECRET], NOW_S)
    for later_s in (-WINDOW_S, -1, 0, 1, WINDOW_S):
        assert verify(header, BODY, [SECRET], NOW_S + later_s)
    for later_s in (-86400, -WINDOW_S - 1, WINDOW_S + 1, 86400):
        refused(header, BODY, NOW_S + later_s)


@pytest.mark.parametrize("header", [
    "", "t=", "v1=", "t=1764000000", "t=1764000000,v1=", "t=x,v1=x", "t=-1,v1=x", "t=1764000000,v1=é",
    "t=1764000000,v0={digest}", "v1={digest}", "t=1764000000,t=1764000000,v1={digest}",
    "t=1764000000.0,v1={digest}", "t=01764000000,v1={digest}", "t=+1764000000,v1={digest}",
    "t=١٧٦٤٠٠٠٠٠٠,v1={digest}", "t=" + "9" * 5000 + ",v1={digest}",
    "t=1764000000;v1={digest}", "t=1764000000,v1={digest}0", "{digest}",
])  # fmt: skip
def test_what_is_no_signature_is_refused(header: str) -> None:
    digest = sign(BODY, [SECRET], NOW_S).partition("v1=")[2]
    refused(header.replace("{digest}", digest), BODY)


@pytest.mark.parametrize("secrets", [[], [""], ["other"]])
def test_other_secrets_and_none_verify_nothing(secrets: list[str]) -> None:
    for signed_with in ([SECRET], [""]):
        with pytest.raises(Unauthorized):
            verify(sign(BODY, signed_with, NOW_S), BODY, secrets, NOW_S)


def refused(header: str, body: bytes, now_s: float = NOW_S) -> None:
    with pytest.raises(Unauthorized) as raised:
        verify(header, body, [SECRET], now_s)
    assert raised.value.message.endswith(".")
