"""The deliverer: calls the webhooks of users, from the outbox that ends of jobs are written to.

It has a process of its own, and many threads, because strangers decide how long a call takes: nothing else
waits for it. Each user is served by one thread at a time. Any number of deliverers may run; one that dies
in the middle of a call leaves an event that is due again soon.
"""

from __future__ import annotations

import logging
import signal
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import tenacity

import ecg
from ecg import signatures
from ecg.config import Settings, settings
from ecg.db import transaction
from ecg.errors import Outage
from ecg.jobs.attempts import backoff_s
from ecg.logs import set_up_logs
from ecg.webhooks import calling, outbox, registry
from ecg.webhooks.calling import Answer
from ecg.webhooks.outbox import Call

log = logging.getLogger(__name__)
_AT_ONCE = 32
_POLL_S = 1.0
_LONGEST_PAUSE_S = 3600.0
#: How long an event is kept from other deliverers: longer than any call takes, with its outcome recorded.
_HOLD_S = 90.0
_RECORD_S = 60.0


class Deliverer:
    """One pass is `take`; what was taken is sent and settled by the threads."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.stopping = False
        self._pool = ThreadPoolExecutor(_AT_ONCE, "webhook")
        self._serving: dict[Future[None], str] = {}

    def run(self) -> None:
        """Until `stopping`; calls under way are then waited for. A database that is away is waited for."""
        with self._pool:
            while not self.stopping:
                try:
                    self.take()
                except Outage as error:
                    log.warning("database away: %s", error)
                    time.sleep(_POLL_S)
                self._rest()

    def take(self) -> int:
        """Begin with what is due, as far as threads are free; returns how many calls that are."""
        free = _AT_ONCE - len(self._serving)
        with transaction() as session:
            calls = outbox.take(session, free, busy_users=set(self._serving.values()), hold_s=_HOLD_S)
        for call in calls:
            self._serving[self._pool.submit(self._serve, call)] = call.user_id
        return len(calls)

    def _rest(self) -> None:
        """Until a call is over, or the poll interval is."""
        if not self._serving:
            time.sleep(_POLL_S)
            return
        done, _ = wait(self._serving, _POLL_S, FIRST_COMPLETED)
        for future in done:
            del self._serving[future]

    def _serve(self, call: Call) -> None:
        try:
            answer = self.send(call)
            self._record(call, answer)
        except Exception:
            log.exception("event %s is left until it is due again", call.event_id)

    def send(self, call: Call) -> Answer:
        """Call the webhook; what went wrong is in the answer."""
        secrets = registry.readable(self.config, call.sealed)
        if not secrets:
            return Answer(None, "Its secret cannot be read any more: give it a new one (rotate).")
        body = call.payload.encode()
        headers = {
            "Content-Type": "application/json", "User-Agent": f"ECG/{ecg.__version__}",
            "ECG-Event": call.kind, "ECG-Event-Id": call.event_id,
            signatures.HEADER: signatures.sign(body, secrets),
        }  # fmt: skip
        return calling.post(call.url, body, headers, calling.policy(self.config))

    def _record(self, call: Call, answer: Answer) -> None:
        # What was received is worth a wait: unrecorded, it would be sent again.
        away, stop = tenacity.retry_if_exception_type(Outage), tenacity.stop_after_delay(_RECORD_S)
        for attempt in tenacity.Retrying(retry=away, stop=stop, wait=tenacity.wait_fixed(1.0), reraise=True):
            with attempt, transaction() as session:
                if answer.why is None and answer.status:
                    outbox.arrived(session, call, answer.status)
                else:
                    outbox.missed(session, call, answer.status, answer.why or "", **self._patience(call))
        log.info("event %s, attempt %d: %s", call.event_id, call.attempt, answer.why or answer.status)

    def _patience(self, call: Call) -> dict[str, float]:
        base_s = self.config.webhook_retry_s
        return {
            "again_s": backoff_s(call.attempt, base_s, _LONGEST_PAUSE_S),
            "rest_s": backoff_s(call.failures, base_s, _LONGEST_PAUSE_S),
            "give_up_s": self.config.webhook_give_up_s,
        }


def main() -> None:
    set_up_logs()
    deliverer = Deliverer(settings())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(deliverer, "stopping", True))
    deliverer.run()


if __name__ == "__main__":
    main()
