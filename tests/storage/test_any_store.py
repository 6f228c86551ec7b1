"""What every store does, whatever it is made of."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

from ecg.errors import BadRequest, Conflict, NotFound
from ecg.storage import Link, LocalStore, Store

KEY = "uploads/user/video/source"


def a_file(folder: Path, content: bytes = b"picture and sound") -> Path:
    path = folder / "a file"
    path.write_bytes(content)
    return path


_PART_BYTES = 5 << 20  # S3 takes no smaller ones but the last


def send(store: Store, link: Link, content: bytes) -> int:
    """Send a part as a browser would; the status of the answer, 0: refused by the local store."""
    if not isinstance(store, LocalStore):
        return requests.put(link.url, data=content, headers=dict(link.headers), timeout=30).status_code
    address = urlsplit(link.url)
    grant = store.signer.read(address.query.removeprefix("token="), "upload", address.path[len("/store/"):])
    try:
        store.receive_part(grant.parts_id, grant.part, io.BytesIO(content), grant.size_bytes)
    except (BadRequest, Conflict):
        return 0
    return 201


def test_a_file_put_is_read_back_by_its_key(store: Store, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    with store.open(KEY) as file:
        assert file.read() == b"picture and sound"
    assert store.size(KEY) == 17
    assert store.exists(KEY)
    assert store.fetch(KEY, tmp_path).read_bytes() == b"picture and sound"


def test_a_large_file_comes_back_as_it_went(store: Store, tmp_path: Path) -> None:
    content = np.arange(10_000_000, dtype=np.uint32).tobytes()
    store.put(KEY, a_file(tmp_path, content))
    assert store.size(KEY) == len(content)
    assert store.fetch(KEY, tmp_path).read_bytes() == content


def test_changing_a_file_after_it_was_put_does_not_change_the_store(store: Store, tmp_path: Path) -> None:
    path = a_file(tmp_path)
    store.put(KEY, path)
    path.write_bytes(b"something else")
    assert store.fetch(KEY, tmp_path).read_bytes() == b"picture and sound"


def test_putting_again_replaces_the_file(store: Store, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    store.put(KEY, a_file(tmp_path, b"newer"))
    assert store.size(KEY) == 5
    assert store.fetch(KEY, tmp_path).read_bytes() == b"newer"


def test_files_of_one_name_are_fetched_into_one_folder(store: Store, tmp_path: Path) -> None:
    for number in (b"1", b"2"):
        store.put(f"temp/job/{number.decode()}/chunk.mp4", a_file(tmp_path, number))
    first, second = (store.fetch(f"temp/job/{number}/chunk.mp4", tmp_path) for number in "12")
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")


def test_a_reader_never_sees_half_of_a_file_being_put(store: Store, tmp_path: Path) -> None:
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


def test_what_is_not_there_says_so(store: Store, tmp_path: Path) -> None:
    assert not store.exists(KEY)
    for ask in (store.open, store.size, lambda key: store.fetch(key, tmp_path)):
        with pytest.raises(NotFound):
            ask(KEY)
    assert list(tmp_path.glob("*source*")) == []


def test_a_folder_of_files_is_not_a_file(store: Store, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    store.delete("uploads/user/video")
    assert not store.exists("uploads/user/video")
    with pytest.raises(NotFound):
        store.open("uploads/user/video")
    assert store.exists(KEY)


def test_deleting_twice_is_no_error(store: Store, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    store.delete(KEY)
    store.delete(KEY)
    assert not store.exists(KEY)


def test_keys_lists_files_with_a_prefix(store: Store, tmp_path: Path) -> None:
    for key in ("temp/a/1", "temp/ab/2", "rendered/a/3"):
        store.put(key, a_file(tmp_path))
    store.check()
    assert sorted(store.keys("temp/a/")) == ["temp/a/1"]
    assert sorted(store.keys("temp/a")) == ["temp/a/1", "temp/ab/2"]
    assert sorted(store.keys("")) == ["rendered/a/3", "temp/a/1", "temp/ab/2"]
    assert list(store.keys("nothing/here/")) == []
    assert list(store.keys("temp/../rendered/")) == []


def test_keys_may_be_deleted_while_they_are_listed(store: Store, tmp_path: Path) -> None:
    for number in range(30):
        store.put(f"temp/{number % 3}/{number}", a_file(tmp_path))
    for key in store.keys("temp/"):
        store.delete(key)
    assert list(store.keys("")) == []


def test_keys_put_just_now_are_not_among_the_old_ones(store: Store, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    assert list(store.keys("uploads/", older_than_s=60)) == []


def test_sweeping_leaves_files_alone(store: Store, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    store.sweep()
    assert list(store.keys("")) == [KEY]


@pytest.mark.parametrize("key", [
    "../secret", "uploads/../../secret", "/etc/passwd", "uploads//x", "uploads/./x", "uploads/.hidden",
    ".unfinished/x", "uploads/x\n", "uploads/x\0", "uploads/한글", "uploads/a b", "uploads", "", "uploads/x/",
    "uploads\\..\\x", "uploads/" + "x" * 300,
])  # fmt: skip
def test_no_key_leads_out_of_the_store(store: Store, tmp_path: Path, key: str) -> None:
    (tmp_path / "secret").write_text("secret")
    store.put(KEY, a_file(tmp_path))
    for use in (store.open, store.size, store.exists, store.delete,
                lambda key: store.fetch(key, tmp_path),
                lambda key: store.put(key, a_file(tmp_path)),
                lambda key: store.upload_link(key, 1, "video/mp4", 60),
                lambda key: store.upload_form(key, 1, "video/mp4", 60),
                lambda key: store.begin_parts(key, "video/mp4"),
                lambda key: store.copy(KEY, key),
                lambda key: store.download_link(key, "name", 60)):  # fmt: skip
        with pytest.raises(BadRequest):
            use(key)
    assert (tmp_path / "secret").read_text() == "secret"


def test_a_copy_is_a_file_of_its_own(store: Store, tmp_path: Path) -> None:
    store.put(KEY, a_file(tmp_path))
    store.copy(KEY, "uploads/user/video/copy")
    store.put(KEY, a_file(tmp_path, b"newer"))
    store.delete(KEY)
    assert store.open("uploads/user/video/copy").read() == b"picture and sound"
    with pytest.raises(NotFound):
        store.copy(KEY, "uploads/user/video/another")


def test_parts_become_a_file_whatever_order_they_come_in(store: Store) -> None:
    first, last = b"1" * _PART_BYTES, b"the end"
    parts_id = store.begin_parts(KEY, "video/mp4")
    assert store.parts(KEY, parts_id) == []
    for number, content, pause_s in ((2, last, 0), (1, b"0" * _PART_BYTES, 0), (1, first, 1.1)):
        time.sleep(pause_s)  # SeaweedFS knows by the second which of two was sent again
        link = store.part_link(KEY, parts_id, number, len(content), 60)
        assert send(store, link, content) in {200, 201}
    assert not store.exists(KEY)
    assert list(store.keys("")) == []
    arrived = store.parts(KEY, parts_id)
    assert [(part.number, part.size_bytes) for part in arrived] == [(1, _PART_BYTES), (2, 7)]
    store.join(KEY, parts_id, arrived)
    assert store.open(KEY).read() == first + last
    assert list(store.keys("")) == [KEY]


def test_a_link_of_a_part_ends_when_the_parts_are_joined(store: Store) -> None:
    parts_id = store.begin_parts(KEY, "video/mp4")
    link = store.part_link(KEY, parts_id, 1, 4, 60)
    send(store, link, b"good")
    store.join(KEY, parts_id, store.parts(KEY, parts_id))
    assert send(store, link, b"evil") not in {200, 201}
    assert store.open(KEY).read() == b"good"
    with pytest.raises(NotFound):
        store.parts(KEY, parts_id)
    store.drop_parts(KEY, parts_id)
    assert store.open(KEY).read() == b"good"


def test_parts_that_are_dropped_are_gone(store: Store) -> None:
    parts_id = store.begin_parts(KEY, "video/mp4")
    link = store.part_link(KEY, parts_id, 1, 4, 60)
    send(store, link, b"good")
    store.drop_parts(KEY, parts_id)
    store.drop_parts(KEY, parts_id)
    with pytest.raises(NotFound):
        store.parts(KEY, parts_id)
    assert send(store, link, b"good") not in {200, 201}
    assert list(store.keys("")) == []
