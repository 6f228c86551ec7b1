"""The way out: to public addresses only, whatever a link says. What counts is who was connected to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

import pytest
import requests

from ecg.egress import Egress, Policy, check_url, guarded, resolve
from ecg.errors import BadRequest

#: A host on this machine that counts as public here; all its others do not.
PUBLIC = "127.0.0.2"
PRIVATE = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254",
    "192.168.0.1", "192.168.255.254", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.254",
    "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254",
    "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1", "2001:db8::1", "fe80::1",
    "fe80::1%lo", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1",
)  # fmt: skip
SPELLINGS = (
    "127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "017700000001",
    "2130706433", "127.0.0.1.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::ffff:0x7f000001]", "localhost", "LOCALHOST", "localhost.", "ip6-localhost", "①②⑦.⓪.⓪.①",
    "127。0。0。1",
)  # fmt: skip


@dataclass
class Canary:
    """A web server that remembers who came. ``answer``: status, headers and body; ``answers``: by path."""

    port: int = 0
    visits: list[str] = field(default_factory=list)
    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"secret")
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)


@contextmanager
def listening(host: str, port: int = 0) -> Iterator[Canary]:
    canary = Canary()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            canary.visits.append(self.path)
            status, headers, body = canary.answers.get(self.path, canary.answer)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def verify_request(self, *_: object) -> bool:
            canary.visits.append("connected")
            return True

    server = Server((host, port), Handler)
    canary.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield canary
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def inside() -> Iterator[Canary]:
    """What must never be reached: on every address of this machine but the public one."""
    with listening("127.0.0.1") as canary:
        yield canary


def policy(*canaries: Canary, **limits: float) -> Policy:
    ports = frozenset(canary.port for canary in canaries)
    return Policy(allowed=(ip_network(f"{PUBLIC}/32"),), ports=ports, **limits)  # type: ignore[arg-type]


def get(egress: Egress, url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": egress.url, "https": egress.url}
        return session.get(url, timeout=10)


def attempt(egress: Egress, url: str) -> str:
    """What a client comes to: a status, or the kind of its error."""
    try:
        return str(get(egress, url).status_code)
    except (requests.RequestException, UnicodeError) as error:
        return type(error).__name__


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_not_admitted(address: str) -> None:
    assert not Policy().admits(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_a_public_address_is_admitted(address: str) -> None:
    assert Policy().admits(address)


def test_no_spelling_of_an_own_address_reaches_it(inside: Canary) -> None:
    with guarded(policy(inside)) as egress:
        for scheme in ("http", "https"):
            for host in SPELLINGS:
                assert attempt(egress, f"{scheme}://{host}:{inside.port}/") != "200", host
    assert inside.visits == []
    assert len(egress.refused) > len(SPELLINGS)


def test_no_name_that_leads_inside_is_followed(inside: Canary) -> None:
    names = {f"host{number}.example": address for number, address in enumerate(PRIVATE)}
    with guarded(policy(inside), lambda host, port: [names[host]]) as egress:
        for name in names:
            assert attempt(egress, f"http://{name}:{inside.port}/") == "403"
            assert attempt(egress, f"https://{name}:{inside.port}/") == "ProxyError"
    assert inside.visits == []


def test_a_name_with_one_address_inside_is_refused_whole(inside: Canary) -> None:
    with guarded(policy(inside), lambda host, port: [PUBLIC, "127.0.0.1"]) as egress:
        assert attempt(egress, f"http://both.example:{inside.port}/") == "403"
    assert inside.visits == []


def test_a_name_that_resolves_otherwise_the_next_time_gains_nothing(inside: Canary) -> None:
    """Each connection asks once, and goes to what was checked."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC if len(asked) % 2 else "127.0.0.1"]

    with (
        listening(PUBLIC, inside.port) as outside,
        guarded(policy(outside), rebinding) as egress,
    ):
        answers = [attempt(egress, f"http://rebinding.example:{outside.port}/") for _ in range(6)]
    assert answers == ["200", "403"] * 3
    assert len(asked) == 6
    assert inside.visits == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_outside_only(inside: Canary, status: int) -> None:
    with listening(PUBLIC) as outside, guarded(policy(inside, outside)) as egress:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001"):
            outside.answer = status, {"Location": f"http://{host}:{inside.port}/latest/meta-data"}, b""
            assert attempt(egress, f"http://{PUBLIC}:{outside.port}/video.mp4") != "200"
        outside.answer = 200, {}, b"a video"
        assert get(egress, f"http://{PUBLIC}:{outside.port}/video.mp4").content == b"a video"
    assert inside.visits == []


def test_other_ports_are_not_for_us() -> None:
    with listening(PUBLIC) as outside:
        chosen = Policy(allowed=(ip_network(f"{PUBLIC}/32"),))
        with guarded(chosen) as egress:
            assert attempt(egress, f"http://{PUBLIC}:{outside.port}/") == "403"
    assert outside.visits == []


def test_only_who_knows_the_password_gets_out(inside: Canary) -> None:
    with listening(PUBLIC) as outside, guarded(policy(outside)) as egress:
        stranger = Egress(url=egress.url.replace("ecg:", "ecg:x"))
        assert attempt(stranger, f"http://{PUBLIC}:{outside.port}/") == "407"
    assert outside.visits == []


def test_more_than_was_agreed_is_cut_off() -> None:
    with listening(PUBLIC) as outside, guarded(policy(outside, most_bytes=100_000)) as egress:
        outside.answer = 200, {}, b"x" * 10_000_000
        assert attempt(egress, f"http://{PUBLIC}:{outside.port}/") == "ChunkedEncodingError"
        assert egress.too_much
        assert egress.received_bytes < 1_000_000


def test_a_tunnel_carries_what_both_sides_say() -> None:
    """As for https: bytes that the proxy does not look into."""
    with listening(PUBLIC) as outside, guarded(policy(outside)) as egress:
        password, _, address = egress.url.removeprefix("http://").rpartition("@")
        host, _, port = address.partition(":")
        from base64 import b64encode

        with socket.create_connection((host, int(port)), 5) as tunnel:
            basic = b64encode(password.encode()).decode()
            tunnel.sendall(f"CONNECT {PUBLIC}:{outside.port} HTTP/1.1\r\n"
                           f"Proxy-Authorization: Basic {basic}\r\n\r\n".encode())  # fmt: skip
            assert tunnel.recv(1000).startswith(b"HTTP/1.1 200")
            tunnel.sendall(b"GET /inside-the-tunnel HTTP/1.0\r\n\r\n")
            heard = b""
            while block := tunnel.recv(1000):
                heard += block
    assert heard.endswith(b"secret")
    assert "/inside-the-tunnel" in outside.visits


def test_nothing_stays_open_behind_it() -> None:
    before = threading.active_count()
    with listening(PUBLIC) as outside:
        with guarded(policy(outside)) as egress:
            assert attempt(egress, f"http://{PUBLIC}:{outside.port}/") == "200"
        with pytest.raises(requests.RequestException):
            get(egress, f"http://{PUBLIC}:{outside.port}/")
    deadline_s = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_the_systems_resolver_reads_old_spellings_of_an_address() -> None:
    assert resolve("0x7f000001", 80) == ["127.0.0.1"]


@pytest.mark.parametrize("url", [
    "", "video.mp4", "/etc/passwd", "file:///etc/passwd", "ftp://example.org/a", "gopher://example.org/",
    "javascript:alert(1)", "data:text/plain,x", "http://", "http:///a", "https://user:pass@example.org/",
    "https://user@example.org/", "http://[::1", "http://example.org:99999/", "http://example.org:x/",
])  # fmt: skip
def test_what_is_no_web_address_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(BadRequest):
        check_url(url)


def test_a_web_address_is_taken_as_it_is() -> None:
    assert check_url("https://example.org/a.mp4?b=c#d") == "https://example.org/a.mp4?b=c#d"
