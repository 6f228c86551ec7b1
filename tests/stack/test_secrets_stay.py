"""No secret leaves the processes that need it while a real job is done, wherever one looks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from ecg.stack import ports, running
from ecg.stack.embedded import start_postgres
from tests.client import Client
from tests.conftest import LiveStack, a_live_stack
from tests.processes import asked
from tests.spoken import spoken_clip, voice

GIVEN = {
    "ECG_SECRET_KEY": "s3cret-of-signing-tokens", "AWS_SECRET_ACCESS_KEY": "s3cret-of-the-bucket",
    "ECG_METRICS_TOKEN": "s3cret-of-prometheus", "ECG_FLOWER_AUTH": "operator:s3cret-of-flower",
}  # fmt: skip
OF_DATABASE = "s3cret-of-the-database"
INSPECT = """
import json
from ecg.tasks import app
look = app.control.inspect(timeout=20, limit=4)  # four workers
asked = "conf", "stats", "report", "registered", "active", "reserved", "scheduled", "active_queues"
print(json.dumps([getattr(look, name)() for name in asked], default=str))
"""


@dataclass
class Watch:
    """What could be read about the processes below one by whoever may list processes."""

    command_lines: set[str] = field(default_factory=set)
    #: The environment of programs that read what users send, by the program's name.
    environments: dict[str, set[str]] = field(default_factory=dict)

    def look(self, pid: int) -> None:
        for process, (name, line) in asked(lambda process: (process.name(), process.cmdline()), pid):
            self.command_lines.add("\0".join(line))
            if name.startswith(("ffmpeg", "ffprobe", "chrom", "headless")):
                with suppress(psutil.Error, OSError):
                    found = Path(f"/proc/{process.pid}/environ").read_text(errors="replace")
                    self.environments.setdefault(name, set()).add(found)


@contextmanager
def watching(pid: int) -> Iterator[Watch]:
    watch, over = Watch(), threading.Event()

    def go_on() -> None:
        while not over.wait(0.1):
            with suppress(psutil.NoSuchProcess):
                watch.look(pid)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def stack() -> Iterator[LiveStack]:
    """A stack of which every secret is known."""
    folder = Path(tempfile.mkdtemp(prefix="ecg-test-", dir="/tmp"))
    folder.chmod(0o755)
    postgres = start_postgres(folder / "postgres")
    url = postgres.url.replace("ecg@", f"ecg:{OF_DATABASE}@", 1)
    port = str(ports.free_port("127.0.0.1"))
    try:
        with a_live_stack("--flower", DATABASE_URL=url, ECG_FLOWER_PORT=port, **GIVEN) as live:
            yield live
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_no_secret_shows_while_a_job_is_done(stack: LiveStack, tmp_path: Path) -> None:
    found = running.find(stack.data_dir)
    clip = spoken_clip(tmp_path / "talk.mp4", voice(tmp_path / "talk.wav", "the quick brown fox"))
    no_clip = tmp_path / "no.mp4"
    no_clip.write_bytes(b"nothing of a video")
    with watching(found.pid) as watch:
        person = Client(stack.url)
        key = person.post("/api/keys", name="a program").json()["key"]
        video = person.upload(clip)
        job = person.analyze(video)
        token = person.http.headers["Authorization"].partition(" ")[2]
        stream = f"{stack.stream_url}/api/jobs/{job}/events"
        with requests.get(stream, params={"access_token": token}, stream=True, timeout=60):
            person.done(job)
        assert person.wait(person.analyze(person.upload(no_clip)))["status"] == "failed"
        person.done(person.render(video))
        inspected = inspect(stack)
        shown = dashboard(found.flower_url)

    secrets = {*GIVEN.values(), "s3cret", OF_DATABASE, urlsplit(stack.redis_url).password, token, key,
               "correct horse"}  # fmt: skip
    places = {
        "logs": "".join(path.read_text() for path in stack.data_dir.glob("logs/*.log")),
        "what `ecg up` says": (stack.data_dir / "up.out").read_text(),
        "messages and all else in Redis": "".join(
            path.read_text(errors="replace") for path in stack.data_dir.glob("redis/**/*.aof")),
        "celery inspect": inspected,
        "Flower": shown,
        "command lines": "\n".join(watch.command_lines),
    }  # fmt: skip
    for place, text in places.items():
        assert len(text) > 100, f"nothing was found in {place}"
        assert {secret for secret in secrets if secret in text} == set(), place

    assert any(name.startswith("ffmpeg") for name in watch.environments)
    assert any(name.startswith(("chrom", "headless")) for name in watch.environments)
    for name, environments in watch.environments.items():
        for environment in environments:
            assert {secret for secret in secrets if secret in environment} == set(), name
            assert "_URL=" not in environment, name


def inspect(stack: LiveStack) -> str:
    """All that workers tell of themselves."""
    env = {**stack.env, "DATABASE_URL": stack.database_url, "REDIS_URL": stack.redis_url}
    told = subprocess.run([sys.executable, "-c", INSPECT], env=env, capture_output=True, text=True,
                          timeout=120)  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert len(json.loads(told.stdout)[0]) >= 4, "not every worker answered"
    return told.stdout


def dashboard(url: str) -> str:
    """All that Flower shows to its operator, and nothing of it to anybody else."""
    texts = []
    for path in ("/", "/workers", "/tasks", "/broker", "/api/workers?refresh=1", "/api/tasks", "/metrics"):
        assert requests.get(url + path, timeout=30).status_code == 401, path
        answer = requests.get(url + path, auth=tuple(GIVEN["ECG_FLOWER_AUTH"].split(":")), timeout=30)
        assert answer.ok, path
        texts.append(answer.text)
        time.sleep(0.05)
    return "".join(texts)
