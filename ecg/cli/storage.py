"""``ecg storage``: what the bucket of the store is to do by itself."""

from __future__ import annotations

from typing import Any

import click

from ecg.cli.terminal import TypedErrors
from ecg.config import settings
from ecg.errors import Conflict
from ecg.storage import bucket, store
from ecg.storage.s3 import S3Store


@click.group(cls=TypedErrors)
def storage() -> None:
    """Set up the bucket that ECG_S3_BUCKET names. Each command may be repeated."""


@storage.group(cls=TypedErrors)
def lifecycle() -> None:
    """When files expire or move to cheaper storage."""


@lifecycle.command()
def apply() -> None:
    """Set the rules of ECG's folders; other rules of the bucket stay."""
    _tell(bucket.apply_lifecycle(_bucket()))


@lifecycle.command()
def show() -> None:
    """All rules that the bucket has."""
    _tell(bucket.lifecycle(_bucket()))


@storage.command()
@click.option("--page", "pages", multiple=True, metavar="ORIGIN",
              help="Where the web page is served, such as https://ecg.example.org; may be given again. Pages "
              "from there, and no others, may then send files to the bucket.")  # fmt: skip
def harden(pages: tuple[str, ...]) -> None:
    """Refuse public access and encrypt what comes."""
    bucket.harden(_bucket())
    click.echo("The bucket refuses public access and encrypts what comes.")
    if pages:
        bucket.admit_pages(_bucket(), list(pages))
        click.echo(f"Pages from {', '.join(pages)} may send files to it.")


def _bucket() -> S3Store:
    kept = store(settings())
    if not isinstance(kept, S3Store):
        raise Conflict(
            "The store is a folder, not a bucket: the sweep of `beat` removes temporary files and uploads "
            "given up after a day, and nothing is moved. Set ECG_S3_BUCKET for a bucket."
        )
    return kept


def _tell(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        where = rule.get("Filter", {}).get("Prefix", rule.get("Prefix", ""))
        click.echo(f"{where or 'all files'}: {'; '.join(_actions(rule)) or 'something else'}")
    if not rules:
        click.echo("The bucket has no rules: `ecg storage lifecycle apply`.")


def _actions(rule: dict[str, Any]) -> list[str]:
    told = [f"{move['StorageClass']} after {move['Days']} days" for move in rule.get("Transitions", ())
            if "Days" in move]  # fmt: skip
    for action, field, words in (
        ("Expiration", "Days", "removed after {} days"),
        ("NoncurrentVersionExpiration", "NoncurrentDays", "older versions removed after {} days"),
        ("AbortIncompleteMultipartUpload", "DaysAfterInitiation", "unfinished parts removed after {} days"),
    ):  # fmt: skip
        if field in rule.get(action, {}):
            told.append(words.format(rule[action][field]))
    return told if rule.get("Status") == "Enabled" else [f"off ({'; '.join(told)})"]
