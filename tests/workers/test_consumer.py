"""What a worker does around its queue."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from workers.consumer import own_temp_folder


def test_a_worker_removes_what_dead_workers_left_and_nothing_of_the_living(tmp_path: Path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    mine = f"worker-{socket.gethostname()}-"
    for name in (f"{mine}{ended.pid}", f"{mine}{os.getppid()}", f"worker-elsewhere-{ended.pid}", "12-3-abc"):
        (tmp_path / name / "profile").mkdir(parents=True)
    folder = own_temp_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f"{mine}{os.getppid()}", f"worker-elsewhere-{ended.pid}", "12-3-abc", folder.name]
    )
