"""The store in a bucket: over HTTP, against a server that may be busy, silent or torn."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests

from ecg.config import Settings
from ecg.errors import Outage, StoreUnavailable
from ecg.storage import s3 as s3_module
from ecg.storage import store as store_of
from ecg.storage.s3 import S3Store
from tests.storage.s3_server import FaultyLink, a_bucket
from tests.storage.test_any_store import KEY, a_file

_VIDEO = b"picture and sound"
_OPERATIONS = ("put", "open", "fetch", "size", "exists", "delete", "keys", "check", "sweep")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_module, "_READ_S", 0.5)
    monkeypatch.setattr(s3_module, "_PAUSE_S", 1.0)


def operations(store: S3Store, folder: Path) -> dict[str, Callable[[], object]]:
    path = a_file(folder)
    return {
        "put": lambda: store.put(KEY, path), "open": lambda: store.open(KEY),
        "fetch": lambda: store.fetch(KEY, folder), "size": lambda: store.size(KEY),
        "exists": lambda: store.exists(KEY), "delete": lambda: store.delete(KEY),
        "keys": lambda: list(store.keys("")), "check": store.check, "sweep": store.sweep,
    }  # fmt: skip


def seconds_to_fail(ask: Callable[[], object]) -> float:
    started_s = time.monotonic()
    with pytest.raises(StoreUnavailable):
        ask()
    return time.monotonic() - started_s


def test_the_settings_choose_the_bucket(s3_link: FaultyLink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    bucket = a_bucket(s3_link.url, monkeypatch)
    chosen = Settings.from_env({"ECG_DATA_DIR": str(tmp_path), "ECG_S3_BUCKET": bucket,
                                "ECG_S3_ENDPOINT_URL": s3_link.url, "ECG_S3_REGION": "eu-west-1",
                                "ECG_S3_PREFIX": "/some/where/"})  # fmt: skip
    kept = store_of(chosen)
    assert isinstance(kept, S3Store)
    assert store_of(chosen) is kept, "an object of a process remembers that the store is away"
    kept.put(KEY, a_file(tmp_path))
    client = boto3.session.Session().client("s3", endpoint_url=s3_link.url)
    (found,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"] == f"some/where/{KEY}"


def test_a_browser_sends_a_file_to_the_link(s3: S3Store):
    link = s3.upload_link(KEY, len(_VIDEO), "video/mp4", 60)
    sent = requests.request(link.method, link.url, data=_VIDEO, headers=dict(link.headers), timeout=30)
    assert sent.status_code == 200, sent.text
    assert s3.open(KEY).read() == _VIDEO


@pytest.mark.parametrize("exact", [True, False])
def test_the_signature_of_a_link_covers_the_type_and_a_size_that_is_known(s3: S3Store, exact: bool):
    asked = parse_qs(urlsplit(s3.upload_link(KEY, 17, "video/mp4", 60, exact=exact).url).query)
    (signed,) = asked["X-Amz-SignedHeaders"]
    assert set(signed.split(";")) == {"content-type", "host", *(["content-length"] if exact else [])}
    assert asked["X-Amz-Expires"] == ["60"]


def test_the_policy_of_a_form_has_these_conditions_and_no_others(s3: S3Store):
    sha256 = hashlib.sha256(_VIDEO).digest()
    link = s3.upload_form(KEY, 17, "video/mp4", 60, sha256=sha256.hex())
    assert link.method == "POST"
    policy = json.loads(base64.b64decode(link.fields["policy"]))
    bucket = urlsplit(s3.download_link(KEY, "x", 60)).path.split("/")[1]
    signed = {name: link.fields[name] for name in ("x-amz-algorithm", "x-amz-credential", "x-amz-date")}
    assert sorted(policy["conditions"], key=str) == sorted([
        {"bucket": bucket}, {"key": f"ecg/files/{KEY}"}, {"Content-Type": "video/mp4"},
        ["content-length-range", 17, 17], {"x-amz-checksum-algorithm": "SHA256"},
        {"x-amz-checksum-sha256": base64.b64encode(sha256).decode()},
        *({name: value} for name, value in signed.items()),
    ], key=str)  # fmt: skip
    left_s = datetime.datetime.fromisoformat(policy["expiration"]) - datetime.datetime.now(datetime.UTC)
    assert 0 < left_s.total_seconds() <= 60
    sent = requests.post(link.url, data=dict(link.fields), files={"file": ("talk.mp4", _VIDEO)}, timeout=30)
    assert sent.status_code == 204, sent.text
    assert s3.open(KEY).read() == _VIDEO


def test_the_link_of_a_part_covers_its_size_and_its_upload(s3: S3Store):
    link = s3.part_link(KEY, s3.begin_parts(KEY, "video/mp4"), 3, 17, 60)
    asked = parse_qs(urlsplit(link.url).query)
    assert asked["X-Amz-SignedHeaders"] == ["content-length;host"]
    assert asked["partNumber"] == ["3"]
    assert asked["uploadId"][0]


def test_links_of_amazon_name_the_region_of_the_bucket(s3: S3Store):
    there = S3Store("videos", region="ap-northeast-2")
    assert there.origin == "https://videos.s3.ap-northeast-2.amazonaws.com"
    for link in (there.upload_link(KEY, 1, "video/mp4", 60), there.upload_form(KEY, 1, "video/mp4", 60)):
        assert link.url.startswith(f"{there.origin}/")


def test_a_browser_reads_a_file_or_a_part_of_it_from_the_link(s3: S3Store, tmp_path: Path):
    s3.put(KEY, a_file(tmp_path))
    url = s3.download_link(KEY, '강연 "1".mp4', 60, content_type="video/mp4")
    answer = requests.get(url, timeout=30)
    assert answer.content == _VIDEO
    assert answer.headers["Content-Type"] == "video/mp4"
    saved = answer.headers["Content-Disposition"]
    assert saved.startswith('attachment; filename="__ _1_.mp4"; ')
    assert saved.endswith("filename*=UTF-8''%EA%B0%95%EC%97%B0%20%221%22.mp4")
    part = requests.get(url, headers={"Range": "bytes=0-6"}, timeout=30)
    assert (part.status_code, part.content) == (206, b"picture")
    shown = requests.get(s3.download_link(KEY, "talk.mp4", 60, inline=True), timeout=30)
    assert shown.headers["Content-Disposition"].startswith("inline;")


@pytest.mark.parametrize("fault", ["busy", "silent"])
@pytest.mark.parametrize("name", _OPERATIONS)
@pytest.mark.usefixtures("impatient")
def test_every_call_ends_as_an_outage_and_works_again_after_it(
    s3_link: FaultyLink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str, name: str
):
    store = S3Store(a_bucket(s3_link.url, monkeypatch), endpoint_url=s3_link.url)
    store.put(KEY, a_file(tmp_path))
    before = set(tmp_path.iterdir())
    ask = operations(store, tmp_path)[name]
    s3_link.fail(fault)
    assert seconds_to_fail(ask) < 30
    assert set(tmp_path.iterdir()) == before, "nothing partial is left"
    s3_link.heal()
    ask()


@pytest.mark.usefixtures("impatient")
def test_while_the_store_is_away_calls_fail_at_once_and_one_now_and_then_tries(
    s3_link: FaultyLink, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(s3_module, "_PAUSE_S", 3.0)
    store = S3Store(a_bucket(s3_link.url, monkeypatch), endpoint_url=s3_link.url)
    s3_link.fail("silent")
    for _ in range(3):
        seconds_to_fail(store.check)
    asked = s3_link.asked
    assert seconds_to_fail(store.check) < 1
    assert s3_link.asked == asked, "the store was asked although it is known to be away"
    s3_link.heal()
    assert seconds_to_fail(store.check) < 1
    time.sleep(3.1)
    store.check()


@pytest.mark.usefixtures("impatient")
def test_one_caller_alone_tries_a_store_that_may_be_back(
    s3_link: FaultyLink, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(s3_module, "_READ_S", 1.5)
    store = S3Store(a_bucket(s3_link.url, monkeypatch), endpoint_url=s3_link.url)
    s3_link.fail("busy")
    for _ in range(3):
        seconds_to_fail(store.check)
    s3_link.fail("silent")
    time.sleep(1.1)
    waited = []
    callers = [threading.Thread(target=lambda: waited.append(seconds_to_fail(store.check))) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sum(seconds > 2 for seconds in waited) == 1
    assert len(waited) == 6


def test_callers_of_a_slow_store_do_not_wait_for_each_other(s3: S3Store, s3_link: FaultyLink, tmp_path: Path):
    s3.put(KEY, a_file(tmp_path))
    s3_link.fail("slow")
    sizes: list[int] = []
    callers = [threading.Thread(target=lambda: sizes.append(s3.size(KEY))) for _ in range(8)]
    started_s = time.monotonic()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sizes == [17] * 8
    assert time.monotonic() - started_s < 6, "each alone takes a second"


def test_a_file_that_is_not_there_is_no_outage(s3: S3Store, s3_link: FaultyLink, tmp_path: Path):
    for _ in range(10):
        assert not s3.exists(KEY)
    s3.put(KEY, a_file(tmp_path))
    assert s3.exists(KEY)


def test_a_bucket_that_is_not_there_is_an_outage_and_no_missing_file(
    s3_link: FaultyLink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    a_bucket(s3_link.url, monkeypatch)
    for name in _OPERATIONS:
        store = S3Store("no-such-bucket", endpoint_url=s3_link.url)
        with pytest.raises(StoreUnavailable, match="ECG_S3_BUCKET"):
            operations(store, tmp_path)[name]()


def test_a_store_that_refuses_us_says_what_to_check(s3: S3Store, s3_link: FaultyLink):
    s3_link.fail("refused")
    for _ in range(5):
        with pytest.raises(StoreUnavailable, match="credentials") as caught:
            s3.size(KEY)
    assert "403" in caught.value.details["cause"]


def test_without_credentials_the_store_says_so(
    s3_link: FaultyLink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    bucket = a_bucket(s3_link.url, monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = S3Store(bucket, endpoint_url=s3_link.url)
    for ask in (store.check, lambda: store.download_link(KEY, "name", 60),
                lambda: store.upload_link(KEY, 1, "video/mp4", 60)):  # fmt: skip
        with pytest.raises(StoreUnavailable, match="credentials"):
            ask()


@pytest.mark.usefixtures("impatient")
def test_an_answer_torn_in_the_middle_leaves_no_half_file(s3: S3Store, s3_link: FaultyLink, tmp_path: Path):
    s3.put(KEY, a_file(tmp_path, b"1" * 3_000_000))
    before = set(tmp_path.iterdir())
    s3_link.fail("torn")
    with pytest.raises(StoreUnavailable):
        s3.fetch(KEY, tmp_path)
    with pytest.raises(StoreUnavailable):
        s3.open(KEY)
    assert set(tmp_path.iterdir()) == before


def test_a_full_local_disk_is_an_outage_but_not_the_store_s(s3: S3Store, tmp_path: Path):
    s3.put(KEY, a_file(tmp_path))
    for _ in range(5):
        with pytest.raises(Outage) as caught:
            s3.fetch(KEY, tmp_path / "a folder that is not there")
        assert not isinstance(caught.value, StoreUnavailable)
    s3.check()


def test_uploads_in_parts_that_nobody_ends_are_swept_after_a_day(
    s3: S3Store, s3_link: FaultyLink, monkeypatch: pytest.MonkeyPatch
):
    client = boto3.session.Session().client("s3", endpoint_url=s3_link.url)
    bucket = urlsplit(s3.download_link(KEY, "x", 60)).path.split("/")[1]
    client.create_multipart_upload(Bucket=bucket, Key=f"ecg/files/{KEY}")
    client.create_multipart_upload(Bucket=bucket, Key="somebody/else")
    monkeypatch.setattr(s3_module, "_ABANDONED_S", 100 * 365 * 86400.0)
    s3.sweep()
    assert len(client.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 2
    monkeypatch.undo()  # this server says of every upload that it began in 2010
    s3.sweep()
    (left,) = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert left["Key"] == "somebody/else"
