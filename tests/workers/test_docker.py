"""A job through a broker in a container, where there is Docker."""

from __future__ import annotations

from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from tests.client import Client
from tests.conftest import a_live_stack
from tests.spoken import two_voices


def has_docker() -> bool:
    try:
        return docker.from_env(timeout=5).ping()
    except DockerException:
        return False


@pytest.mark.docker
@pytest.mark.skipif(not has_docker(), reason="no Docker answers here; the broker runs as a plain process")
def test_a_job_runs_through_a_redis_in_a_container(celery_redis_broker, tmp_path: Path):
    with a_live_stack(REDIS_URL=celery_redis_broker.config()["host_url"]) as stack:
        person = Client(stack.url)
        person.done(person.analyze(person.upload(two_voices(tmp_path / "talk.mp4"))))
