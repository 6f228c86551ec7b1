"""What the processes of `bench.control` load: a job of one step that does nothing, and the plain way.

    python -m bench.processes.control_app web PORT      python -m bench.processes.control_app worker

The plain way is what one would write without a job engine: an authenticated route that calls ``.delay()``,
and a task that commits one row. Both ways share the web process, the worker process and all settings.
"""

from __future__ import annotations

import os
import sys
import uuid

from flask import Flask
from sqlalchemy import text

from ecg.jobs import graphs
from ecg.models import JobKind

NOTHING = graphs.StepSpec("nothing", graphs.Queue.MEDIA, 100.0)
graphs.GRAPHS[JobKind.ANALYSIS] = (NOTHING,)

from ecg.db import transaction  # noqa: E402 - the graph above must be there before tasks are made of it
from ecg.jobs import milestones  # noqa: E402
from ecg.tasks import app  # noqa: E402
from ecg.tasks.step import step  # noqa: E402
from ecg.tasks.work import Outcome, Work  # noqa: E402

milestones.BY_END[NOTHING.name] = "analysed"
PLAIN_TABLE = "CREATE TABLE plain_results (id uuid PRIMARY KEY, done_at timestamptz DEFAULT now())"


@step(NOTHING.name)
def nothing(work: Work) -> Outcome:
    """The step under test."""
    return Outcome()


@app.task(name="bench.plain", queue=str(graphs.Queue.MEDIA))
def plain(result_id: str) -> None:
    """The plain task: commits one row."""
    with transaction() as session:
        session.execute(text("INSERT INTO plain_results (id) VALUES (:id)"), {"id": result_id})


def make_web() -> Flask:
    """The web tier, and the plain route in it."""
    from ecg.web.app import create_app

    web = create_app()

    @web.post("/bench/plain")
    def submit_plain() -> tuple[dict[str, str], int]:
        result_id = str(uuid.uuid4())
        plain.delay(result_id)
        return {"id": result_id}, 202

    return web


def main() -> None:
    if sys.argv[1] == "web":
        os.execv(sys.executable, [
            sys.executable, "-m", "gunicorn", "bench.processes.control_app:make_web()",
            "--worker-class", "gthread", "--threads", "8", "--workers", "1",
            "--bind", f"127.0.0.1:{sys.argv[2]}", "--no-control-socket",
        ])  # fmt: skip
    app.conf.include = ["bench.processes.control_app"]
    app.worker_main(["worker", "-Q", str(graphs.Queue.MEDIA), "-n", "bench@localhost", "--loglevel=WARNING",
                     "--without-gossip", "--without-mingle"])  # fmt: skip


if __name__ == "__main__":
    main()
