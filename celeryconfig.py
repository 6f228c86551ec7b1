"""Celery's settings. Whatever is not Celery's default says why.

Postgres holds the truth about steps (`ecg.jobs`); a message only says "look at step 42". So nothing
here has to be lossless: what matters is that a worker never hangs and never works twice unasked.
"""

from __future__ import annotations

from ecg.config import settings
from ecg.jobs.graphs import Queue, all_steps

broker_url = settings().broker_url
broker_connection_retry_on_startup = True  # a worker may start before Redis does
broker_connection_max_retries = None  # Redis may stay away for as long as it likes
broker_transport_options = {
    # Redis must not hand a message to a second worker on its own: our dispatcher sends lost ones again.
    "visibility_timeout": 7 * 86400,
    # A dead connection is noticed, and a publish never waits for ever.
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
}

task_serializer = "json"
accept_content = ["json"]  # whoever can write to Redis must not be able to run code here
task_ignore_result = True  # the step row is the result
task_routes = {
    **{spec.task_name: {"queue": str(spec.queue)} for spec in all_steps()},
    "ecg.upkeep.*": {"queue": str(Queue.UPKEEP)},
}
task_create_missing_queues = False  # a message to a queue nobody reads is an error
task_queues = {str(queue): {"exchange": str(queue), "routing_key": str(queue)} for queue in Queue}
task_default_queue = str(Queue.UPKEEP)

# A message has done its work once a process looks at the step: the claim in Postgres is what counts, and
# what dies after it comes back by its lease. (Early acknowledgement is Celery's default, and our choice:
# late, a killed worker's messages would stay in Redis until the visibility timeout, then run once more.)
task_acks_late = False
worker_prefetch_multiplier = 1
worker_disable_prefetch = True  # a minutes-long step must not hold the next one hostage
worker_concurrency = 1  # one process per worker: one GPU, one model, one browser
worker_pool = "prefork"
worker_pool_start_method = "spawn"  # fork breaks CUDA and libpq
worker_proc_alive_timeout = 120.0  # importing speech models takes longer than the default 4 s
worker_cancel_long_running_tasks_on_connection_loss = False  # a blip of Redis must not stop a render
worker_soft_shutdown_timeout = 10.0  # let a short step finish at SIGTERM
worker_send_task_events = True  # Flower lives on them
worker_hijack_root_logger = False

beat_schedule = {
    "sweep": {"task": "ecg.upkeep.sweep", "schedule": 300.0, "options": {"expires": 250}},
}
