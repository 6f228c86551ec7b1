"""Both kinds of store, each in working order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg.storage import LocalStore, Store
from ecg.storage.s3 import S3Store
from tests.storage.s3_server import FaultyLink, a_bucket, an_s3_server
from tests.storage.seaweed import a_seaweed


@pytest.fixture(scope="session")
def s3_server() -> Iterator[FaultyLink]:
    with an_s3_server() as link:
        yield link


@pytest.fixture
def s3_link(s3_server: FaultyLink) -> Iterator[FaultyLink]:
    yield s3_server
    s3_server.heal()


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store", "a signing key")


@pytest.fixture
def s3(s3_link: FaultyLink, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    return S3Store(a_bucket(s3_link.url, monkeypatch), endpoint_url=s3_link.url, prefix="ecg/files")


@pytest.fixture(scope="session")
def seaweed_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with a_seaweed(tmp_path_factory.mktemp("seaweed")) as url:
        yield url


@pytest.fixture
def seaweed(seaweed_url: str, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    return S3Store(a_bucket(seaweed_url, monkeypatch), endpoint_url=seaweed_url, prefix="ecg/files")


@pytest.fixture(params=["local", "s3", "seaweed"])
def store(request: pytest.FixtureRequest) -> Store:
    return request.getfixturevalue(request.param)
