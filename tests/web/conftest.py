"""A web tier over a real, empty database, and people who use it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from ecg import config
from ecg.web.app import create_app
from tests.web.person import Person


@pytest.fixture
def app(database: str) -> Flask:
    return create_app()


@pytest.fixture
def ann(app: Flask) -> Person:
    return Person(app, "ann@example.org")


@pytest.fixture
def bob(app: Flask) -> Person:
    return Person(app, "bob@example.org")


@pytest.fixture
def made(database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Flask]:
    """Makes the web tier of this process, with these settings."""

    def make(**settings: object) -> Flask:
        for name, value in settings.items():
            monkeypatch.setenv(f"ECG_{name.upper()}", str(value))
        config.settings.cache_clear()
        return create_app()

    return make
