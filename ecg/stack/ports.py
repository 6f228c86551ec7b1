"""Ports to listen on: the one asked for, else a free one."""

from __future__ import annotations

import socket
from collections.abc import Callable

from ecg.errors import Conflict


def free_port(host: str) -> int:
    """A port nobody listens on right now."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(_family(host)) as probe:
        # As gunicorn does: connections of a server that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def settle(name: str, host: str, port: int, *, asked_for: bool, say: Callable[[str], None]) -> int:
    """The port itself if it is free; else another one, unless the user asked for just this one."""
    if is_free(host, port):
        return port
    if asked_for:
        raise Conflict(f"Port {port} of {host} is taken; name another one for the {name}.")
    other = free_port(host)
    say(f"Port {port} is taken; the {name} listens on {other}.")
    return other


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
