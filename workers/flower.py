"""Flower, the operators' dashboard, on the loopback address and behind a password."""

import os

from ecg.config import settings
from ecg.logs import set_up_logs
from ecg.secrets import kept


def password() -> str:
    """``user:password`` from the settings, else one made at the first start and kept."""
    return settings().flower_auth or "operator:" + kept(settings().data_dir / "secrets" / "flower")


if __name__ == "__main__":
    set_up_logs()
    # By the environment, not by arguments: those can be read by every user of the machine.
    os.environ["FLOWER_BASIC_AUTH"] = password()
    from ecg.tasks import app

    app.start(["flower", f"--address={settings().host}", f"--port={settings().flower_port}"])
