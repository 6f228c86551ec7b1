"""The player's server gives what the page needs to whoever knows the secret path, and nothing else."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ecg.browser.server import PlayerServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PlayerServer]:
    (tmp_path / "player").mkdir()
    (tmp_path / "player" / "player.js").write_text("export {};")
    (tmp_path / "player" / "package.json").write_text("{}")
    (tmp_path / "node_modules" / "font").mkdir(parents=True)
    (tmp_path / "node_modules" / "font" / "latin.woff2").write_bytes(b"wOF2")
    (tmp_path / "secret.js").write_text("secret")
    server = PlayerServer(tmp_path / "player", tmp_path)
    yield server
    server.close()


def get(server: PlayerServer, path: str, host: str | None = None) -> http.client.HTTPResponse:
    parts = urlsplit(server.address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    connection.request("GET", path, headers={"Host": host or parts.netloc})
    return connection.getresponse()


def secret_path(server: PlayerServer) -> str:
    return urlsplit(server.address).path


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("capture.html", "text/html"),
        ("capture.js", "text/javascript"),
        ("player/player.js", "text/javascript"),
        ("player/fonts/font/latin.woff2", "font/woff2"),
    ],
)
def test_page_player_and_fonts_are_there_with_a_policy_that_allows_nothing_else(server, path, content_type):
    response = get(server, secret_path(server) + path)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith(content_type)
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "path",
    ["nothing.js", "player/package.json", "player/../../secret.js", "player/%2e%2e/secret.js", "player/", ""],
)
def test_other_files_are_not(server, path):
    assert get(server, secret_path(server) + path).status == 404


def test_whoever_does_not_know_the_path_gets_nothing(server):
    for path in ("/", "/capture.html", "/player/player.js", f"/{'x' * 43}/capture.html"):
        assert get(server, path).status == 404


def test_another_host_name_gets_nothing(server):
    assert get(server, secret_path(server) + "capture.html", host="evil.example").status == 404


def test_frames_are_taken_only_at_a_known_place_from_our_own_page(server):
    address = server.address.replace("http:", "ws:")
    origin = server.address[: -len(secret_path(server))]
    with server.sink() as sink:
        with pytest.raises(InvalidStatus, match="404"):
            connect(f"{address}sink/guess", origin=origin)
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"{address}sink/{sink.name}", origin="http://evil.example")
        with connect(f"{address}sink/{sink.name}", origin=origin):
            assert sink.connection(timeout_s=2)
