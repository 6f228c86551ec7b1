from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ecg import config
from ecg.cli import main


@pytest.fixture(autouse=True)
def fresh_settings():
    config.settings.cache_clear()
    yield
    config.settings.cache_clear()


def test_what_is_there_is_named_with_its_version():
    told = CliRunner().invoke(main, ["doctor"]).output
    for name in ("Python", "ffmpeg", "Chromium", "Postgres", "Redis", "NVENC", "Speech: offline",
                 "Speech models", "Disk"):  # fmt: skip
        assert name in told


def test_something_missing_fails_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ECG_CHROMIUM", str(tmp_path / "no-such-browser"))
    monkeypatch.setenv("ECG_FONTS_DIR", str(tmp_path))
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "no-such-browser" in result.output
    assert "apt-get install chromium-headless-shell" in result.output
    assert "`ecg setup` installs them" in result.output


def test_an_unreadable_setting_ends_any_command_with_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ECG_PORT", "many")
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "ECG_PORT" in result.output
