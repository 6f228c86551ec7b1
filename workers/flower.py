"""Flower, the operators' dashboard, on the loopback address and behind a password."""

import os
import secrets

from ecg.config import settings
from ecg.logs import set_up_logs


def password() -> str:
    """``user:password`` from the settings, else one made at the first start and kept."""
    kept = settings().data_dir / "secrets" / "flower"
    if settings().flower_auth:
        return settings().flower_auth
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept.touch(mode=0o600)
        kept.write_text(f"operator:{secrets.token_urlsafe(12)}")
    return kept.read_text()


if __name__ == "__main__":
    set_up_logs()
    # By the environment, not by arguments: those can be read by every user of the machine.
    os.environ["FLOWER_BASIC_AUTH"] = password()
    from ecg.tasks import app

    app.start(["flower", f"--address={settings().host}", f"--port={settings().flower_port}"])
