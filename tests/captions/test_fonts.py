"""The caption fonts come from npm, in the versions of the lock file, or a sentence says what to do."""

import json
import shutil
from pathlib import Path

import pytest

from ecg.captions import PLAYER_DIR
from ecg.captions.fonts import fonts_ready, install, packages
from ecg.config import settings
from ecg.errors import CommandFailed, EngineUnavailable
from tests.conftest import require


def test_an_empty_folder_lacks_every_font(tmp_path: Path) -> None:
    assert fonts_ready(tmp_path) == list(packages())
    assert "@fontsource-variable/roboto-flex" in packages()


def test_a_font_of_another_version_counts_as_missing(tmp_path: Path) -> None:
    for name, version in packages().items():
        folder = tmp_path / "node_modules" / name
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps({"version": version}))
    assert fonts_ready(tmp_path) == []
    old = tmp_path / "node_modules/@fontsource-variable/noto-sans-kr/package.json"
    old.write_text(json.dumps({"version": "1.0.0"}))
    assert fonts_ready(tmp_path) == ["@fontsource-variable/noto-sans-kr"]


def test_without_npm_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match=r"Install Node\.js with npm"):
        install(tmp_path / "fonts")


def test_when_npm_fails_its_own_words_are_in_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(shutil.which("npm"), "npm is not installed")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(CommandFailed) as caught:
        install(tmp_path / "fonts")
    assert "ECONNREFUSED" in caught.value.details["stderr_tail"]


def test_the_lock_file_names_every_font_with_a_checksum_and_no_address() -> None:
    lock = json.loads((PLAYER_DIR / "package-lock.json").read_text())["packages"]
    for name, version in packages().items():
        locked = lock[f"node_modules/{name}"]
        assert locked["version"] == version
        assert locked["integrity"].startswith("sha512-")
        assert "resolved" not in locked


def test_the_installed_fonts_are_those_asked_for() -> None:
    require(shutil.which("npm"), "npm is not installed")
    require(settings().fonts_dir.is_dir(), "the caption fonts are not installed: run `ecg setup`")
    assert fonts_ready(settings().fonts_dir) == []
