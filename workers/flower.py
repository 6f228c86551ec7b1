"""Flower, the operators' dashboard, on the loopback address and behind a password."""

import os

from flower.views import monitor
from tornado import web

from ecg.config import settings
from ecg.logs import set_up_logs
from ecg.secrets import kept


def password() -> str:
    """``user:password`` from the settings, else one made at the first start and kept."""
    return settings().flower_auth or "operator:" + kept(settings().data_dir / "secrets" / "flower")


def close_metrics() -> None:
    """Flower would show its figures, which name tasks and workers, to whoever asks."""
    monitor.Metrics.get = web.authenticated(monitor.Metrics.get)


if __name__ == "__main__":
    set_up_logs()
    # By the environment, not by arguments: those can be read by every user of the machine.
    os.environ["FLOWER_BASIC_AUTH"] = password()
    from ecg.tasks import app

    close_metrics()
    app.start(["flower", f"--address={settings().host}", f"--port={settings().flower_port}"])
