"""A web tier over a real, empty database, and people who use it."""

from __future__ import annotations

import pytest
from flask import Flask

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
