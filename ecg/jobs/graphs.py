"""The steps of each kind of job. Names of queues, steps and tasks are defined here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ecg.models import JobKind


class Queue(StrEnum):
    MEDIA = "media"  # CPU work: probing, decoding, measuring, joining
    AUDIO = "audio"  # speech models, pinned to a GPU where there is one
    RENDER = "render"  # browser and encoder, pinned to a GPU where there is one
    UPKEEP = "upkeep"  # what beat asks for; no steps


@dataclass(frozen=True)
class StepSpec:
    """One step of a graph.

    ``weight``: share of the job's percent. ``shelf``: folder of its files in the store. Deadline: see `Step`.
    """

    name: str
    queue: Queue
    weight: float
    needs: tuple[str, ...] = ()
    optional: bool = False
    shelf: str = "analyzed"
    deadline_s: float = 300.0
    deadline_per_media_s: float = 2.0

    @property
    def task_name(self) -> str:
        return task_name(self.queue, self.name)


def task_name(queue: str, step_name: str) -> str:
    """The Celery task that works on a step."""
    return f"ecg.{queue}.{step_name}"


#: A chunk of a render: added by `prepare`, which knows how many there are.
CHUNK = StepSpec("chunk", Queue.RENDER, 85.0, shelf="temp", deadline_s=600.0, deadline_per_media_s=40.0)

#: The first step of an analysis whose file is still at an address that its user named.
FETCH = StepSpec("fetch", Queue.MEDIA, 5.0, deadline_s=7200.0, deadline_per_media_s=0.0)

GRAPHS: dict[str, tuple[StepSpec, ...]] = {
    JobKind.ANALYSIS: (
        StepSpec("ingest", Queue.MEDIA, 10.0),
        StepSpec("prosody", Queue.MEDIA, 15.0, ("ingest",)),
        StepSpec("diarize", Queue.AUDIO, 15.0, ("ingest",), optional=True, deadline_per_media_s=10.0),
        StepSpec("transcribe", Queue.AUDIO, 45.0, ("ingest",), deadline_per_media_s=20.0),
        StepSpec("merge", Queue.MEDIA, 15.0, ("prosody", "diarize", "transcribe")),
    ),
    JobKind.RENDER: (
        StepSpec("prepare", Queue.MEDIA, 5.0, shelf="rendered"),
        StepSpec("assemble", Queue.MEDIA, 10.0, ("prepare",), shelf="rendered", deadline_per_media_s=5.0),
    ),
}


def steps_of(kind: JobKind, *, fetched: bool = False) -> tuple[StepSpec, ...]:
    """The steps a job begins with; ``fetched``: `FETCH` comes first, with half of the percent of the next."""
    first, *others = GRAPHS[kind]
    if not fetched:
        return (first, *others)
    after = replace(first, needs=(FETCH.name,), weight=first.weight - FETCH.weight)
    return (FETCH, after, *others)


def all_steps() -> tuple[StepSpec, ...]:
    """Every step any job may have."""
    return (*(spec for graph in GRAPHS.values() for spec in graph), CHUNK, FETCH)
