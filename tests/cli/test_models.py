from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ecg import config
from ecg.cli import doctor, main
from tests.speech.hub_content import BASE, SPEAKERS, a_hub
from tests.speech.hub_server import Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("ECG_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("ECG_ENGINE", "faster-whisper")
    config.settings.cache_clear()
    with a_hub(monkeypatch) as running:
        yield running
    config.settings.cache_clear()


def ecg(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments])


def line(result: Result, name: str) -> str:
    return next(line for line in result.output.splitlines() if name in line)


def test_pull_without_names_brings_what_the_engine_needs(hub: Hub, tmp_path: Path):
    assert "missing" in line(ecg("list"), BASE.name)
    result = ecg("pull")
    assert result.exit_code == 0, result.output
    assert "MIT" in result.output
    listed = line(ecg("list"), BASE.name)
    assert "there" in listed
    assert BASE.revision[:12] in listed
    assert "MIT" in listed


def test_one_that_is_refused_keeps_no_other_from_coming(hub: Hub, tmp_path: Path):
    result = ecg("pull", SPEAKERS.name, BASE.name)
    assert result.exit_code == 1
    assert "[DOWNLOAD_ERROR]" in result.output
    assert (tmp_path / "models" / BASE.name / "model.bin").exists()


def test_verify_names_a_damaged_file_and_fails(hub: Hub, tmp_path: Path):
    ecg("pull")
    assert ecg("verify").exit_code == 0
    model = tmp_path / "models" / BASE.name / "model.bin"
    model.write_bytes(b"?" + model.read_bytes()[1:])
    result = ecg("verify")
    assert result.exit_code == 1
    assert "model.bin is damaged" in result.output
    assert f"ecg models pull {BASE.name}" in result.output
    assert ecg("pull").exit_code == 0
    assert ecg("verify").exit_code == 0


def test_list_all_names_every_set_with_its_conditions(hub: Hub):
    told = ecg("list", "--all")
    assert "to be accepted" in line(told, SPEAKERS.name)
    assert "align-ja" in told.output


def test_an_unknown_name_says_where_the_names_are(hub: Hub):
    result = ecg("pull", "align-xx")
    assert result.exit_code == 1
    assert "ecg models list --all" in result.output


def test_doctor_says_what_a_pull_would_bring(hub: Hub):
    before = doctor._weights(config.settings())
    assert (before.there, before.required) == (False, False)
    assert f"missing: {BASE.name}" in before.detail
    assert "`ecg models pull` brings them, about 148 MB" in before.remedy
    ecg("pull")
    assert doctor._weights(config.settings()).there
