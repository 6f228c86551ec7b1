"""The web tier with fault points in it: ``gunicorn tests.chaos.web:app``."""

from __future__ import annotations

from ecg.web.app import create_app
from tests.chaos import faults

faults.install()
app = create_app()
