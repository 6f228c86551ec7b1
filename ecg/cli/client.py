"""ECG's REST API as the command line uses it: what any other client could do as well."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urljoin

import requests

from ecg.errors import EcgError, ServiceUnavailable, Unauthorized

Amount = Callable[[int], None]
Answer = TypeVar("Answer")
_TIMEOUT_S = (5, 60)
_POLL_S = 0.4
#: How long a server that has gone away is waited for, from starting a job on: a restart takes seconds.
_PATIENCE_S = 60.0
_BLOCK_BYTES = 1 << 20


class Refused(EcgError):
    """The server said no; ``code`` and ``message`` are its own."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message, status=status)
        self.code = code


@dataclass(frozen=True)
class Account:
    """Who signs in."""

    email: str
    password: str


class Api:
    """One user's view of a server. Every call raises `Refused`, `Unauthorized` or `ServiceUnavailable`."""

    def __init__(self, url: str, account: Account) -> None:
        self.url, self.account = url, account
        self._http = requests.Session()

    def sign_in(self) -> None:
        """Take a fresh access token."""
        tokens = self._call("POST", "/api/auth/login", json={
            "email": self.account.email, "password": self.account.password})  # fmt: skip
        self._http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def sign_up(self) -> None:
        """Make the account."""
        self._call("POST", "/api/auth/signup", json={
            "email": self.account.email, "password": self.account.password})  # fmt: skip

    def ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **body: Any) -> Any:
        """One request; what the JSON of its answer holds. An access token that has run out is renewed by
        signing in again.
        """
        json = body if method == "POST" else None
        try:
            return self._call(method, path, json, headers)
        except Unauthorized:
            self.sign_in()
            return self._call(method, path, json, headers)

    def start(self, path: str, **body: Any) -> dict[str, Any]:
        """Start a job: just one, however often the request must be sent until it is answered."""
        once = {"Idempotency-Key": str(uuid.uuid4())}
        return _patiently(lambda: self.ask("POST", path, headers=once, **body))

    def upload(self, source: Path, on_bytes: Amount) -> str:
        """Bring a file to the store; returns its video id. ``on_bytes`` gets each block's size."""
        size_bytes = source.stat().st_size
        kind = _content_type(source)
        with source.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            begun = self.ask("POST", "/api/uploads", filename=source.name, size_bytes=size_bytes,
                             content_type=kind, checksum=checksum)  # fmt: skip
            if begun["upload"]:
                self._send(begun["upload"], file, size_bytes, on_bytes)
            else:
                self._send_parts(begun, file, on_bytes)
        _patiently(lambda: self.ask("POST", f"/api/uploads/{begun['video_id']}/complete"))
        return begun["video_id"]

    def _send_parts(self, begun: dict[str, Any], file: BinaryIO, on_bytes: Amount) -> None:
        for number in range(1, begun["part_count"] + 1):
            content = file.read(begun["part_size_bytes"])
            _patiently(partial(self._send_part, begun["video_id"], number, content))
            on_bytes(len(content))

    def _send_part(self, video_id: str, number: int, content: bytes) -> None:
        (link,) = self.ask("POST", f"/api/uploads/{video_id}/parts", numbers=[number])["parts"]
        self._send(link, io.BytesIO(content), len(content), lambda _: None)

    def _send(self, link: dict[str, Any], file: BinaryIO, size_bytes: int, on_bytes: Amount) -> None:
        headers = link["headers"]
        if link["fields"]:
            # As a form; those are sent of small files only, so it may lie in memory.
            form = requests.Request("POST", self.url, data=link["fields"], files={"file": file}).prepare()
            assert isinstance(form.body, bytes)
            headers = {"Content-Type": form.headers["Content-Type"]}
            file, size_bytes = io.BytesIO(form.body), len(form.body)
        # Without the session: the store may be another host, which must not see our token.
        try:
            response = requests.request(
                link["method"], urljoin(self.url, link["url"]), headers=headers, timeout=(5, 600),
                data=_Measured(file, size_bytes, on_bytes),
            )  # fmt: skip
        except requests.RequestException as error:
            raise ServiceUnavailable(f"The upload broke off: {error}") from error
        _raise_for(response)

    def follow(self, job_id: str, on_change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Watch a job to its end; returns it as it ended, whichever way. ``on_change`` gets each state."""
        while True:
            job = _patiently(lambda: self.ask("GET", f"/api/jobs/{job_id}"))
            on_change(job)
            if job["status"] in {"done", "failed", "cancelled"}:
                return job
            time.sleep(_POLL_S)

    def download(self, url: str, to: Path) -> Iterator[tuple[int, int]]:
        """Fetch a finished file, appearing only when whole; yields bytes so far and in all."""
        draft = to.with_name(f".{to.name}.part")
        try:
            with requests.get(urljoin(self.url, url), stream=True, timeout=_TIMEOUT_S) as response:
                _raise_for(response)
                total = int(response.headers.get("Content-Length", 0))
                with draft.open("wb") as out:
                    for block in response.iter_content(_BLOCK_BYTES):
                        out.write(block)
                        yield out.tell(), total
            draft.replace(to)
        except requests.RequestException as error:
            raise ServiceUnavailable(f"The download broke off: {error}") from error
        finally:
            draft.unlink(missing_ok=True)

    def _call(
        self, method: str, path: str, json: dict[str, Any] | None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            response = self._http.request(method, self.url + path, json=json, headers=headers,
                                          timeout=_TIMEOUT_S)  # fmt: skip
        except requests.RequestException as error:
            raise ServiceUnavailable(f"{self.url} does not answer: {error}") from error
        _raise_for(response)
        return response.json()


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """The answer, asked for again and again while the server is away, up to a limit."""
    until_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except ServiceUnavailable:
            if time.monotonic() > until_s:
                raise
        time.sleep(_POLL_S)


def _content_type(source: Path) -> str:
    """What the name promises; whether it is true is for the server to find out."""
    guessed = mimetypes.guess_type(source.name)[0] or ""
    return guessed if guessed.startswith(("video/", "audio/")) else "application/octet-stream"


class _Measured:
    """A file that tells how much of it has been read."""

    def __init__(self, file: BinaryIO, size_bytes: int, on_bytes: Amount) -> None:
        self._file, self._size_bytes, self._on_bytes = file, size_bytes, on_bytes

    def __len__(self) -> int:
        return self._size_bytes

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._on_bytes(len(block))
        return block


def _raise_for(response: requests.Response) -> None:
    if response.ok:
        return
    try:
        error = response.json()["error"]
        code, message = error["code"], error["message"]
    except (requests.JSONDecodeError, KeyError, TypeError):
        code, message = "INTERNAL_ERROR", f"The server answered {response.status_code} {response.reason}."
    if response.status_code == 401:
        raise Unauthorized(message)
    if response.status_code in (502, 503, 504):
        raise ServiceUnavailable(message)
    raise Refused(code, message, response.status_code)
