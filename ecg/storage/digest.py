"""Whether a file is the one that was announced."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from ecg.errors import ChecksumMismatch

_BLOCK_BYTES = 1 << 20


def check_sha256(file: BinaryIO, announced: str) -> None:
    """Read a file to its end; `ChecksumMismatch` unless it has this SHA-256 (hexadecimal)."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    if (found := digest.hexdigest()) != announced:
        raise ChecksumMismatch(
            "The file that arrived is not the one whose checksum was announced; upload it again.",
            expected_sha256=announced, received_sha256=found,
        )  # fmt: skip
