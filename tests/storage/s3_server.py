"""A real S3 server over HTTP, and a link to it that can be made to fail."""

from __future__ import annotations

import functools
import http.client
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import botocore.session
import pytest
from moto.server import ThreadedMotoServer

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "a-key", "AWS_SECRET_ACCESS_KEY": "a-secret",
               "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
# Else each of hundreds of clients reads what is known of AWS anew: a quarter of a second.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)
_BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class FaultyLink(ThreadingHTTPServer):
    """Hands requests on to a server, unless told to fail. ``asked`` counts what arrives, handed on or not.

    ``fault``: "" for none; "busy" answers 503; "silent" answers nothing until `heal`; "slow" answers after
    a second; "torn" breaks off in the middle of answers; "refused" answers 403.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port, self.fault, self.asked, self.spared = port, "", 0, 0
        self.healed = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def fail(self, fault: str, *, after: int = 0) -> None:
        """Fail in this way from now on, or when so many more requests have been handed on."""
        self.healed.clear()
        self.fault, self.spared = fault, self.asked + after

    def heal(self) -> None:
        self.fault = ""
        self.healed.set()

    def handle_error(self, *_: object) -> None:
        """Clients that gave up on a silent server are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyLink

    def _hand_on(self) -> None:
        self.server.asked += 1
        fault = self.server.fault if self.server.asked > self.server.spared else ""
        if fault == "silent":
            self.server.healed.wait(300)
            self.close_connection = True
            return
        if fault == "slow":
            time.sleep(1)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault in {"busy", "refused"}:
            self._answer(503 if fault == "busy" else 403, [], _BUSY if fault == "busy" else b"", len(_BUSY))
            return
        far = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        far.request(self.command, self.path, body, dict(self.headers))
        answer = far.getresponse()
        content = answer.read()
        size = int(answer.headers.get("Content-Length", len(content)))
        if fault == "torn":
            self.close_connection = True
            content = content[: len(content) // 2]
        self._answer(answer.status, answer.getheaders(), content, size)
        far.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_OPTIONS = _hand_on

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, size: int) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def an_s3_server() -> Iterator[FaultyLink]:
    """Start a server and a link to it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    link = FaultyLink(server.get_host_and_port()[1])
    thread = threading.Thread(target=link.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield link
    finally:
        link.heal()
        link.shutdown()
        thread.join()
        link.server_close()
        server.stop()


def a_bucket(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a bucket at the server of this address, and credentials for it in this process's environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    bucket = f"ecg-{uuid.uuid4()}"
    _client(url).create_bucket(Bucket=bucket)
    return bucket


@functools.cache
def _client(url: str) -> Any:
    """Making a client takes longer than what most tests do with it."""
    return boto3.session.Session().client("s3", endpoint_url=url)
