"""What is installed from a wheel is all of ECG."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ECG as pip installs it from a wheel built from the tree, without its dependencies."""
    tree, target = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("site")
    for name in ("ecg", "workers"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "celeryconfig.py"):
        shutil.copy(ROOT / name, tree)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tree / "dist", tree], check=True
    )
    wheel = next((tree / "dist").glob("*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True)
    return target


def everything_but_caches(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip


@pytest.mark.parametrize("package", ["ecg", "workers"])
def test_a_wheel_carries_every_file_of_the_tree(installed: Path, package: str):
    missing = everything_but_caches(ROOT / package) - everything_but_caches(installed / package)
    assert not missing


def test_a_wheel_carries_player_styles_migrations_page_and_queues(installed: Path):
    for name in ("ecg/captions/player/player.js", "ecg/captions/player/effects/pop.js",
                 "ecg/captions/player/package-lock.json", "ecg/captions/profiles/ecg.json",
                 "ecg/captions/styles/intention.json", "ecg/migrations/versions/0001_create_records.py",
                 "ecg/web/static", "celeryconfig.py", "workers/web.py"):  # fmt: skip
        assert (installed / name).exists(), name


def test_the_installed_command_line_answers_from_the_wheel(installed: Path, tmp_path: Path):
    env = {**os.environ, "PYTHONPATH": str(installed)}
    for arguments in (["--help"], ["jobs", "--help"], ["settings"]):
        run = subprocess.run([sys.executable, "-m", "ecg.cli", *arguments], env=env, cwd=tmp_path,
                             capture_output=True, text=True, check=False)  # fmt: skip
        assert run.returncode == 0, run.stderr
    where = subprocess.run([sys.executable, "-c", "import ecg; print(ecg.__file__)"], env=env, cwd=tmp_path,
                           capture_output=True, text=True, check=True)  # fmt: skip
    assert where.stdout.startswith(str(installed))


def test_the_installed_wheel_migrates_a_database(installed: Path, services: dict[str, str], tmp_path: Path):
    env = {**os.environ, **services, "PYTHONPATH": str(installed), "ECG_DATA_DIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-m", "ecg.cli", "migrate"], env=env, cwd=tmp_path,
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr
