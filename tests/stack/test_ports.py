from __future__ import annotations

import socket

import pytest

from ecg.errors import Conflict
from ecg.stack import ports


@pytest.fixture
def taken() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_free_port_is_taken_as_it_is():
    said: list[str] = []
    port = ports.free_port("127.0.0.1")
    assert ports.settle("web tier", "127.0.0.1", port, asked_for=False, say=said.append) == port
    assert not said


def test_a_taken_port_is_replaced_and_that_is_said(taken: int):
    said: list[str] = []
    port = ports.settle("web tier", "127.0.0.1", taken, asked_for=False, say=said.append)
    assert port != taken
    assert str(taken) in said[0]
    assert str(port) in said[0]


def test_a_taken_port_that_was_asked_for_is_refused(taken: int):
    with pytest.raises(Conflict, match=str(taken)):
        ports.settle("web tier", "127.0.0.1", taken, asked_for=True, say=print)
