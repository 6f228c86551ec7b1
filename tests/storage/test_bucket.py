"""What a bucket does by itself, set from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from ecg import config
from ecg.cli import main
from ecg.storage.bucket import lifecycle_rules
from tests.storage.s3_server import FaultyLink, a_bucket

_FOREIGN = {"ID": "keep", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}}


@pytest.fixture(autouse=True)
def settings_of_the_next_test() -> Iterator[None]:
    yield
    config.settings.cache_clear()


@pytest.fixture
def bucket(s3_link: FaultyLink, monkeypatch: pytest.MonkeyPatch) -> str:
    name = a_bucket(s3_link.url, monkeypatch)
    use(monkeypatch, name, s3_link.url)
    return name


def use(monkeypatch: pytest.MonkeyPatch, bucket: str, url: str) -> None:
    for name, value in {"BUCKET": bucket, "ENDPOINT_URL": url, "PREFIX": "ecg"}.items():
        monkeypatch.setenv(f"ECG_S3_{name}", value)
    config.settings.cache_clear()


def ecg(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["storage", *arguments])


def ask(link: FaultyLink, operation: str, bucket: str) -> dict[str, Any]:
    return getattr(boto3.session.Session().client("s3", endpoint_url=link.url), operation)(Bucket=bucket)


def test_rules_are_set_under_the_prefix_however_often_and_others_stay(
    s3_link: FaultyLink, bucket: str
) -> None:
    assert "no rules" in ecg("lifecycle", "show").output
    client = boto3.session.Session().client("s3", endpoint_url=s3_link.url)
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [_FOREIGN]})
    for _ in range(2):
        done = ecg("lifecycle", "apply")
        assert done.exit_code == 0, done.output
    rules = {rule["Filter"]["Prefix"]: rule
             for rule in ask(s3_link, "get_bucket_lifecycle_configuration", bucket)["Rules"]}  # fmt: skip
    assert set(rules) == {"logs/", "ecg/temp/", "ecg/uploads/", "ecg/rendered/", "ecg/"}
    assert rules["logs/"]["Expiration"] == {"Days": 7}
    assert rules["ecg/temp/"]["Expiration"]["Days"] == 1
    for folder, days in (("uploads", 30), ("rendered", 90)):
        (move,) = rules[f"ecg/{folder}/"]["Transitions"]
        assert (move["Days"], move["StorageClass"]) == (days, "GLACIER_IR")
        assert "Expiration" not in rules[f"ecg/{folder}/"]
    assert rules["ecg/"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    shown = ecg("lifecycle", "show").output
    for line in ("ecg/temp/: removed after 1 days", "ecg/uploads/: GLACIER_IR after 30 days",
                 "ecg/rendered/: GLACIER_IR after 90 days", "logs/: removed after 7 days"):  # fmt: skip
        assert line in shown


def test_two_installations_in_one_bucket_have_rules_of_their_own() -> None:
    first, second = (({rule["ID"] for rule in lifecycle_rules(prefix)}) for prefix in ("a/", "b/"))
    assert not first & second
    assert all(len(name) <= 255 for name in first)


def test_a_hardened_bucket_is_closed_encrypted_and_admits_the_page(s3_link: FaultyLink, bucket: str) -> None:
    for _ in range(2):
        done = ecg("harden", "--page", "https://ecg.example.org")
        assert done.exit_code == 0, done.output
    closed = ask(s3_link, "get_public_access_block", bucket)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    (rule,) = ask(s3_link, "get_bucket_encryption", bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (rule,) = ask(s3_link, "get_bucket_cors", bucket)["CORSRules"]
    assert rule["AllowedOrigins"] == ["https://ecg.example.org"]


def test_encryption_that_the_bucket_has_stays(s3_link: FaultyLink, bucket: str) -> None:
    by_key = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    client = boto3.session.Session().client("s3", endpoint_url=s3_link.url)
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=by_key)
    assert ecg("harden").exit_code == 0
    (rule,) = ask(s3_link, "get_bucket_encryption", bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_a_server_that_knows_no_rules_says_so(seaweed_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, a_bucket(seaweed_url, monkeypatch), seaweed_url)
    done = ecg("lifecycle", "apply")
    assert done.exit_code == 1
    assert "does not know put_bucket_lifecycle_configuration" in done.output


def test_a_folder_has_no_rules_and_says_what_happens_instead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ECG_DATA_DIR", str(tmp_path))
    config.settings.cache_clear()
    done = ecg("lifecycle", "apply")
    assert done.exit_code == 1
    assert "a folder, not a bucket" in done.output
