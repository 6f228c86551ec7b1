"""Every setting is documented, readable from the environment, and refuses nonsense by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecg.cli.settings import page
from ecg.config import Settings
from ecg.errors import BadRequest

ROOT = Path(__file__).parent.parent


def test_every_setting_is_documented():
    written = (ROOT / "docs" / "settings.md").read_text()
    assert written.strip() == page().strip(), "run: ecg settings > docs/settings.md"


def test_no_code_reads_a_setting_that_is_not_one():
    known = set(re.findall(r"`([A-Z][A-Z_0-9]+)`", page()))
    # options of one command, which its --help names; and one of script/setup
    not_settings = {"ECG_EMAIL", "ECG_PASSWORD", "ECG_WHISPERX"}
    for path in [
        *(ROOT / "ecg").rglob("*.py"),
        *(ROOT / "workers").rglob("*.py"),
        *(ROOT / "docs").rglob("*.md"),
    ]:
        named = set(re.findall(r"\bECG_[A-Z_0-9]*[A-Z0-9]\b", path.read_text()))
        assert named <= known | not_settings, path


def test_a_setting_comes_from_its_variable():
    read = Settings.from_env(
        {"ECG_PORT": "9000", "ECG_CHROMIUM_SANDBOX": "no", "ECG_AUDIO_BACKGROUND_SIZE": "640x360"}
    )
    assert (read.port, read.chromium_sandbox, read.audio_background_size) == (9000, False, (640, 360))


def test_an_empty_variable_is_the_default():
    assert Settings.from_env({"ECG_PORT": ""}).port == 8000


def test_an_unreadable_setting_is_named():
    with pytest.raises(BadRequest, match="ECG_PORT='many'"):
        Settings.from_env({"ECG_PORT": "many"})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_plain_postgres_address_gets_the_driver_we_install(scheme: str):
    url = Settings.from_env({"DATABASE_URL": f"{scheme}://me@there/db"}).database_url
    assert url == "postgresql+psycopg2://me@there/db"


def test_folders_lie_under_the_data_folder_unless_named():
    read = Settings.from_env({"ECG_DATA_DIR": "/somewhere", "ECG_FONTS_DIR": "/fonts"})
    assert (str(read.store_dir), str(read.fonts_dir)) == ("/somewhere/store", "/fonts")
