"""A store that is a bucket of S3, or of anything that speaks its protocol."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import RetriesExceededError

from ecg.errors import Conflict, EcgError, NotFound, Outage, StoreUnavailable
from ecg.storage.breaker import Breaker
from ecg.storage.store import Link, Part, checked_key, is_key

_CONNECT_S = 5
_READ_S = 30  # of silence; a long transfer may take as long as it needs
_TRIES = 2
_FAILURES_TO_OPEN = 3
_PAUSE_S = 10.0
_PART_BYTES = 16 << 20
_TRANSFER = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES,
                           max_concurrency=4, num_download_attempts=_TRIES)  # fmt: skip
# A single upload in parts may take hours; its parts are paid for until it is completed or aborted.
_ABANDONED_S = 86400.0
# No key ends like this, so it is never listed as a file.
_PROBE = ".check"
_REFUSED = {401, 403}
_FAILURES = (BotoCoreError, ClientError, Boto3Error, RetriesExceededError, ResponseParserError,
             ConnectionError, TimeoutError)  # fmt: skip


class S3Store:
    """Files of a bucket, all under ``prefix``. One object serves all threads of a process.

    Credentials come from boto3's own chain. A file appears when its last byte has arrived. While S3 is
    away, calls fail at once.
    """

    def __init__(self, bucket: str, *, endpoint_url: str = "", region: str = "", prefix: str = "") -> None:
        self._bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._breaker = Breaker(_FAILURES_TO_OPEN, _PAUSE_S)
        # A session of our own: boto3's shared one is not safe to make clients with in several threads.
        self._client = boto3.session.Session().client(
            "s3", endpoint_url=endpoint_url or None, region_name=region or None,
            config=Config(
                connect_timeout=_CONNECT_S, read_timeout=_READ_S, tcp_keepalive=True,
                max_pool_connections=32, signature_version="s3v4",
                retries={"mode": "standard", "total_max_attempts": _TRIES},
                # A host of its own for each bucket is a matter of AWS, as are checksums in trailers. Named
                # with its region: a browser follows no redirect from a preflight.
                s3={"addressing_style": "path" if endpoint_url else "virtual"},
                request_checksum_calculation="when_required", response_checksum_validation="when_required",
            ),
        )  # fmt: skip

    def put(self, key: str, path: Path) -> None:
        with path.open("rb") as source, self._asking(key):
            self._client.upload_fileobj(source, **self._named(key), Config=_TRANSFER)

    def copy(self, key: str, to_key: str) -> None:
        # In one request, so of one moment: up to 5 GB, which is also the most that a link takes.
        with self._asking(key):
            self._client.copy_object(**self._named(to_key), CopySource=self._named(key))

    def open(self, key: str) -> BinaryIO:
        """A copy in an unnamed local file: whoever reads it meets no network."""
        with _local_disk(), contextlib.ExitStack() as unless_whole:
            file = unless_whole.enter_context(tempfile.TemporaryFile())
            self._download(key, file)
            file.seek(0)
            unless_whole.pop_all()
        return file

    def fetch(self, key: str, folder: Path) -> Path:
        """A copy in ``folder``, there once it is whole, under a name that no other key has."""
        path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}-{key.rpartition('/')[2]}"
        draft = path.with_name(f".{secrets.token_hex(8)}")
        with _local_disk():
            try:
                with draft.open("wb") as out:
                    self._download(key, out)
                return draft.rename(path)
            finally:
                draft.unlink(missing_ok=True)

    def size(self, key: str) -> int:
        with self._asking(key):
            return self._client.head_object(**self._named(key))["ContentLength"]

    def exists(self, key: str) -> bool:
        try:
            self.size(key)
        except NotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        with self._asking(key):
            self._client.delete_object(**self._named(key))

    def keys(self, prefix: str, *, older_than_s: float = 0.0) -> Iterator[str]:
        before = _now() - datetime.timedelta(seconds=older_than_s)
        for page in self._pages("list_objects_v2", prefix, Bucket=self._bucket, Prefix=self.prefix + prefix):
            for found in page.get("Contents", ()):
                key = found["Key"].removeprefix(self.prefix)
                if is_key(key) and (not older_than_s or found["LastModified"] < before):
                    yield key

    def sweep(self) -> None:
        before = _now() - datetime.timedelta(seconds=_ABANDONED_S)
        for page in self._pages("list_multipart_uploads", "", Bucket=self._bucket, Prefix=self.prefix):
            for found in page.get("Uploads", ()):
                if found["Initiated"] < before:
                    self._abort(found["Key"], found["UploadId"])

    def upload_link(
        self, key: str, size_bytes: int, content_type: str, expires_s: int, *, exact: bool = True
    ) -> Link:
        """A signature covers the type, and an exact size; it cannot cap one."""
        size = {"ContentLength": size_bytes} if exact else {}
        url = self._signed("put_object", key, expires_s, ContentType=content_type, **size)
        return Link(url, "PUT", {"Content-Type": content_type})

    def upload_form(
        self, key: str, size_bytes: int, content_type: str, expires_s: int, *, sha256: str = ""
    ) -> Link:
        """A POST under a policy. boto3 makes conditions of bucket and key alone, the rest is named here."""
        fields = {"Content-Type": content_type}
        if sha256:
            fields["x-amz-checksum-algorithm"] = "SHA256"
            fields["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        exact = [{name: value} for name, value in fields.items()]
        with _signing():
            made = self._client.generate_presigned_post(
                **self._named(key), Fields=fields, ExpiresIn=expires_s,
                Conditions=[*exact, ["content-length-range", size_bytes, size_bytes]],
            )  # fmt: skip
        return Link(made["url"], "POST", fields=made["fields"])

    def begin_parts(self, key: str, content_type: str) -> str:
        with self._asking(key):
            begun = self._client.create_multipart_upload(**self._named(key), ContentType=content_type)
        return begun["UploadId"]

    def part_link(self, key: str, parts_id: str, number: int, size_bytes: int, expires_s: int) -> Link:
        return Link(self._signed("upload_part", key, expires_s, UploadId=parts_id, PartNumber=number,
                                 ContentLength=size_bytes))  # fmt: skip

    def parts(self, key: str, parts_id: str) -> list[Part]:
        pages = self._pages("list_parts", key, **self._named(key), UploadId=parts_id)
        found = [part for page in pages for part in page.get("Parts", ())]
        # SeaweedFS lists a part that was sent again twice; the newest one counts.
        found.sort(key=lambda part: (part["PartNumber"], part["LastModified"]))
        newest = {part["PartNumber"]: part for part in found}
        return [Part(number, part["Size"], part["ETag"]) for number, part in newest.items()]

    def join(self, key: str, parts_id: str, parts: Sequence[Part]) -> None:
        named = [{"PartNumber": part.number, "ETag": part.tag} for part in parts]
        with self._asking(key):
            self._client.complete_multipart_upload(**self._named(key), UploadId=parts_id,
                                                   MultipartUpload={"Parts": named})  # fmt: skip

    def drop_parts(self, key: str, parts_id: str) -> None:
        self._abort(self.prefix + checked_key(key), parts_id)

    def download_link(
        self, key: str, filename: str, expires_s: int, *, content_type: str = "", inline: bool = False
    ) -> str:
        return self._signed("get_object", key, expires_s, ResponseContentDisposition=_shown(filename, inline),
                            ResponseContentType=content_type or "application/octet-stream")  # fmt: skip

    @cached_property
    def origin(self) -> str:
        link = urlsplit(self._signed("get_object", "uploads/any", 1))
        return f"{link.scheme}://{link.netloc}"

    def administer(self, operation: str, *, none: str = "", **what: Any) -> dict[str, Any]:
        """An operation on the bucket itself. ``none``: the error that only says that nothing is set."""
        with self._asking(self.prefix):
            try:
                return getattr(self._client, operation)(Bucket=self._bucket, **what)
            except ClientError as error:
                if none and _code(error) == none:
                    return {}
                if _code(error) == "NotImplemented":
                    raise Conflict(f"This store does not know {operation}; set it up its own way.") from error
                raise

    def check(self) -> None:
        with self._asking(_PROBE):
            self._client.put_object(Bucket=self._bucket, Key=self.prefix + _PROBE, Body=b"")

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self.prefix + checked_key(key)}

    def _download(self, key: str, out: BinaryIO) -> None:
        with self._asking(key):
            self._client.download_fileobj(**self._named(key), Fileobj=out, Config=_TRANSFER)

    def _pages(self, operation: str, about: str, **what: str) -> Iterator[dict[str, Any]]:
        pages = iter(self._client.get_paginator(operation).paginate(**what))
        while True:
            # Only the request is watched, not what our caller does between two pages.
            with self._asking(about):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _abort(self, full_key: str, upload_id: str) -> None:
        with contextlib.suppress(NotFound), self._asking(full_key):
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=full_key, UploadId=upload_id)

    def _signed(self, operation: str, key: str, expires_s: int, **more: Any) -> str:
        with _signing():
            return self._client.generate_presigned_url(
                operation, Params={**self._named(key), **more}, ExpiresIn=expires_s
            )

    @contextlib.contextmanager
    def _asking(self, key: str) -> Iterator[None]:
        """Around requests: whatever goes wrong gets its type, and outages count for the breaker."""
        with self._breaker.watch():
            try:
                yield
            except _FAILURES as error:
                raise self._typed(error, key) from error

    def _typed(self, error: Exception, key: str) -> EcgError:
        code = _code(error)
        if code == "404":
            # The answer to HEAD has no body to say what is missing: the file or all of the bucket.
            try:
                self._client.head_bucket(Bucket=self._bucket)
            except _FAILURES as worse:
                return _unavailable(worse)
        if code in {"404", "NoSuchKey", "NoSuchUpload"}:
            return NotFound("The store has no such file.", key=key)
        return _unavailable(error)


@contextlib.contextmanager
def _signing() -> Iterator[None]:
    """Around what needs credentials, but no answer of S3."""
    try:
        yield
    except _FAILURES as error:
        raise _unavailable(error) from error


@contextlib.contextmanager
def _local_disk() -> Iterator[None]:
    """Around writing a copy: a full disk here is an outage too, but not the store's."""
    try:
        yield
    except OSError as error:
        raise Outage("The local disk cannot take a copy of a file of the store; make room on it.",
                     cause=str(error)) from error  # fmt: skip


def _unavailable(error: Exception) -> StoreUnavailable:
    code, status = _code(error), _status(error)
    if code in {"404", "NoSuchBucket"}:
        message = "The bucket of the store does not exist; check ECG_S3_BUCKET and ECG_S3_ENDPOINT_URL."
    elif status in _REFUSED or "Credentials" in type(error).__name__:
        message = ("The store refuses us; check the S3 credentials of this process, what they permit in the "
                   "bucket, and this machine's clock.")  # fmt: skip
    elif 0 < status < 500:
        message = "The store does not understand us; check ECG_S3_ENDPOINT_URL and ECG_S3_REGION."
    else:
        message = "The store does not answer; when it does again, what waits for it goes on."
    return StoreUnavailable(message, cause=f"{type(error).__name__}: {error}"[:500])


def _code(error: Exception) -> str:
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def _status(error: Exception) -> int:
    """The status of the answer; 0 when there was none."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"] if isinstance(error, ClientError) else 0


def _shown(filename: str, inline: bool) -> str:
    """The header that names a download (RFC 6266); what HTTP cannot spell in its own letters is encoded."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
    how = "inline" if inline else "attachment"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, '')}"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
