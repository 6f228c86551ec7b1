"""Fetching files that users name, from a server of this machine that counts as public."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg.egress import Policy
from ecg.errors import BadRequest, DownloadError, EcgError, InvalidMedia
from ecg.media.fetch import fetch
from tests.test_egress import PUBLIC, Canary, listening, policy


@pytest.fixture
def outside() -> Iterator[Canary]:
    with listening(PUBLIC) as canary:
        yield canary


def fetched(outside: Canary, out: Path, allowed: Policy | None = None) -> list[float]:
    told: list[float] = []
    fetch(f"http://{PUBLIC}:{outside.port}/talk.mp4", out, allowed or policy(outside), told.append)
    return told


def test_a_file_is_fetched_whole_and_tells_how_far_it_is(outside: Canary, tmp_path: Path) -> None:
    outside.answer = 200, {"Content-Type": "video/mp4"}, b"x" * 5_000_000
    told = fetched(outside, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == outside.answer[2]
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize(("answer", "kind"), [
    ((404, {}, b""), InvalidMedia),
    ((403, {}, b""), InvalidMedia),
    ((503, {}, b""), DownloadError),
    ((429, {}, b""), DownloadError),
    ((200, {"Content-Type": "text/html; charset=utf-8"}, b"<video src=http://localhost>"), InvalidMedia),
    ((200, {"Content-Type": "video/mp4"}, b""), InvalidMedia),
    ((200, {"Content-Type": "video/mp4", "Content-Length": "99"}, b"cut"), DownloadError),
])  # fmt: skip
def test_what_is_no_file_is_told_with_what_to_do(
    outside: Canary, tmp_path: Path, answer: tuple, kind: type[EcgError]
) -> None:
    outside.answer = answer
    with pytest.raises(kind) as raised:
        fetched(outside, tmp_path / "out")
    assert type(raised.value) is kind
    assert raised.value.retryable == (kind is DownloadError)
    assert raised.value.message.endswith(".")


@pytest.mark.parametrize("told", [True, False])
def test_a_file_that_is_too_large_is_not_fetched(outside: Canary, tmp_path: Path, told: bool) -> None:
    length = {} if told else {"Content-Length": ""}
    outside.answer = 200, {"Content-Type": "video/mp4", **length}, b"x" * 3_000_000
    with pytest.raises(InvalidMedia, match="too large"):
        fetched(outside, tmp_path / "out", policy(outside, most_bytes=100_000))
    out = tmp_path / "out"
    assert not out.exists() or out.stat().st_size < 2_500_000


def test_a_compressed_answer_is_counted_as_it_unfolds(outside: Canary, tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    outside.answer = 200, {"Content-Type": "video/mp4", "Content-Encoding": "gzip"}, bomb
    with pytest.raises(InvalidMedia, match="too large"):
        fetched(outside, tmp_path / "out", policy(outside, most_bytes=5_000_000))
    assert (tmp_path / "out").stat().st_size < 10_000_000


def test_an_address_inside_is_refused_without_a_visit(outside: Canary, tmp_path: Path) -> None:
    with listening("127.0.0.1") as inside:
        outside.answer = 302, {"Location": f"http://127.0.0.1:{inside.port}/latest/meta-data/"}, b""
        with pytest.raises(BadRequest, match="public"):
            fetched(outside, tmp_path / "out", policy(outside, inside))
        with pytest.raises(BadRequest, match="public"):
            fetch(f"http://localhost:{inside.port}/", tmp_path / "out", policy(inside), lambda share: None)
        assert inside.visits == []


def test_an_address_that_turns_in_circles_is_left(outside: Canary, tmp_path: Path) -> None:
    outside.answer = 302, {"Location": "/talk.mp4"}, b""
    with pytest.raises(InvalidMedia, match="on and on"):
        fetched(outside, tmp_path / "out")


def test_a_server_that_is_away_may_be_asked_again(outside: Canary, tmp_path: Path) -> None:
    with listening(PUBLIC) as gone:
        allowed = policy(gone)
    with pytest.raises(DownloadError):
        fetched(gone, tmp_path / "out", allowed)
    with pytest.raises(DownloadError):
        fetch("http://nowhere.invalid/", tmp_path / "out", Policy(), lambda share: None)
