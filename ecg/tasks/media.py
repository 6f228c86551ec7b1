"""Task bodies of the queue `media`: CPU work, so that no GPU ever waits for it."""

from __future__ import annotations

import json
from dataclasses import asdict

from ecg.config import settings
from ecg.egress import Policy
from ecg.jobs.graphs import CHUNK
from ecg.media.fetch import fetch as media_fetch
from ecg.media.probe import Limits
from ecg.stages import analysis, render
from ecg.tasks.fleet import render_workers
from ecg.tasks.step import step
from ecg.tasks.work import Outcome, Work


@step("fetch")
def fetch(work: Work) -> Outcome:
    """Bring the file from the address that its user named."""
    file, known = work.out("source"), settings()
    policy = Policy(known.egress_allow, known.egress_ports, known.max_upload_bytes, known.fetch_s)
    media_fetch(work.params["source_url"], file, policy, work.progress)
    return Outcome(fetched=work.bring(file))


@step("ingest")
def ingest(work: Work) -> Outcome:
    """Probe the upload and extract its sound."""
    audio = work.out("audio.wav")
    info = analysis.ingest(work.announced_source(), audio, Limits.from_settings(settings()), work.progress)
    found = info.to_json()
    return Outcome({"audio.wav": audio}, found, media_s=info.duration_s, media=found)


@step("prosody")
def prosody(work: Work) -> Outcome:
    """Measure how everything sounds."""
    tracks = work.out("prosody.npz")
    analysis.prosody(work.input("ingest", "audio.wav"), tracks, work.progress)
    return Outcome({"prosody.npz": tracks})


@step("merge")
def merge(work: Work) -> Outcome:
    """Put words, speakers and measurements together."""
    media = work.results("ingest")[0]
    out, plot = work.out("analysis.json"), work.out("prosody.json")
    transcript = analysis.merge(
        work.input("transcribe", "recognized.json"), work.find("diarize", "turns.json"),
        work.input("prosody", "prosody.npz"), out, plot,
        duration_s=media["duration_s"], metadata={"language_asked": work.params.get("language")},
    )  # fmt: skip
    summary = {"words": len(transcript.words), "speakers": len(transcript.speakers),
               "language": transcript.language, "engine": transcript.metadata.get("engine")}  # fmt: skip
    return Outcome({"analysis.json": out, "prosody.json": plot}, summary, warnings=transcript.warnings)


@step("prepare")
def prepare(work: Work) -> Outcome:
    """Settle what is drawn, and how many chunks it takes."""
    key, draft_key = work.params.get("scenario_key"), work.params.get("project_key")
    given = work.store.fetch(key, work.scratch) if key else None
    transcript = work.store.fetch(draft_key, work.scratch) if draft_key else work.input(
        "merge", "analysis.json", job_id=work.params["analysis_job_id"])  # fmt: skip
    scenario = work.out("scenario.json")
    plan = render.prepare(work.media(), transcript, given, work.params, settings().audio_background_size,
                          scenario)  # fmt: skip
    spans = render.cut(plan, render_workers() if plan.duration_s > 2 * render.LEAST_CHUNK_S else 1)
    chunks = tuple((CHUNK, CHUNK.weight * span.count / plan.frames, asdict(span)) for span in spans)
    return Outcome({"scenario.json": scenario}, plan.to_json(), media_s=plan.duration_s, added=chunks,
                   added_before="assemble")  # fmt: skip


@step("assemble")
def assemble(work: Work) -> Outcome:
    """Join chunks and sound into the finished video."""
    plan = render.Plan(**work.results("prepare")[0])
    video, written = work.out(f"video{plan.format.suffix}"), work.out("metrics.json")
    metrics = render.assemble(
        work.inputs("chunk", f"chunk{plan.format.chunk_suffix}"), work.inputs("chunk", "witness.npz"),
        work.results("chunk"), work.source(), plan, video,
    )  # fmt: skip
    written.write_text(json.dumps(metrics))
    return Outcome({video.name: video, "scenario.json": work.input("prepare", "scenario.json"),
                    "metrics.json": written}, metrics)  # fmt: skip
