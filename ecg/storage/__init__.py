"""Where files are kept: uploads, what steps leave, finished videos."""

from __future__ import annotations

from functools import cache

from ecg.config import Settings
from ecg.secrets import derived_key
from ecg.storage.links import Grant
from ecg.storage.local import LocalStore
from ecg.storage.store import Link, Store

__all__ = ["Grant", "Link", "LocalStore", "Store", "store"]


@cache
def store(settings: Settings) -> Store:
    """The store that the settings name: one object per process, which remembers that it is away."""
    if settings.s3_bucket:
        # boto3 is slow to import, and most installations keep their files in a folder.
        from ecg.storage.s3 import S3Store

        return S3Store(settings.s3_bucket, endpoint_url=settings.s3_endpoint_url,
                       region=settings.s3_region, prefix=settings.s3_prefix)  # fmt: skip
    return LocalStore(settings.store_dir, derived_key(settings, "store links"))
