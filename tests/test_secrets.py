"""The installation's secret: made once, kept private, never used as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ecg.config import Settings
from ecg.secrets import derived_key, secret_key


def test_a_secret_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    made = secret_key(settings)
    assert len(made) >= 48
    assert secret_key(settings) == made
    path = tmp_path / "secrets" / "secret_key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_setting_comes_before_the_kept_secret(tmp_path: Path) -> None:
    assert secret_key(Settings(data_dir=tmp_path, secret_key="given")) == "given"
    assert not (tmp_path / "secrets").exists()


def test_processes_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    program = ("import sys; from pathlib import Path; from ecg.config import Settings; "
               "from ecg.secrets import secret_key; sys.stdin.read(); "
               "print(secret_key(Settings(data_dir=Path(sys.argv[1]))))")  # fmt: skip
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]  # fmt: skip
    for process in started:
        process.stdin.close()
    secrets = {process.stdout.read().strip() for process in started}
    for process in started:
        assert process.wait() == 0
    assert len(secrets) == 1
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["secret_key"]


def test_each_purpose_has_a_key_of_its_own(tmp_path: Path) -> None:
    settings = Settings(secret_key="given")
    assert derived_key(settings, "tokens") != derived_key(settings, "store links")
    assert "given" not in derived_key(settings, "tokens")
