"""The one way out to addresses that strangers name: links to fetch, webhooks to call.

`guarded` opens a forward proxy on this machine. Whoever is to go out is pointed at it; it looks a name up
once, refuses it unless every address it has is a public one, and connects to an address that it has just
checked. So nothing is gained by a redirect, by a name that resolves otherwise a moment later, or by another
spelling of an address: all of that happens before the connection, and here.
"""

from __future__ import annotations

import base64
import ipaddress
import logging
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from ecg.errors import BadRequest

log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: Gives the addresses of a host, as text; raises `OSError` when it has none.
Resolve = Callable[[str, int], Sequence[str]]

PORTS = frozenset({80, 443, 8080, 8443})
_CONNECT_S, _SILENT_S = 10.0, 30.0
_BLOCK_BYTES = 1 << 16
# Networks that lead to the IPv4 address in some of their bits: (network, how many bits lie behind those).
_TRANSLATED = (
    (ipaddress.ip_network("64:ff9b::/96"), 0),
    (ipaddress.ip_network("64:ff9b:1::/48"), 0),
    (ipaddress.ip_network("2002::/16"), 80),
    (ipaddress.ip_network("::/96"), 0),
)
_HOP_BY_HOP = frozenset({"connection", "proxy-connection", "proxy-authorization", "keep-alive", "te",
                         "trailer", "upgrade", "transfer-encoding"})  # fmt: skip


@dataclass(frozen=True)
class Policy:
    """Where one may go. ``allowed``: networks that count as public although they are not.

    ``most_bytes``, ``most_s``: what all connections together may bring, and how long they may take.
    """

    allowed: tuple[Network, ...] = ()
    ports: frozenset[int] = PORTS
    most_bytes: int = 2 * 1024**3
    most_s: float = 3600.0

    def admits(self, text: str) -> bool:
        """Whether an address, as text, may be connected to."""
        address = ipaddress.ip_address(text.partition("%")[0])
        if any(address in network for network in self.allowed):
            return True
        return all(one.is_global and not one.is_multicast for one in _meant(address))


def _meant(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 addresses that it may be translated to."""
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.teredo:
        yield from address.teredo
    for network, behind in _TRANSLATED:
        if address in network:
            yield ipaddress.IPv4Address(int(address) >> behind & 0xFFFFFFFF)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host by the system's resolver, which also reads `127.1` and `0x7f000001`."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass
class Egress:
    """An open way out. ``url``: of the proxy, with its password. ``refused``: where somebody wanted to go;
    ``unreachable``: where somebody might have gone, but nobody answers."""

    url: str = ""
    refused: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    received_bytes: int = 0
    too_much: bool = False


def check_url(url: str) -> str:
    """An http or https address with a host and no password; `BadRequest` says what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadRequest("This is not a web address.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadRequest("Give a web address that begins with http:// or https://.")
    if parts.username is not None or parts.password is not None:
        raise BadRequest("Leave the user name and password out of the address.")
    if port is not None and not 0 < port < 65536:
        raise BadRequest("The port in the address is none.")
    return url


@contextmanager
def guarded(policy: Policy, resolve: Resolve = resolve) -> Iterator[Egress]:
    """A proxy for http and https that goes only where the policy lets it; closed at the end."""
    name_and_password = f"ecg:{secrets.token_urlsafe(16)}"
    egress = Egress()
    authorization = f"Basic {base64.b64encode(name_and_password.encode()).decode()}"
    server = _Server(policy, resolve, egress, authorization)
    egress.url = f"http://{name_and_password}@127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="egress", daemon=True)
    thread.start()
    try:
        yield egress
    finally:
        server.shutdown()
        server.end()
        thread.join()


class _Refused(Exception):
    """This connection is not made."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, policy: Policy, resolve: Resolve, egress: Egress, authorization: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.policy, self.resolve, self.egress = policy, resolve, egress
        self.authorization = authorization
        self.ends_at_s = time.monotonic() + policy.most_s
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to an address of the host that has been checked; `_Refused`, or `OSError`."""
        try:
            found = self.resolve(host, port)
            public = bool(found) and all(map(self.policy.admits, found))
        except (ValueError, UnicodeError):
            public = False
        if not public or port not in self.policy.ports:
            self.egress.refused.append(f"{host}:{port}")
            raise _Refused(f"{host}:{port} is not a public web address")
        error = OSError("no address")
        for address in found:
            try:
                made = socket.create_connection((address, port), _CONNECT_S)
            except OSError as failed:
                error = failed
                continue
            with self._lock:
                self._open.add(made)
            return made
        raise error

    def left(self, made: socket.socket) -> None:
        with self._lock:
            self._open.discard(made)
        made.close()

    def count(self, size_bytes: int) -> None:
        """Count what came in; `_Refused` when it is more, or later, than the policy lets it be."""
        with self._lock:
            self.egress.received_bytes += size_bytes
            over = self.egress.received_bytes > self.policy.most_bytes
        if over or time.monotonic() > self.ends_at_s:
            self.egress.too_much = True
            raise _Refused("too much, or for too long")

    def end(self) -> None:
        """Cut what is still open."""
        with self._lock:
            for made in self._open:
                with suppress(OSError):
                    made.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.info("a connection through the egress proxy broke", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request of the client: a tunnel (https), or a request that is passed on (http)."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _SILENT_S

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        self._go(host.strip("[]"), int(port) if port.isdigit() else 0, None)

    def _pass_on(self) -> None:
        parts = urlsplit(self.path)
        if parts.scheme != "http" or not parts.hostname:
            self._refuse(400, "only absolute http addresses are passed on")
            return
        target = parts._replace(scheme="", netloc="").geturl() or "/"
        kept = [(name, value) for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP]
        length = int(self.headers.get("Content-Length") or 0)
        head = "".join(f"{name}: {value}\r\n" for name, value in [*kept, ("Connection", "close")])
        asked = f"{self.command} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1")
        self._go(parts.hostname, parts.port or 80, asked, length)

    do_GET = do_HEAD = do_POST = do_PUT = _pass_on

    def _go(self, host: str, port: int, asked: bytes | None, body_bytes: int = 0) -> None:
        self.close_connection = True
        if not secrets.compare_digest(
            self.headers.get("Proxy-Authorization", "").encode(), self.server.authorization.encode()
        ):
            self._refuse(407, "this proxy is for ECG alone")
            return
        try:
            other = self.server.connect(host, port)
        except _Refused as error:
            self._refuse(403, str(error))
            return
        except OSError as error:
            self.server.egress.unreachable.append(f"{host}:{port}")
            self._refuse(502, f"no connection to {host}: {error.strerror or error}")
            return
        try:
            if asked is None:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                other.sendall(asked + self.rfile.read(body_bytes))
            self._carry(other)
        except _Refused as error:
            log.info("cut off: %s", error)
        finally:
            self.server.left(other)

    def _carry(self, other: socket.socket) -> None:
        """Bytes both ways until one side ends or nobody has said anything for long."""
        mine = self.connection
        while True:
            ready, _, _ = select.select([mine, other], [], [], _SILENT_S)
            if not ready:
                return
            for source in ready:
                block = source.recv(_BLOCK_BYTES)
                if not block:
                    return
                if source is other:
                    self.server.count(len(block))
                (other if source is mine else mine).sendall(block)

    def _refuse(self, status: int, why: str) -> None:
        body = why.encode("utf-8", "replace")
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)
