"""Health, readiness, documents, pages; and work accepted while Redis is away."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import redis
from flask import Flask

from ecg import config
from ecg.captions import PLAYER_DIR
from ecg.stack.embedded import start_redis
from ecg.web.app import create_app
from tests.conftest import require
from tests.web.person import Person, work_off


@pytest.fixture
def own_redis(database: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """A Redis that this test may stop."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="ecg-test-", dir="/tmp"))
    folder.chmod(0o755)
    server = start_redis(folder / "redis")
    monkeypatch.setenv("REDIS_URL", server.url)
    config.settings.cache_clear()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_ready_counts_the_workers_of_each_queue(app: Flask) -> None:
    client = redis.Redis.from_url(config.settings().redis_url)
    for name in ("media:a", "media:b", "render:a"):
        client.set(f"ecg:consumer:{name}@host", "1", ex=30)
    answer = app.test_client().get("/ready")
    assert answer.status_code == 200
    assert answer.json == {"database": "ok", "broker": "ok", "store": "ok",
                           "consumers": {"media": 2, "audio": 0, "render": 1, "upkeep": 0}}  # fmt: skip
    client.flushall()


def test_ready_says_that_redis_is_down_and_health_stays(own_redis) -> None:
    client = create_app().test_client()
    assert client.get("/ready").status_code == 200
    own_redis.stop()
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json["database"] == answer.json["store"] == "ok"
    assert "Redis" in answer.json["broker"]
    assert client.get("/health").json == {"status": "ok"}


def test_ready_says_that_the_store_cannot_be_written(app: Flask) -> None:
    config.settings().store_dir.parent.mkdir(parents=True, exist_ok=True)
    config.settings().store_dir.write_text("a file where the folder should be")
    answer = app.test_client().get("/ready")
    assert answer.status_code == 503
    assert (answer.json["database"], answer.json["broker"]) == ("ok", "ok")
    assert "folder of the store" in answer.json["store"]


def test_work_is_accepted_and_shown_while_redis_is_down(own_redis, caplog: pytest.LogCaptureFixture) -> None:
    ann = Person(create_app(), "ann@example.org")
    own_redis.stop()
    video_id = ann.video()
    started_s = time.monotonic()
    job_id = ann.analysis(video_id)
    assert ann.get(f"/api/jobs/{job_id}").json["status"] == "queued"
    work_off(job_id)
    render_id = ann.render(video_id)
    for _ in range(20):
        assert ann.get(f"/api/jobs/{render_id}").json["progress"] == 0
        assert ann.get("/api/videos").json["videos"][0]["analysis"]["progress"] == 100
    assert time.monotonic() - started_s < 10
    assert caplog.text.count("live progress is left out") == 1


def test_the_documents_page_needs_nothing_from_elsewhere(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/docs")
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith("/"), address
        assert client.get(address).status_code == 200, address


def test_the_page_and_the_player_are_served(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/")
    assert page.status_code == 200
    assert page.content_type.startswith("text/html")
    module = client.get("/player/player.js")
    assert module.content_type.startswith("text/javascript")
    assert module.data == (PLAYER_DIR / "player.js").read_bytes()
    assert module.headers["Cache-Control"] == "no-cache"
    assert (
        client.get("/player/player.js", headers={"If-None-Match": module.headers["ETag"]}).status_code == 304
    )


def test_fonts_are_served_to_be_kept_and_nothing_else_of_their_packages_is(app: Flask) -> None:
    fonts = config.settings().fonts_dir / "node_modules" / "@fontsource-variable" / "roboto-flex"
    require(fonts.is_dir(), "the caption fonts are not installed; run `ecg setup`")
    client = app.test_client()
    font = next(iter((fonts / "files").glob("*.woff2")))
    answer = client.get(f"/player/fonts/@fontsource-variable/roboto-flex/files/{font.name}")
    assert answer.data == font.read_bytes()
    assert answer.content_type == "font/woff2"
    assert "max-age=604800" in answer.headers["Cache-Control"]
    assert client.get("/player/fonts/@fontsource-variable/roboto-flex/package.json").status_code == 404


@pytest.mark.parametrize("path", [
    "/player/../../errors.py", "/player/%2e%2e/composer.py", "/player//etc/passwd", "/static/../app.py",
    "/player/fonts/../../../../etc/passwd.css", "/docs/../../app.py", "/docs/..%2fdocs.html",
])  # fmt: skip
def test_no_path_leads_out_of_the_served_folders(app: Flask, path: str) -> None:
    assert app.test_client().get(path).status_code in {404, 308}


def test_config_tells_where_streams_are_for_the_host_asked(app: Flask) -> None:
    def stream_url(host: str) -> str:
        return app.test_client().get("/api/config", headers={"Host": host}).json["stream_url"]

    assert stream_url("studio.local:8000") == "http://studio.local:8001"
    assert stream_url("[::1]:8000") == "http://[::1]:8001"
    for made_up in ("evil; script-src *", "[::1", "a/b", ""):
        assert stream_url(made_up) in {"http://127.0.0.1:8001", "http://localhost:8001"}
