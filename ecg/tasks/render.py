"""Task body of the queue `render`: one warm browser and one probed encoder per worker process."""

from __future__ import annotations

from functools import cache

from celery.signals import worker_process_shutdown

from ecg.browser.capture import CaptureBrowser
from ecg.captions import PLAYER_DIR
from ecg.config import settings
from ecg.media.encoders import pick_encoder
from ecg.stages import render
from ecg.tasks.step import step
from ecg.tasks.work import Outcome, Work


@cache
def browser() -> CaptureBrowser:
    """The browser of this process, started at the first render."""
    config = settings()
    return CaptureBrowser(config.chromium, config.chromium_sandbox, PLAYER_DIR, config.fonts_dir,
                          config.capture).__enter__()  # fmt: skip


@worker_process_shutdown.connect
def _close_browser(**_: object) -> None:
    if browser.cache_info().currsize:
        browser().__exit__(None, None, None)


@step("chunk")
def chunk(work: Work) -> Outcome:
    """Draw and encode one chunk."""
    plan = render.Plan(**work.results("prepare")[0])
    out, witnessed = work.out(f"chunk{plan.format.chunk_suffix}"), work.out("witness.npz")
    scenario, encoder = work.input("prepare", "scenario.json"), pick_encoder(settings().encoder)
    span = render.Span(**work.step_params)
    metrics = render.chunk(work.source(), scenario, plan, span, out, witnessed, browser(), encoder,
                           settings().x264_preset, work.progress)  # fmt: skip
    return Outcome({out.name: out, witnessed.name: witnessed}, metrics)
