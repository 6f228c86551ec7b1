"""The local store: whole files under plain names, and links that permit one thing for a while."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from ecg.errors import BadRequest, Conflict, DownloadError, Forbidden, NotFound
from ecg.storage import LocalStore

KEY = "uploads/user/video/source"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store", "a signing key")


def a_file(folder: Path, content: bytes = b"picture and sound") -> Path:
    path = folder / "a file"
    path.write_bytes(content)
    return path


def token_of(url: str) -> str:
    return url.partition("token=")[2]


def test_a_file_put_is_read_back_by_its_key(store: LocalStore, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    with store.open(KEY) as file:
        assert file.read() == b"picture and sound"
    assert store.size(KEY) == 17
    assert store.fetch(KEY, tmp_path).read_bytes() == b"picture and sound"


def test_changing_a_file_after_it_was_put_does_not_change_the_store(
    store: LocalStore, tmp_path: Path
) -> None:
    path = a_file(tmp_path)
    store.put(KEY, path)
    path.write_bytes(b"something else")
    assert store.fetch(KEY, tmp_path).read_bytes() == b"picture and sound"


def test_putting_again_replaces_the_file(store: LocalStore, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    store.put(KEY, a_file(tmp_path, b"newer"))
    assert store.size(KEY) == 5


def test_a_reader_never_sees_half_of_a_file_being_put(store: LocalStore, tmp_path: Path) -> None:
    contents = {bytes([number]) * 300_000 for number in range(6)}
    store.put(KEY, a_file(tmp_path, next(iter(contents))))
    seen, over = [], threading.Event()

    def read() -> None:
        while not over.is_set():
            with store.open(KEY) as file:
                seen.append(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    for content in contents:
        store.put(KEY, a_file(tmp_path, content))
    over.set()
    reader.join()
    assert seen
    assert set(seen) <= contents


def test_what_is_not_there_says_so(store: LocalStore, tmp_path: Path) -> None:
    assert not store.exists(KEY)
    for ask in (store.open, store.size, lambda key: store.fetch(key, tmp_path)):
        with pytest.raises(NotFound):
            ask(KEY)


def test_deleting_twice_is_no_error_and_leaves_no_empty_folders(store: LocalStore, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    store.delete(KEY)
    store.delete(KEY)
    assert not store.exists(KEY)
    assert not (store.folder / "uploads").exists()


def test_keys_lists_finished_files_with_a_prefix(store: LocalStore, tmp_path: Path) -> None:
    for key in ("temp/a/1", "temp/ab/2", "rendered/a/3"):
        store.put(key, a_file(tmp_path))
    (store.folder / ".unfinished" / "left-by-a-crash").write_bytes(b"half")
    assert sorted(store.keys("temp/a/")) == ["temp/a/1"]
    assert sorted(store.keys("temp/a")) == ["temp/a/1", "temp/ab/2"]
    assert sorted(store.keys("")) == ["rendered/a/3", "temp/a/1", "temp/ab/2"]
    assert list(store.keys("nothing/here/")) == []
    assert list(store.keys("temp/../rendered/")) == []


@pytest.mark.parametrize("key", [
    "../secret", "uploads/../../secret", "/etc/passwd", "uploads//x", "uploads/./x", "uploads/.hidden",
    ".unfinished/x", "uploads/x\n", "uploads/x\0", "uploads/한글", "uploads/a b", "uploads", "", "uploads/x/",
    "uploads\\..\\x", "uploads/" + "x" * 300,
])  # fmt: skip
def test_no_key_leads_out_of_the_folder(store: LocalStore, tmp_path: Path, key: str) -> None:
    (tmp_path / "secret").write_text("secret")
    for use in (store.open, store.size, store.exists, store.delete,
                lambda key: store.put(key, a_file(tmp_path)),
                lambda key: store.download_link(key, "name", 60)):  # fmt: skip
        with pytest.raises(BadRequest):
            use(key)
    assert (tmp_path / "secret").read_text() == "secret"


def test_a_symbolic_link_in_the_folder_does_not_lead_out_either(store: LocalStore, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    os.symlink(tmp_path / "outside", store.folder / "uploads" / "link")
    with pytest.raises(BadRequest):
        store.open("uploads/link/secret")


@pytest.mark.parametrize("sent", [b"", b"123", b"12345", b"1" * 3_000_000])
def test_an_upload_of_another_size_than_signed_leaves_nothing(store: LocalStore, sent: bytes) -> None:
    with pytest.raises(BadRequest, match="exactly 4 bytes"):
        store.receive(KEY, io.BytesIO(sent), 4)
    assert list(store.keys("")) == []
    assert list((store.folder / ".unfinished").iterdir()) == []


def test_an_upload_is_never_read_further_than_its_size(store: LocalStore) -> None:
    body = io.BytesIO(b"1" * 50_000_000)
    with pytest.raises(BadRequest):
        store.receive(KEY, body, 1000)
    assert body.tell() == 1001


def test_an_upload_of_open_size_has_only_a_limit(store: LocalStore) -> None:
    store.receive(KEY, io.BytesIO(b"123"), 4, exact=False)
    assert store.size(KEY) == 3


def test_what_was_uploaded_cannot_be_swapped_by_the_same_link(store: LocalStore) -> None:
    store.receive(KEY, io.BytesIO(b"good"), 4)
    with pytest.raises(Conflict):
        store.receive(KEY, io.BytesIO(b"evil"), 4)
    assert store.open(KEY).read() == b"good"


def test_a_full_or_missing_disk_is_a_retryable_error(store: LocalStore, tmp_path: Path) -> None:
    store.folder.write_text("a file where the folder should be")
    with pytest.raises(DownloadError) as caught:
        store.put(KEY, a_file(tmp_path))
    assert caught.value.retryable
    with pytest.raises(DownloadError):
        store.check()


def test_a_link_permits_its_file_and_its_action_only(store: LocalStore) -> None:
    upload = token_of(store.upload_link(KEY, 4, "video/mp4", 60).url)
    assert store.signer.read(upload, "upload", KEY).size_bytes == 4
    for action, key in (("download", KEY), ("upload", "uploads/user/other/source")):
        with pytest.raises(Forbidden):
            store.signer.read(upload, action, key)


def test_a_link_expires(store: LocalStore) -> None:
    token = token_of(store.download_link(KEY, "name", -1))
    with pytest.raises(Forbidden, match="expired"):
        store.signer.read(token, "download", KEY)


def test_a_link_that_was_tampered_with_or_signed_by_another_is_refused(
    store: LocalStore, tmp_path: Path
) -> None:
    token = token_of(store.download_link(KEY, "name", 60))
    foreign = LocalStore(tmp_path, "another key").download_link(KEY, "name", 60)
    for bad in ("x" + token, token[:-1], token + "x", token_of(foreign), "", "a.b.c"):
        with pytest.raises(Forbidden):
            store.signer.read(bad, "download", KEY)
