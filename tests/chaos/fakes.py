"""Task bodies under the real names that do what the params of their job say.

    params["fake"] = {"sleep_s": 0.1, "by_step": {"transcribe": {"sleep_s": 1, "do": "segfault"}}}

What ``by_step`` says of a step replaces what is said of all; ``ECG_CHAOS_FAKE`` (JSON) holds for jobs that
say nothing. The fields are those of `Plan`.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ecg import errors, guard
from ecg.jobs.graphs import CHUNK, all_steps
from ecg.tasks.step import step
from ecg.tasks.work import Outcome, Work
from tests.chaos import faults, ledger

#: Environment variable: what jobs do that say nothing themselves, as JSON.
DEFAULT = "ECG_CHAOS_FAKE"
#: Environment variable that children of a step carry, so that what is left of them can be found.
CHILD_OF = "ECG_CHAOS_STEP"


@dataclass(frozen=True)
class Plan:
    """What one body does, in this order.

    ``children``: guarded process trees that live until the body ends. ``sleep_s`` in a way that a signal
    interrupts; ``deaf_s`` as in a native call, which no signal but SIGKILL reaches; ``burn_s`` of CPU.
    ``files``: name → size in bytes of what is left in the store; the first line of each is
    ``step_id fence``; ``parts``: how many pieces it keeps on the way. ``do``: how it ends, one of `exit`,
    `segfault`, `memory`, `kill_worker`, or the name of a type of `ecg.errors` to raise. With ``first``, all
    but files and parts is for the first attempts alone. ``chunks``: how many `prepare` adds.
    """

    children: int = 0
    sleep_s: float = 0.0
    deaf_s: float = 0.0
    burn_s: float = 0.0
    files: Mapping[str, int] = field(default_factory=lambda: {"out.bin": 256})
    parts: int = 0
    do: str = ""
    first: int = 0
    chunks: int = 1


def plan_of(params: Mapping[str, Any], name: str) -> Plan:
    said = {**json.loads(os.environ.get(DEFAULT, "{}")), **params.get("fake", {})}
    by_step = said.pop("by_step", {})
    return Plan(**{**said, **by_step.get(name, {})})


def run(work: Work) -> Outcome:
    claim, plan = work.claim, plan_of(work.params, work.claim.name)
    about = (claim.job_id, claim.name, claim.step_id, claim.fence)
    ledger.note("start", *about)
    faults.reach("body")
    faults.reach("keeper")
    families = [_family(claim.step_id, claim.fence) for _ in range(plan.children)]
    try:
        if not plan.first or claim.fence <= plan.first:
            _spend(plan)
            _end_badly(plan.do)
        for number in range(plan.parts):
            _keep_part(work, f"part-{number:04}.bin")
        made = {name: _file(work, name, size_bytes) for name, size_bytes in plan.files.items()}
    finally:
        for family in families:
            family.kill()
            family.wait()
    ledger.note("end", *about)
    if claim.name != "prepare":
        return Outcome(made, {"fence": claim.fence})
    chunk = (CHUNK, CHUNK.weight / plan.chunks, {})
    return Outcome(made, {"fence": claim.fence}, added=(chunk,) * plan.chunks, added_before="assemble")


def _family(step_id: int, fence: int) -> guard.Guarded:
    """A tree as an encoder or a browser is one: a child with children of its own."""
    env = {**os.environ, CHILD_OF: f"{step_id}-{fence}"}
    return guard.spawn(["sh", "-c", "sleep 900 & sleep 901 & wait"], env=env)


def _spend(plan: Plan) -> None:
    time.sleep(plan.sleep_s)
    if plan.deaf_s:
        # A native call looks the same from outside: handlers of signals wait for its end.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(plan.deaf_s)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    burnt_until_s = time.process_time() + plan.burn_s
    while time.process_time() < burnt_until_s:
        sum(range(10_000))


def _keep_part(work: Work, name: str) -> None:
    if work.part(name) is None:
        work.keep_part(name, _file(work, name, 64))


def _end_badly(how: str) -> None:
    if how == "exit":
        os._exit(3)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "memory":
        _run_out_of_memory()
    if how == "kill_worker":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    if how:
        raise getattr(errors, how)("The test asked for this error.")


def _run_out_of_memory() -> None:
    """Allocate past a limit and end as native code does that gets no memory."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
    held = []
    try:
        while True:
            held.append(bytearray(64 << 20))
    except MemoryError:
        os.abort()


@cache
def _padding(size_bytes: int) -> bytes:
    return b"." * size_bytes


def _file(work: Work, name: str, size_bytes: int) -> Path:
    path, head = work.out(name), f"{work.claim.step_id} {work.claim.fence}\n".encode()
    path.write_bytes(head + _padding(max(0, size_bytes - len(head))))
    return path


for _spec in all_steps():

    @step(_spec.name)
    def fake(work: Work) -> Outcome:
        """Does as it is told."""
        return run(work)
