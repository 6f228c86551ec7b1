"""Weights are pulled whole or not at all, and stay what they were."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecg.errors import DownloadError
from ecg.speech import hub as downloads
from ecg.speech import weights as at
from ecg.speech.weights import CATALOGUE, Weights
from tests.speech.hub_content import (
    ALIGNER,
    BASE,
    FIRST,
    MODEL,
    NEWER,
    SECOND,
    SPEAKERS,
    a_hub,
    files_of_aligner,
)
from tests.speech.hub_server import TOKEN, Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with a_hub(monkeypatch) as running:
        yield running


def pull(weights: Weights, folder: Path, *, update: bool = False) -> list[str]:
    said: list[str] = []
    downloads.pull(weights, folder, update=update, say=said.append)
    return said


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_pull_leaves_what_an_engine_needs_at_the_revision_ecg_was_made_with(hub: Hub, tmp_path: Path):
    pull(BASE, tmp_path)
    assert names(tmp_path / BASE.name) == {"model.bin", "config.json", "tokenizer.json", "vocabulary.txt"}
    assert (tmp_path / BASE.name / "model.bin").read_bytes() == MODEL
    locked = at.read_lock(tmp_path)[BASE.name]
    assert locked.revision == BASE.revision
    assert locked.files["model.bin"] == at.LockedFile(hashlib.sha256(MODEL).hexdigest(), len(MODEL))


def test_a_second_pull_asks_nobody(hub: Hub, tmp_path: Path):
    pull(BASE, tmp_path)
    hub.asked.clear()
    assert "there and whole" in pull(BASE, tmp_path)[0]
    assert hub.asked == []


def test_weights_without_a_known_revision_stay_at_the_one_first_pulled(hub: Hub, tmp_path: Path):
    pull(ALIGNER, tmp_path)
    hub.repositories[ALIGNER.source].revisions[SECOND] = files_of_aligner(b"newer" * 1000)
    (tmp_path / ALIGNER.name / "model.safetensors").unlink()
    pull(ALIGNER, tmp_path)
    assert at.read_lock(tmp_path)[ALIGNER.name].revision == FIRST
    assert (tmp_path / ALIGNER.name / "model.safetensors").read_bytes() == MODEL
    assert names(tmp_path / ALIGNER.name) == {"config.json", "vocab.json", "model.safetensors"}
    pull(ALIGNER, tmp_path, update=True)
    assert at.read_lock(tmp_path)[ALIGNER.name].revision == SECOND
    assert (tmp_path / ALIGNER.name / "model.safetensors").read_bytes() == b"newer" * 1000


def test_an_update_takes_the_newest_although_an_older_one_is_known(hub: Hub, tmp_path: Path):
    pull(BASE, tmp_path)
    pull(BASE, tmp_path, update=True)
    assert at.read_lock(tmp_path)[BASE.name].revision == NEWER
    assert (tmp_path / BASE.name / "model.bin").read_bytes() == MODEL[::-1]


def test_only_damaged_files_are_fetched_again(hub: Hub, tmp_path: Path):
    pull(BASE, tmp_path)
    hub.asked.clear()
    (tmp_path / BASE.name / "model.bin").write_bytes(MODEL[:-1] + b"?")
    assert list(at.damaged(tmp_path / BASE.name, at.read_lock(tmp_path)[BASE.name])) == ["model.bin"]
    pull(BASE, tmp_path)
    assert hub.fetched() == ["model.bin"]
    assert not list(at.damaged(tmp_path / BASE.name, at.read_lock(tmp_path)[BASE.name]))


def test_a_download_that_was_cut_off_goes_on_where_it_was(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    path = f"/{BASE.source}/resolve/{BASE.revision}/model.bin"
    hub.cut[path] = 50_000
    with pytest.raises(DownloadError, match="what has arrived is kept"):
        pull(BASE, tmp_path)
    assert not (tmp_path / BASE.name).exists()
    pull(BASE, tmp_path)
    assert ("GET", path, "bytes=50000-") in hub.asked
    assert (tmp_path / BASE.name / "model.bin").read_bytes() == MODEL


@pytest.mark.parametrize("token", [None, "hf_of_somebody_else"])
def test_what_is_given_only_to_who_accepted_its_conditions_says_how_to(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None
):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(DownloadError) as raised:
        pull(SPEAKERS, tmp_path)
    for word in ("CC-BY-4.0", f"https://huggingface.co/{SPEAKERS.source}", "HF_TOKEN=", "settings/tokens"):
        assert word in raised.value.message
    assert not (tmp_path / SPEAKERS.name).exists()


def test_with_a_good_token_it_is_pulled(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    pull(SPEAKERS, tmp_path)
    expected = {"config.yaml", "segmentation/pytorch_model.bin", "plda/plda.npz"}
    assert names(tmp_path / SPEAKERS.name) == expected


def test_a_server_that_is_away_is_named_with_what_to_do(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9.*does not answer.*HTTPS_PROXY.*HF_ENDPOINT"):
        pull(BASE, tmp_path)
    assert not (tmp_path / BASE.name).exists()
    assert at.read_lock(tmp_path) == {}


def test_a_revision_that_is_gone_says_how_to_take_another(hub: Hub, tmp_path: Path):
    with pytest.raises(DownloadError, match="--update"):
        pull(replace(BASE, revision="9" * 40), tmp_path)


def an_archive(*files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in files:
            archive.writestr(name, name * 5000)
    return packed.getvalue()


def test_an_archive_is_unpacked_where_its_reader_looks_and_resumed_when_cut_off(hub: Hub, tmp_path: Path):
    data = an_archive("punkt_tab/english/ortho.tab", "punkt_tab/german/ortho.tab", "other/x", "../evil")
    hub.archives["/punkt.zip"] = data
    hub.cut["/punkt.zip"] = 200_000
    sha256 = hashlib.sha256(data).hexdigest()
    punkt = replace(CATALOGUE["punkt"], source=f"{hub.url}/punkt.zip", revision=sha256)
    with pytest.raises(DownloadError, match="pull again"):
        pull(punkt, tmp_path)
    assert not (tmp_path / "punkt").exists()
    pull(punkt, tmp_path)
    assert names(tmp_path / "punkt") == {
        "tokenizers/punkt_tab/english/ortho.tab", "tokenizers/punkt_tab/german/ortho.tab",
    }  # fmt: skip
    assert [asked for _, _, asked in hub.asked] == ["", "bytes=196608-"]


def test_an_archive_that_is_not_the_known_one_is_not_taken(hub: Hub, tmp_path: Path):
    hub.archives["/punkt.zip"] = an_archive("punkt_tab/english/ortho.tab")
    punkt = replace(CATALOGUE["punkt"], source=f"{hub.url}/punkt.zip")
    with pytest.raises(DownloadError, match="not the archive"):
        pull(punkt, tmp_path)
    assert not (tmp_path / "punkt").exists()
    pull(punkt, tmp_path, update=True)
    assert (tmp_path / "punkt" / "tokenizers" / "punkt_tab" / "english" / "ortho.tab").exists()


def test_each_engine_wants_what_it_reads():
    assert [weights.name for weights in at.wanted("faster-whisper", "")] == ["faster-whisper-base"]
    assert [weights.name for weights in at.wanted("whisperx", "", ["en", "ko"])] == [
        "faster-whisper-large-v3", "align-en", "align-ko", "diarization", "punkt",
    ]  # fmt: skip
    assert at.wanted("offline", "") == []
    assert [weights.name for weights in at.wanted("faster-whisper", "/my/own/model")] == []


def test_every_known_revision_is_a_whole_commit():
    for weights in CATALOGUE.values():
        length = 64 if weights.is_archive else 40
        assert not weights.revision or len(bytes.fromhex(weights.revision)) * 2 == length, weights.name
