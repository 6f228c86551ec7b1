"""Leaves a service alone while it is away: calls fail at once, and now and then one is let through."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pybreaker

from ecg.errors import StoreUnavailable


class Breaker:
    """Opens after ``failures`` calls in a row that found the store away; tries one call every ``pause_s``."""

    def __init__(self, failures: int, pause_s: float) -> None:
        self._circuit = pybreaker.CircuitBreaker(
            fail_max=failures, reset_timeout=pause_s, throw_new_error_on_trip=False,
            # Whatever else a call raises, the store did answer.
            exclude=[lambda error: not isinstance(error, StoreUnavailable)],
        )  # fmt: skip
        self._trial = threading.Lock()
        self._last = StoreUnavailable("The store is away.")

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Around a call: raises the last failure anew, without calling, while the circuit is open."""
        closed = self._circuit.current_state == pybreaker.STATE_CLOSED
        # pybreaker lets every caller through once the pause is over; all but one would wait in vain.
        if not closed and not self._trial.acquire(blocking=False):
            raise self._again()
        try:
            # Unlike `call`, this holds no lock while the call is under way.
            with self._circuit.calling():
                yield
        except pybreaker.CircuitBreakerError:
            raise self._again() from None
        except StoreUnavailable as error:
            self._last = error
            raise
        finally:
            if not closed:
                self._trial.release()

    def _again(self) -> StoreUnavailable:
        return StoreUnavailable(self._last.message, **self._last.details)
