"""How a large file is cut into parts for sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecg.storage.store import Part

_MOST_PARTS = 10_000  # of S3, for one file


@dataclass(frozen=True)
class Cut:
    """A file of ``size_bytes`` in parts of ``part_bytes``, numbered from 1; the last one may be smaller."""

    size_bytes: int
    part_bytes: int

    @classmethod
    def of(cls, size_bytes: int, wanted_bytes: int) -> Cut:
        """Parts of the size wanted, or larger where there would be too many."""
        return cls(size_bytes, max(wanted_bytes, -(-size_bytes // _MOST_PARTS)))

    @property
    def count(self) -> int:
        return -(-self.size_bytes // self.part_bytes)

    def bytes_of(self, number: int) -> int:
        """Size of a part."""
        return min(self.part_bytes, self.size_bytes - (number - 1) * self.part_bytes)

    def missing(self, parts: Sequence[Part]) -> list[int]:
        """Numbers of the parts that have not arrived whole."""
        sizes = {part.number: part.size_bytes for part in parts}
        return [number for number in range(1, self.count + 1) if sizes.get(number) != self.bytes_of(number)]
