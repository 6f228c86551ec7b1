"""Chromium's sandbox is on when it should be: asked of the kernel while captions are drawn."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ecg.browser.chromium import find_chromium
from ecg.config import settings
from tests.browser import hostile
from tests.browser.conftest import make_browser
from tests.browser.scenarios import FPS
from tests.conftest import require
from tests.processes import asked

NOBODY = 65534
_FILTERED = 2  # of a process's Seccomp: only the system calls that a filter lets through


@pytest.fixture
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Chromium as an ordinary user, also where tests run as root: it refuses its sandbox to root."""
    path = find_chromium(settings().chromium)
    if os.geteuid() != 0:
        yield path
        return
    require(shutil.which("setpriv"), "setpriv (util-linux) is not installed")
    home = Path(tempfile.mkdtemp(prefix="ecg-nobody-", dir="/tmp"))
    os.chown(home, NOBODY, NOBODY)
    # The profile that Playwright has made belongs to root.
    script = tmp_path_factory.mktemp("chromium") / "chromium-headless-shell"
    script.write_text(
        f'#!/bin/bash\nexport HOME={home} TMPDIR={home}\n'
        f'exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --inh-caps=-all \\\n'
        f'    {path} "${{@/--user-data-dir=*/--user-data-dir={home}/profile}}"\n'
    )  # fmt: skip
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    yield str(script)
    shutil.rmtree(home, ignore_errors=True)


def name_spaces_are_there() -> bool:
    """Whether an ordinary user may make the name spaces that the sandbox is built of."""
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run(["unshare", "-Urnp", "--fork", "true"], capture_output=True, **user).returncode == 0


def described(process: psutil.Process) -> dict[str, Any]:
    """What the kernel says of a process. ``kind``: Chromium's name of its part."""
    proc = Path(f"/proc/{process.pid}")
    status = dict(
        line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line
    )
    kinds = [part.removeprefix("--type=") for part in process.cmdline() if part.startswith("--type=")]
    return {
        "kind": kinds[0] if kinds else "browser",
        "uids": {int(uid) for uid in status["Uid"].split()},
        "seccomp": int(status["Seccomp"]),
        "effective": int(status["CapEff"], 16),
        "network": (proc / "ns/net").readlink(),
        "environment": (proc / "environ").read_bytes(),
    }


def test_pages_run_as_nobody_filtered_by_the_kernel_and_without_a_network(
    chromium: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(
        name_spaces_are_there(), "this kernel refuses ordinary users the name spaces of Chromium's sandbox"
    )
    monkeypatch.setenv("ECG_SECRET_KEY", "hush")
    made = hostile.scenario(hostile.texts("http://127.0.0.1:9", "file:///etc/passwd")[:20])
    beside = set(psutil.pids())  # other browsers of this test run, as root
    with (
        make_browser("canvas", chromium=chromium, sandbox=True) as browser,
        browser.open(made, 640, 360) as session,
    ):
        assert sum(1 for _ in session.frames(0, 50, FPS)) == 50
        found = [
            described(process) for process, name in asked(psutil.Process.name)
            if name.startswith("chrom") and process.pid not in beside
        ]  # fmt: skip
    pages = [process for process in found if process["kind"] == "renderer"]
    assert pages
    own_network = Path("/proc/self/ns/net").readlink()
    for page in pages:
        assert page["seccomp"] == _FILTERED
        assert page["effective"] == 0
        assert page["network"] != own_network
    for process in found:
        assert 0 not in process["uids"], process
        assert b"hush" not in process["environment"], process
