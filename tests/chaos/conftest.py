"""The cluster that short tests share, and where accounts are recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import report
from tests.chaos.account import Account
from tests.chaos.cluster import Cluster

Record = Callable[..., None]


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[Cluster]:
    """Two workers and a dispatcher with short intervals, for the tests of the whole run."""
    cluster = Cluster(workers=2)
    with cluster.running():
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Iterator[Cluster]:
    """The shared cluster, as good as new; this process's settings are its own meanwhile."""
    with shared_cluster.fresh():
        yield shared_cluster


@pytest.fixture
def record() -> Record:
    """``record("R1", account, **more)``: put an account into the report of this run, if one is asked for."""

    def note(figure: str, account: Account, **more: Any) -> None:
        file = os.environ.get(report.FILE)
        if file:
            report.note(Path(file), figure, account, more)

    return note
