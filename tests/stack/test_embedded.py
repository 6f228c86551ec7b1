from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from ecg import guard
from ecg.errors import ServiceUnavailable
from ecg.stack import embedded
from tests.processes import asked


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach, unlike pytest's own when root runs it."""
    made = Path(tempfile.mkdtemp(prefix="ecg-embedded-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def ask(url: str, sql: str) -> object:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        answer = cursor.fetchone() if cursor.description else None
    connection.close()
    return answer


def test_what_postgres_committed_is_there_after_it_was_killed(folder: Path):
    first = embedded.start_postgres(folder / "postgres")
    ask(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    postmaster = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
    os.kill(postmaster, 9)
    first.process.wait()
    second = embedded.start_postgres(folder / "postgres")
    assert second.url == first.url
    assert ask(second.url, "SELECT answer FROM kept") == (42,)
    second.stop()


def test_postgres_stops_although_a_client_is_still_there(folder: Path):
    service = embedded.start_postgres(folder / "postgres")
    client = psycopg2.connect(service.url)
    begun = time.monotonic()
    service.stop()
    assert time.monotonic() - begun < 10
    client.close()


def test_redis_comes_back_at_its_address_with_what_it_held(folder: Path):
    first = embedded.start_redis(folder / "redis")
    redis.Redis.from_url(first.url).set("kept", "yes")
    time.sleep(1.5)  # its append-only file is flushed once a second
    first.process.kill()
    first.process.wait()
    port = int(first.url.rsplit(":", 1)[1].split("/")[0])
    second = embedded.start_redis(folder / "redis", port)
    assert second.url == first.url
    assert redis.Redis.from_url(second.url).get("kept") == b"yes"
    second.stop()


def test_redis_wants_its_password(folder: Path):
    service = embedded.start_redis(folder / "redis")
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis.from_url(service.url.split("@")[1].join(["redis://", ""])).ping()
    service.stop()


def test_servers_never_run_as_root(folder: Path):
    service = embedded.start_postgres(folder / "postgres")
    owners = {uids.real for _, uids in asked(psutil.Process.uids, service.process.pid)}
    assert owners
    assert 0 not in owners
    service.stop()


def test_data_of_the_servers_is_private(folder: Path):
    service = embedded.start_redis(folder / "redis")
    assert (folder / "redis").stat().st_mode & 0o777 == 0o700
    service.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as somebody else")
def test_a_folder_the_servers_user_cannot_enter_is_refused(folder: Path):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServiceUnavailable, match="ECG_DATA_DIR"):
        embedded.start_redis(closed / "redis")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as somebody else")
@pytest.mark.parametrize("program", ["postgres", "redis-server"])
def test_programs_in_a_closed_environment_are_copied_to_where_they_run(folder: Path, program: str):
    real = embedded.postgres_bin_dir() if program == "postgres" else embedded.redis_server().parent
    site = next(parent for parent in real.parents if parent.name == "site-packages")
    closed = folder / "closed" / "site-packages"
    for part in site.glob(f"{real.relative_to(site).parts[0]}*"):
        shutil.copytree(part, closed / part.name)
    closed.parent.chmod(0o700)
    user = embedded.service_user()
    copied = embedded._reachable(closed / real.relative_to(site), folder / "bin", user)
    asked = guard.spawn([str(copied / program), "--version"], user=user, stdout=subprocess.PIPE)
    assert asked.communicate()[0]
    assert asked.returncode == 0


def test_somebody_elses_socket_folder_is_refused(folder: Path, tmp_path: Path):
    deep = folder / ("x" * 90)
    socket_folder = embedded._socket_folder(deep / "postgres" / "run")
    socket_folder.symlink_to(tmp_path)
    try:
        with pytest.raises(ServiceUnavailable, match="somebody else"):
            embedded.start_postgres(deep / "postgres")
    finally:
        socket_folder.unlink()
