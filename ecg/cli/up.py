"""``ecg up``: the whole system on this machine, until Ctrl-C."""

from __future__ import annotations

import dataclasses
import os

import click

from ecg.config import settings
from ecg.stack.supervisor import run_stack

_PORT_VARIABLES = {"port": "ECG_PORT", "stream_port": "ECG_STREAM_PORT", "flower_port": "ECG_FLOWER_PORT"}


@click.command()
@click.option("--flower", is_flag=True, help="Start Flower too, the dashboard of the queues.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the web page and API. Default: 8000.")
def up(flower: bool, port: int | None) -> None:
    """Run all of ECG here: Postgres, Redis, web, workers. Ctrl-C stops it all.

    DATABASE_URL and REDIS_URL point it at servers of your own; ECG_DATA_DIR says where it keeps things.
    """
    config = settings()
    asked_for = {name for name, variable in _PORT_VARIABLES.items() if os.environ.get(variable)}
    if port is not None:
        config = dataclasses.replace(config, port=port)
        asked_for.add("port")
    run_stack(config, flower=flower, asked_for=asked_for, say=click.echo)
