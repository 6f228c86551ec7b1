"""The audio worker. Speech models, kept warm; one process per GPU."""

import threading

from celery.signals import worker_process_init

from ecg.config import settings
from ecg.errors import EngineUnavailable
from ecg.jobs.graphs import Queue
from workers.consumer import consume

QUEUE = Queue.AUDIO


@worker_process_init.connect
def warm_up(**_: object) -> None:
    """Load whisperx and its models while the worker starts; a job that comes earlier waits for them.

    The other engines load in a moment, at their first job.
    """
    from ecg.speech import whisperx
    from ecg.tasks import audio

    config = settings()
    if config.engine not in {"auto", whisperx.NAME}:
        return
    try:
        whisperx.open_engine(config.models_dir, config.whisper_model)
    except EngineUnavailable:
        return  # a job that asks for it is told why
    chosen = audio.engine(config.engine)
    threading.Thread(target=chosen.warm, name="warm-up", daemon=True).start()  # type: ignore[attr-defined]


if __name__ == "__main__":
    consume(QUEUE)
