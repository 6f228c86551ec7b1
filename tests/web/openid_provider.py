"""An OpenID Connect provider on this machine, which agrees to everything and checks what it must."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "ecg-here", "told to nobody"


@cache
def a_key(number: int) -> RSAKey:
    """Always the same one, as making it takes its time; all are of one name."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class OpenIdProvider:
    """``claims``: what the next ID tokens say besides, or instead; ``None`` leaves a claim out."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = {"sub": "1001", "email": "gil@example.org", "email_verified": True}
        self.algorithms = ["RS256"]
        self.redirect_uris: list[str] = []
        self.key = a_key(0)
        self.shown_key = self.key
        self.sign = self.signed
        self.codes: dict[str, dict[str, str]] = {}
        self.refused: list[str] = []
        self.away = False

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": self.algorithms,
            "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.shown_key.as_dict(private=False)]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert set(asked["scope"].split()) == {"openid", "email"}
        self.redirect_uris.append(asked["redirect_uri"])
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"], "authuser": "0"})
        return f"{asked['redirect_uri']}?{query}"

    def token(self, sent: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        asked = self.codes.pop(sent.get("code", ""), None)  # each counts once
        if authorization != f"Basic {basic}":
            return self._refuse("invalid_client")
        if asked is None or sent.get("redirect_uri") != asked["redirect_uri"]:
            return self._refuse("invalid_grant")
        challenge = b64(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        if challenge != asked["code_challenge"]:
            return self._refuse("invalid_grant: PKCE")
        return 200, {
            "access_token": "of no use here", "token_type": "Bearer", "expires_in": 60,
            "id_token": self.sign(self.id_claims(asked["nonce"])),
        }  # fmt: skip

    def _refuse(self, why: str) -> tuple[int, dict[str, Any]]:
        self.refused.append(why)
        return 400, {"error": why.partition(":")[0]}

    def id_claims(self, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        said = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce}
        return {name: value for name, value in {**said, **self.claims}.items() if value is not None}

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": "first"}, claims, self.key)

    def unsigned(self, claims: dict[str, Any]) -> str:
        head = b64(b'{"alg":"none"}')
        return f"{head}.{b64(json.dumps(claims).encode())}."

    def signed_with_the_public_key(self, claims: dict[str, Any]) -> str:
        """As HMAC takes any bytes for a key, also those that everybody knows."""
        head = b64(b'{"alg":"HS256","kid":"first"}')
        signed = f"{head}.{b64(json.dumps(claims).encode())}"
        return f"{signed}.{b64(hmac.digest(self.key.as_pem(private=False), signed.encode(), 'sha256'))}"


@contextmanager
def an_openid_provider() -> Iterator[OpenIdProvider]:
    """One that answers while the ``with`` lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(dict(parse_qsl(url.query))))
                self.end_headers()
            elif url.path == "/jwks":
                self.answer(200, provider.jwks())
            else:
                assert url.path == "/.well-known/openid-configuration"
                self.answer(200, provider.discovery())

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.answer(*provider.token(dict(parse_qsl(sent)), self.headers.get("Authorization", "")))

        def answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(503 if provider.away else status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = OpenIdProvider(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
