"""What to do when a GPU has no memory left: a smaller batch, then a smaller number format, then the CPU.

Pure: it knows no GPU and no model, only which error means "out of memory" and what to try next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from ecg.errors import GpuMemoryError

T = TypeVar("T")

# What CUDA, cuBLAS, cuDNN, torch and CTranslate2 put into the text of a RuntimeError.
_SIGNS = ("out of memory", "alloc_failed", "failed to allocate", "cannot allocate memory")
# The CPU has more memory than the GPU, but no use for large batches.
_CPU_BATCH = 4


@dataclass(frozen=True, slots=True)
class Rung:
    """A way to run a model. ``compute_type``: CTranslate2's name; ``device``: ``cuda`` or ``cpu``."""

    batch_size: int
    compute_type: str
    device: str


def rungs(start: Rung) -> tuple[Rung, ...]:
    """From ``start`` downwards: the batch halved down to 1, 8-bit weights, and 8-bit on the CPU."""
    return tuple(dict.fromkeys(_downwards(start)))


def _downwards(start: Rung) -> Iterator[Rung]:
    size = start.batch_size
    while size >= 1:
        yield Rung(size, start.compute_type, start.device)
        size //= 2
    yield Rung(1, "int8_float16" if start.device == "cuda" else "int8", start.device)
    if start.device != "cpu":
        yield Rung(min(start.batch_size, _CPU_BATCH), "int8", "cpu")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, CTranslate2 or CUDA says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


class MemoryLadder:
    """Runs work on the best rung that has held so far; remembers it for as long as it lives.

    ``release``: called before each step down, to let go of what the failed attempt still holds.
    """

    def __init__(
        self, steps: tuple[Rung, ...], release: Callable[[], None],
        means_out_of_memory: Callable[[BaseException], bool] = is_out_of_memory,
    ) -> None:  # fmt: skip
        self._steps, self._release, self._means = steps, release, means_out_of_memory
        self._at = 0

    @property
    def rung(self) -> Rung:
        """The one that the next work starts on."""
        return self._steps[self._at]

    @property
    def told(self) -> list[dict[str, Any]]:
        """The rungs stepped down to so far, JSON-ready; empty while memory has sufficed."""
        return [asdict(rung) for rung in self._steps[1 : self._at + 1]]

    def run(self, work: Callable[[Rung], T]) -> T:
        """Do the work, on lower and lower rungs until it fits.

        Raises `GpuMemoryError` when the last one does not hold either; other errors of the work as they are.
        """
        while True:
            try:
                return work(self.rung)
            except Exception as error:
                if not self._means(error):
                    raise
                reason = str(error)
            # Outside the handler: the error holds the frames of the work, and with them its memory.
            self._step_down(reason)

    def _step_down(self, reason: str) -> None:
        self._release()
        if self._at + 1 == len(self._steps):
            tried = self.told
            raise GpuMemoryError(
                "Memory ran out even with one piece of sound at a time, in 8 bits: free the GPU of other "
                "work, take a smaller model (ECG_WHISPER_MODEL), or set ECG_ENGINE=offline.",
                tried=tried, reason=reason,
            )  # fmt: skip
        self._at += 1
