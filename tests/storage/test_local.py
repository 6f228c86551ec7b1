"""The local store: whole files under plain names, and links that permit one thing for a while."""

from __future__ import annotations

import io
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ecg.errors import BadRequest, Conflict, Forbidden, StoreUnavailable
from ecg.storage import LocalStore
from tests.storage.test_any_store import KEY, a_file
from tests.storage.tiny_disk import a_tiny_disk, fill, unmount


@pytest.fixture
def store(local: LocalStore) -> LocalStore:
    return local


def token_of(url: str) -> str:
    return url.partition("token=")[2]


def test_deleting_leaves_no_empty_folders(store: LocalStore, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    store.delete(KEY)
    assert not (store.folder / "uploads").exists()


def test_files_in_the_making_are_no_files(store: LocalStore, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    (store.folder / ".unfinished" / "left-by-a-crash").write_bytes(b"half")
    assert list(store.keys("")) == [KEY]


def test_what_a_killed_process_left_is_swept_after_an_hour(store: LocalStore, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    for name, age_s in (("old", 3700), ("new", 60)):
        path = store.folder / ".unfinished" / name
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age_s,) * 2)
    os.utime(store.folder / KEY, (0, 0))
    store.sweep()
    assert [path.name for path in (store.folder / ".unfinished").iterdir()] == ["new"]
    assert list(store.keys("", older_than_s=3600)) == [KEY]


def test_a_copy_of_an_old_file_is_young(store: LocalStore, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    os.utime(store.folder / KEY, (0, 0))
    store.copy(KEY, "uploads/user/video/copy")
    assert "uploads/user/video/copy" not in store.keys("", older_than_s=60)


def test_parts_of_a_file_given_up_are_swept_after_a_day(store: LocalStore) -> None:
    old, new = (store.begin_parts(KEY, "video/mp4") for _ in range(2))
    for parts_id in (old, new):
        store.receive_part(parts_id, 1, io.BytesIO(b"1"), 1)
    os.utime(store.folder / ".parts" / old, (time.time() - 90_000,) * 2)
    store.sweep()
    assert [path.name for path in (store.folder / ".parts").iterdir()] == [new]


def test_a_store_is_made_at_its_first_use(store: LocalStore) -> None:
    assert list(store.keys("")) == []
    assert not store.exists(KEY)


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


def uses(store: LocalStore, folder: Path) -> dict[str, Callable[[], object]]:
    path = a_file(folder)
    return {
        "put": lambda: store.put("uploads/user/video/other", path),
        "receive": lambda: store.receive("uploads/user/video/sent", io.BytesIO(b"1"), 1),
        "open": lambda: store.open(KEY), "fetch": lambda: store.fetch(KEY, folder),
        "size": lambda: store.size(KEY), "exists": lambda: store.exists(KEY),
        "delete": lambda: store.delete(KEY), "keys": lambda: list(store.keys("")),
        "check": store.check, "sweep": store.sweep,
        "begin_parts": lambda: store.begin_parts(KEY, "video/mp4"),
    }  # fmt: skip


def test_a_folder_that_is_gone_is_an_outage_and_no_missing_file(store: LocalStore, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    store.folder.rename(tmp_path / "elsewhere")
    for name, use in uses(store, tmp_path).items():
        with pytest.raises(StoreUnavailable) as caught:
            use()
        assert caught.value.retryable, name
    assert not store.folder.exists(), "what is put there would be lost when the folder is back"
    (tmp_path / "elsewhere").rename(store.folder)
    for use in uses(store, tmp_path).values():
        use()


def test_a_disk_that_is_not_mounted_any_more_is_an_outage(store: LocalStore, tmp_path: Path) -> None:
    with a_tiny_disk(store.folder, 1 << 20):
        store.put(KEY, a_file(tmp_path))
        unmount(store.folder)
        for use in uses(store, tmp_path).values():
            with pytest.raises(StoreUnavailable):
                use()
    assert list(store.folder.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_an_outage(store: LocalStore, tmp_path: Path) -> None:
    store.folder.write_text("a file where the folder should be")
    for use in uses(store, tmp_path).values():
        with pytest.raises(StoreUnavailable):
            use()


def test_a_full_disk_is_an_outage_that_leaves_nothing_and_can_still_be_read(
    store: LocalStore, tmp_path: Path
) -> None:
    with a_tiny_disk(store.folder, 1 << 20):
        store.put(KEY, a_file(tmp_path))
        content = b"1" * (2 << 20)
        large = a_file(tmp_path, content)
        for use in (lambda: store.put("temp/job/large", large),
                    lambda: store.receive("temp/job/large", io.BytesIO(content), len(content))):  # fmt: skip
            with pytest.raises(StoreUnavailable, match="full"):
                use()
            assert list((store.folder / ".unfinished").iterdir()) == []
        assert list(store.keys("")) == [KEY]
        ballast = fill(store.folder)
        with pytest.raises(StoreUnavailable, match="full"):
            store.put("temp/job/small", a_file(tmp_path))
        assert store.open(KEY).read() == b"picture and sound"
        ballast.unlink()
        store.put("temp/job/small", a_file(tmp_path))


def test_a_disk_that_cannot_be_written_is_an_outage(store: LocalStore, tmp_path: Path) -> None:
    with a_tiny_disk(store.folder, 1 << 20):
        store.put(KEY, a_file(tmp_path))
        subprocess.run(["mount", "-o", "remount,ro", store.folder], check=True)
        use = uses(store, tmp_path)
        for name in ("put", "receive", "delete", "check"):
            with pytest.raises(StoreUnavailable):
                use[name]()
        assert store.open(KEY).read() == b"picture and sound"


def test_a_browser_that_hangs_up_is_no_outage(store: LocalStore) -> None:
    class Gone(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise ConnectionResetError("the browser is gone")

    with pytest.raises(BadRequest, match="broke off"):
        store.receive(KEY, Gone(), 4)
    assert list((store.folder / ".unfinished").iterdir()) == []


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
