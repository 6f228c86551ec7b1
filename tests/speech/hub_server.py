"""A server that speaks as much of the hub's language as its library needs, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "hf_goodtoken"
#: Files from here on are kept as large ones are: the hub knows their SHA-256.
_LARGE_BYTES = 1000


@dataclass
class Repository:
    """Files by revision, the newest last."""

    revisions: dict[str, dict[str, bytes]]
    gated: bool = False
    licence: str = "mit"


@dataclass
class Hub:
    """``asked``: method, path and Range of each request. ``cut``: path → bytes until it hangs up, once."""

    repositories: dict[str, Repository]
    archives: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)
    url: str = ""

    def fetched(self) -> list[str]:
        """Names of the files whose content was asked for."""
        return [path.rpartition("/")[2] for method, path, _ in self.asked
                if method == "GET" and not path.startswith("/api/")]  # fmt: skip


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append((self.command, path, self.headers.get("Range", "")))
        if path in self.hub.archives:
            self._content(path, self.hub.archives[path], {})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._about(*found.groups())
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(path, *found.groups())
        else:
            self._reply(404, {"X-Error-Code": "RepoNotFound"})

    def _about(self, name: str, revision: str | None) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self._reply(401, {"X-Error-Code": "RepoNotFound"})
        sha = list(repository.revisions)[-1] if revision in {None, "main"} else revision
        if sha not in repository.revisions:
            return self._reply(404, {"X-Error-Code": "RevisionNotFound"})
        files = [_sibling(name, data) for name, data in repository.revisions[sha].items()]
        about = {"id": name, "sha": sha, "siblings": files, "cardData": {"license": repository.licence}}
        return self._reply(200, {"Content-Type": "application/json"}, json.dumps(about).encode())

    def _file(self, path: str, name: str, revision: str, file: str) -> None:
        repository = self.hub.repositories[name]
        if repository.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._reply(403 if "Authorization" in self.headers else 401, {"X-Error-Code": "GatedRepo"})
        data = repository.revisions[revision][file]
        return self._content(path, data, {"X-Repo-Commit": revision, "ETag": f'"{_etag(data)}"'})

    def _content(self, path: str, data: bytes, headers: dict[str, str]) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked.group(1)) if asked else 0
        if asked and first >= len(data):
            return self._reply(416, {})
        if asked:
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        return self._reply(206 if asked else 200, headers, data[first:], path)

    def _reply(self, status: int, headers: dict[str, str], body: bytes = b"", path: str = "") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            limit = self.hub.cut.pop(path, None)
            self.wfile.write(body[:limit])


def _sibling(name: str, data: bytes) -> dict:
    about = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
    if len(data) >= _LARGE_BYTES:
        sha256 = hashlib.sha256(data).hexdigest()
        about["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 134}
    return about


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if len(data) >= _LARGE_BYTES else hashlib.sha1(data).hexdigest()
