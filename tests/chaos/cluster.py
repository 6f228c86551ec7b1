"""ECG on this machine with every process within reach of a fault.

    with Cluster(workers=2) as cluster:
        cluster.submit(10, fake={"sleep_s": 0.1})
        cluster.workers[0].kill()
        cluster.wait(60)
        cluster.account().check()
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import redis
import tenacity
from sqlalchemy import text

from ecg import config, db, guard
from ecg.config import with_driver
from ecg.db import transaction
from ecg.errors import Outage
from ecg.jobs import lifecycle
from ecg.migrations import upgrade
from ecg.models import JobKind, Record, User, Video, VideoStatus
from ecg.stack import ports
from ecg.stack.embedded import Service, start_postgres, start_redis
from tests.chaos import account, faults, ledger, reaper
from tests.chaos.fakes import DEFAULT
from tests.chaos.proxy import Proxy

ROOT = Path(__file__).parents[2]
ALL_QUEUES = "media,audio,render"
#: Settings of the short intervals that most tests use.
IMPATIENT = {
    "ECG_LEASE_S": "2", "ECG_RENEW_S": "0.4", "ECG_RECONCILE_S": "0.5", "ECG_REPUBLISH_S": "3",
    "ECG_DISPATCH_POLL_S": "0.2",
}  # fmt: skip
#: Settings as the product is delivered.
PRODUCTION: dict[str, str] = {}


class Member:
    """One process, in a session of its own, that is started again whenever it ends unless told otherwise.

    ``keep``: whether it is. ``starts``: how often it was started. ``name`` and the number of the start are
    what its processes carry in `ECG_CHAOS_MEMBER`. ``deaths``: those, and when `kill` met them.
    """

    def __init__(
        self, name: str, command: list[str], env: Mapping[str, str], log: Path, ready: bytes
    ) -> None:
        self.name, self.command, self.env, self.log = name, command, dict(env), log
        self.keep, self.starts = True, 0
        self.deaths: dict[str, float] = {}
        self._ready = ready
        self._from_byte = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.RLock()

    @property
    def incarnation(self) -> str:
        return f"{self.name}.{self.starts}"

    def start(self) -> None:
        with self.lock:
            self.keep = True
            self.starts += 1
            with self.log.open("ab") as out:
                self._from_byte = out.tell()
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT,
                    start_new_session=True, env={**self.env, "ECG_CHAOS_MEMBER": self.incarnation},
                )  # fmt: skip

    def tend(self) -> None:
        """Start it again if it has ended."""
        with self.lock:
            if self.process is None or self.process.poll() is None or not self.keep:
                return
            if self.process.returncode > 0:
                time.sleep(0.5)  # it ended by itself: a mistake in its start must not take the machine
            self.start()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """Whether this start of it has said so in its log."""
        if not self._ready:
            return True
        with self.log.open("rb") as log:
            log.seek(self._from_byte)
            return self._ready in log.read()

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        until_s = time.monotonic() + timeout_s
        while not self.is_ready():
            broken = self.process is not None and (self.process.poll() or 0) > 0
            if broken or time.monotonic() > until_s:
                raise AssertionError(f"{self.name} is not ready: {self.tail()}")
            time.sleep(0.05)

    def family(self) -> list[psutil.Process]:
        """It and everything below it, parents first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            return [process, *process.children(recursive=True)]
        return []

    def pool_processes(self) -> list[psutil.Process]:
        """Of a worker: the processes that run task bodies."""
        return [p for p in self.family()[1:] if _says(p, "billiard.spawn import spawn_main")]

    def keepers(self) -> list[psutil.Process]:
        """Of a worker: the keepers of its leases."""
        return [p for p in self.family()[1:] if _says(p, "ecg.jobs.keeper")]

    def kill(self, again: bool = True) -> None:
        """SIGKILL to its whole process group: parent, pool, keeper. ``again``: whether it is kept running."""
        with self.lock:
            self.keep = again
            self.deaths[self.incarnation] = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            assert self.process is not None
            self.process.wait()
            self._from_byte = self.log.stat().st_size

    def terminate(self, again: bool = True) -> None:
        """SIGTERM to the process itself, as a deploy does; its end is not waited for."""
        self.keep = again
        assert self.process is not None
        self.process.terminate()

    def stop(self) -> None:
        """SIGSTOP to the process and all below it: it freezes where it stands."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def cont(self) -> None:
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def tail(self, n_bytes: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-n_bytes:]


def _says(process: psutil.Process, what: str) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(what in argument for argument in process.cmdline())
    return False


class Server:
    """Postgres or Redis, which can be frozen and ended in more ways than one, and comes back where it was."""

    def __init__(self, start: Any) -> None:
        self._start = start
        self.service: Service = start()

    def processes(self) -> list[psutil.Process]:
        """Its own processes, without the guard around them."""
        return psutil.Process(self.service.process.pid).children(recursive=True)

    def end(self, number: int) -> None:
        """Send it a signal and wait for its end: SIGKILL, or SIGQUIT (Postgres: immediate shutdown)."""
        main = psutil.Process(self.service.process.pid).children()[0]
        main.send_signal(number)
        self.service.process.wait(30)

    def start(self) -> None:
        self.service = self._start()

    def stop(self) -> None:
        for process in self.processes():
            process.suspend()

    def cont(self) -> None:
        for process in self.processes():
            process.resume()


class Cluster:
    """Processes and servers of its own. In the ``with`` block this process's settings are the cluster's.

    ``workers``: a count, or for each its queues (``["media", "audio,render"]``). ``redis_persistence``:
    whether Redis still knows its queues after SIGKILL. ``proxied``: clients reach Redis by `proxy`.
    ``settings``: environment of all processes on top of `IMPATIENT` (``patient=True``: on top of nothing).
    """

    def __init__(
        self, workers: int | list[str] = 2, *, dispatchers: int = 1, web: bool = False,
        redis_persistence: bool = False, proxied: bool = False, patient: bool = False, **settings: str,
    ) -> None:  # fmt: skip
        self.mark = f"ecg-chaos-{uuid.uuid4().hex}"
        self.folder = Path(tempfile.mkdtemp(prefix="ecg-chaos-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.faults, self.ledger = self.folder / "faults", self.folder / "ledger"
        self.proxied, self.redis_persistence = proxied, redis_persistence
        self.accepted: list[str] = []
        self.proxy: Proxy | None = None
        self.web_port = ports.free_port("127.0.0.1") if web else 0
        self._settings = {**(PRODUCTION if patient else IMPATIENT), **settings}
        self._queues = [ALL_QUEUES] * workers if isinstance(workers, int) else workers
        self._dispatchers = dispatchers
        self.workers: list[Member] = []
        self.dispatchers: list[Member] = []
        self.web: Member | None = None
        self._ended = threading.Event()
        self._started_s = 0.0
        self._user_id = ""
        self._video_id = ""
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Cluster:
        try:
            self.start()
            self._stack.enter_context(self.settings_here())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()

    @contextlib.contextmanager
    def running(self) -> Iterator[Cluster]:
        """Started, for several tests; each of them takes it by `fresh`."""
        try:
            self.start()
            yield self
        finally:
            self.close()

    @contextlib.contextmanager
    def fresh(self) -> Iterator[Cluster]:
        """As good as new; this process's settings are its own meanwhile."""
        with self.settings_here():
            self.reset()
            yield self

    def close(self) -> None:
        """End everything, by force, and remove its folder."""
        self._ended.set()
        self._stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start everything; this process's settings stay as they are."""
        self.faults.mkdir()
        self.postgres = Server(lambda: start_postgres(self.folder / "postgres"))
        self._stack.callback(lambda: self.postgres.service.stop())
        redis_port = ports.free_port("127.0.0.1")
        self.redis = Server(lambda: self._start_redis(redis_port))
        self._stack.callback(lambda: self.redis.service.stop())
        redis_url = self.redis.service.url
        if self.proxied:
            self.proxy = Proxy(redis_port)
            self._stack.callback(self.proxy.close)
            redis_url = redis_url.replace(f":{redis_port}/", f":{self.proxy.port}/")
        self.env = {
            "ECG_DATA_DIR": str(self.folder / "data"), "DATABASE_URL": with_driver(self.postgres.service.url),
            "REDIS_URL": redis_url, "ECG_CHAOS_CLUSTER": self.mark, ledger.PATH: str(self.ledger),
            "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **self._settings,
        }  # fmt: skip
        reap = guard.spawn([sys.executable, reaper.__file__, self.mark], grace_s=5.0)
        self._stack.callback(reap.kill)
        self._stack.callback(reaper.reap, self.mark)
        upgrade(self.env["DATABASE_URL"])
        with self.settings_here():
            self._make_owner()
        self._start_members()
        for member in self.members():
            member.wait_ready()
        self._started_s = time.monotonic()

    def _start_redis(self, port: int) -> Service:
        folder = self.folder / "redis"
        if not self.redis_persistence:
            (folder / "appendonly.aof").unlink(missing_ok=True)
            shutil.rmtree(folder / "appendonlydir", ignore_errors=True)
        return start_redis(folder, port)

    def _start_members(self) -> None:
        for number in range(self._dispatchers):
            self.dispatchers.append(self.add(f"dispatcher{number}", ["-m", "tests.chaos.dispatcher"]))
        for queues in self._queues:
            self.add_worker(queues)
        if self.web_port:
            self.web = self.add("web", [
                "-m", "gunicorn", "tests.chaos.web:app", "--worker-class", "gthread", "--threads", "8",
                "--workers", "2", "--bind", f"127.0.0.1:{self.web_port}", "--no-control-socket",
            ], ready=b"Booting worker")  # fmt: skip
        tend = threading.Thread(target=self._tend, daemon=True)
        self._stack.callback(tend.join)
        tend.start()

    def add_worker(self, queues: str = ALL_QUEUES, prefix: tuple[str, ...] = (), **env: str) -> Member:
        """One more worker; ``prefix``: a command to start it by, such as faketime."""
        member = self.add(f"worker{len(self.workers)}", ["-m", "tests.chaos.worker", "--queues", queues],
                          ready=b" ready.", prefix=prefix, **env)  # fmt: skip
        self.workers.append(member)
        return member

    def add(self, name: str, command: list[str], ready: bytes = b"", prefix: tuple[str, ...] = (),
            **env: str) -> Member:  # fmt: skip
        """One more process of the cluster: a Python command."""
        # Faults are for the cluster's processes: the test's own process must never die at a point.
        full_env = {**os.environ, **self.env, faults.FOLDER: str(self.faults), **env}
        log = self.folder / f"{name}.log"
        member = Member(name, [*prefix, sys.executable, *command], full_env, log, ready)
        member.start()
        return member

    def _tend(self) -> None:
        while not self._ended.wait(0.05):
            for member in self.members():
                member.tend()

    def members(self) -> list[Member]:
        return [*self.dispatchers, *self.workers, *([self.web] if self.web else [])]

    @property
    def url(self) -> str:
        """Address of the web tier."""
        return f"http://127.0.0.1:{self.web_port}"

    def redis_client(self) -> redis.Redis:
        """Straight to Redis, past the proxy."""
        return redis.Redis.from_url(self.redis.service.url, socket_timeout=10)

    @contextlib.contextmanager
    def settings_here(self) -> Iterator[None]:
        """The settings of this process are those of the cluster."""
        before = dict(os.environ)
        os.environ.update(self.env)
        config.settings.cache_clear()
        db.engine.cache_clear()
        try:
            yield
        finally:
            db.engine().dispose()
            os.environ.clear()
            os.environ.update(before)
            config.settings.cache_clear()
            db.engine.cache_clear()

    def _make_owner(self) -> None:
        self._user_id = self.add_user()
        self._video_id = self.add_video(self._user_id)

    def add_user(self) -> str:
        with transaction() as session:
            user = User(email=f"{uuid.uuid4()}@example.org", username="someone", password_hash="x",
                        unlimited=True)  # fmt: skip
            session.add(user)
            session.flush()
            return user.id

    def add_video(self, user_id: str) -> str:
        with transaction() as session:
            video = Video(
                user_id=user_id, status=VideoStatus.READY, filename="talk.mp4", content_type="video/mp4",
                size_bytes=1, upload_key=f"uploads/{uuid.uuid4()}",
            )  # fmt: skip
            session.add(video)
            session.flush()
            return video.id

    def submit(self, n: int = 1, kind: JobKind = JobKind.ANALYSIS, fake: Mapping[str, Any] | None = None,
               user_id: str = "", at_once: int = 50) -> list[str]:  # fmt: skip
        """Accept jobs by the record itself, ``at_once`` to a transaction; their ids."""
        video_id = self.add_video(user_id) if user_id else self._video_id
        made: list[str] = []
        while len(made) < n:
            with transaction() as session:
                batch = [
                    lifecycle.create(session, user_id=user_id or self._user_id, video_id=video_id, kind=kind,
                                     params={"fake": dict(fake or {})})
                    for _ in range(min(at_once, n - len(made)))
                ]  # fmt: skip
            made += batch
        self.accepted += made
        return made

    def ended(self, jobs: Collection[str] | None = None) -> int:
        """How many of these jobs (of all accepted ones) have ended."""
        return int(self.scalar(
            "SELECT count(*) FROM jobs WHERE status IN ('done', 'failed', 'cancelled') "
            "AND id::text = ANY(:jobs)", jobs=list(self.accepted if jobs is None else jobs),
        ))  # fmt: skip

    def wait(self, timeout_s: float, jobs: Collection[str] | None = None, poll_s: float = 0.2) -> float:
        """Until these jobs (all accepted ones) have ended; how long that took."""
        began_s, wanted = time.monotonic(), len(self.accepted if jobs is None else jobs)
        while (ended := self.ended(jobs)) < wanted:
            took_s = time.monotonic() - began_s
            assert took_s < timeout_s, f"{ended} of {wanted} jobs ended in {took_s:.0f} s: {self.state()}"
            time.sleep(poll_s)
        return time.monotonic() - began_s

    def wait_for(self, what: str, timeout_s: float = 30.0, **values: Any) -> None:
        """Until a query (SQL) gives something true."""
        until_s = time.monotonic() + timeout_s
        while not self.scalar(what, **values):
            assert time.monotonic() < until_s, f"{what} {values} is still false: {self.state()}"
            time.sleep(0.05)

    def wait_for_step(self, job_id: str, name: str, status: str = "running", timeout_s: float = 30.0) -> None:
        self.wait_for("SELECT count(*) FROM steps WHERE job_id = :job AND name = :name AND status = :status",
                      timeout_s, job=job_id, name=name, status=status)  # fmt: skip

    def scalar(self, sql: str, **values: Any) -> Any:
        return self.rows(sql, **values)[0][0]

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with transaction() as session:
            return list(session.execute(text(sql), values))

    def entries(self) -> list[ledger.Entry]:
        """The ledger so far."""
        return ledger.read(self.ledger)

    def state(self) -> str:
        """Everything one wants to know when a wait has failed."""
        steps = self.rows("""
            SELECT name, status, published_at IS NOT NULL, losses, errors, count(*) FROM steps
            WHERE status IN ('ready', 'running', 'failed') GROUP BY 1, 2, 3, 4, 5
        """)
        logs = "\n".join(f"--- {member.name}\n{member.tail()}" for member in self.members())
        return f"steps {[tuple(row) for row in steps]}, faults left {faults.armed(self.faults)}\n{logs}"

    def arm(self, point: str, times: int = 1, whom: str = "self") -> None:
        """See `faults.arm`."""
        faults.arm(self.faults, point, times, whom)

    def account(self) -> account.Account:
        """What became of all that was accepted since the start or the last `reset`."""
        live = {member.incarnation for member in self.members() if member.is_alive}
        taken = account.take(self.accepted, self.entries(), self.mark, live)
        deaths: dict[int | str, float] = {who: at_s for _, at_s, who in faults.fired(self.faults)}
        for member in self.members():
            deaths |= member.deaths
        taken.recovery_s = ledger.recoveries(self.entries(), deaths)
        taken.wall_s = round(time.monotonic() - self._started_s, 1)
        return taken

    @staticmethod
    def default_fake(fake: Mapping[str, Any]) -> dict[str, str]:
        """The setting by which jobs that come through the API do this."""
        return {DEFAULT: json.dumps(fake)}

    def reset(self) -> None:
        """As good as new for the next test: nothing armed, nothing running, no rows, messages or files."""
        faults.disarm(self.faults)
        for member in self.members():
            member.cont()
            if not member.is_alive:
                member.start()
        if self.scalar("SELECT count(*) FROM steps WHERE status = 'running'"):
            for worker in self.workers:
                worker.kill()
        _truncate()
        self.redis_client().flushall()
        # The store's own folder stays: one that vanishes is an outage.
        data = self.folder / "data"
        for path in (*(data / "store").glob("[a-z]*"), *(data / "scratch").glob("*"), self.ledger,
                     self.faults / "fired"):  # fmt: skip
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self.accepted.clear()
        self._make_owner()
        for member in self.members():
            member.wait_ready()
        self._started_s = time.monotonic()


# A pass of the dispatcher may lock the tables in another order, and one of the two is then sent back.
@tenacity.retry(retry=tenacity.retry_if_exception_type(Outage), stop=tenacity.stop_after_attempt(5))
def _truncate() -> None:
    """No rows; the ids go on: an attempt of the last test must not meet a step of its number in the next."""
    tables = ", ".join(table.name for table in Record.metadata.sorted_tables)
    with transaction() as session:
        session.execute(text(f"TRUNCATE {tables} CASCADE"))
