"""The Celery app: ``celery -A ecg.tasks …``. Task bodies are in one file per queue."""

from __future__ import annotations

from celery import Celery

app = Celery("ecg")
app.config_from_object("celeryconfig")
app.conf.include = ["ecg.tasks.media", "ecg.tasks.audio", "ecg.tasks.render", "ecg.tasks.upkeep"]

__all__ = ["app"]
