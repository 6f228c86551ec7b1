"""The audit of what is installed (.ci/audit), asked of an advisory service of our own."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[1] / ".ci" / "audit"
NOBODY = "http://127.0.0.1:9"


class Advisories(BaseHTTPRequestHandler):
    """Knows a fault of Flask and one of Jinja, as osv.dev tells them."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        body = json.dumps({"vulns": [fault(asked)]} if asked in {"flask", "jinja2"} else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Hundreds of packages are asked for."""


def fault(package: str) -> dict[str, Any]:
    mended = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}
    affected = {"package": {"name": package, "ecosystem": "PyPI"}, "ranges": [mended]}
    return {"id": f"PYSEC-2099-{package}", "aliases": [f"CVE-2099-{package}"], "affected": [affected]}


@pytest.fixture
def advisories() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def audit(folder: Path, service: str, *waivers: str) -> tuple[int, str]:
    """How it ends and what it says, where the world's services cannot be reached, but this one can."""
    shutil.copy(AUDIT, folder)
    (folder / "waivers.txt").write_text("\n".join(waivers))
    env = {**os.environ, "HTTPS_PROXY": NOBODY, "PIP_AUDIT_OSV_URL": service}
    argv = [sys.executable, folder / "audit"]
    run = subprocess.run(argv, env=env, text=True, capture_output=True, timeout=200)
    return run.returncode, run.stdout + run.stderr


def test_a_known_fault_ends_the_audit_unless_it_is_waived_to_this_day_or_longer(
    advisories: str, tmp_path: Path
) -> None:
    today = datetime.date.today()
    yesterday = today - datetime.timedelta(1)
    flask = f"PYSEC-2099-flask {today} not reached by ECG"
    code, told = audit(tmp_path, advisories, flask, f"CVE-2099-jinja2 {yesterday} not reached by ECG")
    assert code == 1, told
    assert "PYSEC-2099-jinja2, mended in 99.1" in told
    assert "PYSEC-2099-flask" not in told
    code, told = audit(tmp_path, advisories, flask, f"CVE-2099-jinja2 {today} not reached by ECG")
    assert code == 0, told
    assert "2 faults known, 2 waived" in told


@pytest.mark.parametrize(("days", "expected"), [(0, 0), (-1, 75)])
def test_where_nobody_can_be_asked_the_audit_passes_by_a_waiver_of_this_day_or_longer_alone(
    tmp_path: Path, days: int, expected: int
) -> None:
    until = datetime.date.today() + datetime.timedelta(days)
    code, told = audit(tmp_path, NOBODY, f"NO-SERVICE {until} no way out of here")
    assert code == expected, told
    assert "GATE NOT RUN" in told
