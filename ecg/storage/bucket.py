"""What a bucket does by itself: lets files expire, moves old ones to cheaper storage, keeps strangers out."""

from __future__ import annotations

from typing import Any

from ecg.storage.s3 import S3Store

#: Still read at once, unlike the colder ones, whose files would first have to be restored.
_COLD = "GLACIER_IR"
_NO_ACCESS = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True,
              "RestrictPublicBuckets": True}  # fmt: skip
_ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                         "BucketKeyEnabled": True}]}  # fmt: skip


def lifecycle_rules(prefix: str) -> list[dict[str, Any]]:
    """The rules of one installation, whose keys begin with ``prefix``."""
    return [
        _rule(prefix, "temp/", Expiration={"Days": 1}),
        _rule(prefix, "uploads/", Transitions=[{"Days": 30, "StorageClass": _COLD}]),
        _rule(prefix, "rendered/", Transitions=[{"Days": 90, "StorageClass": _COLD}]),
        _rule(prefix, "", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2},
              # Of a bucket that keeps versions: what a user deletes is to be gone some day.
              NoncurrentVersionExpiration={"NoncurrentDays": 30}),
    ]  # fmt: skip


def apply_lifecycle(store: S3Store) -> list[dict[str, Any]]:
    """Put our rules in place of those we made before; rules that others made stay. Returns all."""
    ours = lifecycle_rules(store.prefix)
    names = {rule["ID"] for rule in ours}
    rules = [*(rule for rule in lifecycle(store) if rule.get("ID") not in names), *ours]
    store.administer("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": rules})
    return rules


def lifecycle(store: S3Store) -> list[dict[str, Any]]:
    """The rules that the bucket has."""
    known = store.administer("get_bucket_lifecycle_configuration", none="NoSuchLifecycleConfiguration")
    return known.get("Rules", [])


def harden(store: S3Store) -> None:
    """Refuse public access, and encrypt what comes unless the bucket does so in a way of its own."""
    store.administer("put_public_access_block", PublicAccessBlockConfiguration=_NO_ACCESS)
    none = "ServerSideEncryptionConfigurationNotFoundError"
    if not store.administer("get_bucket_encryption", none=none):
        store.administer("put_bucket_encryption", ServerSideEncryptionConfiguration=_ENCRYPTED)


def admit_pages(store: S3Store, origins: list[str]) -> None:
    """Let pages from these origins, and from no others, send files to links and play them."""
    rule = {"AllowedOrigins": origins, "AllowedMethods": ["GET", "HEAD", "POST", "PUT"],
            "AllowedHeaders": ["*"], "MaxAgeSeconds": 3600}  # fmt: skip
    store.administer("put_bucket_cors", CORSConfiguration={"CORSRules": [rule]})


def _rule(prefix: str, folder: str, **actions: Any) -> dict[str, Any]:
    return {"ID": f"ecg {prefix}{folder}", "Status": "Enabled",
            "Filter": {"Prefix": f"{prefix}{folder}"}, **actions}  # fmt: skip
