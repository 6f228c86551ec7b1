"""The web tier: Flask under gunicorn, one thread per request."""

import os
import sys

from ecg.config import settings
from ecg.web.metrics import keep_together

if __name__ == "__main__":
    config = settings()
    keep_together()
    os.execv(sys.executable, [  # noqa: S606 - this process becomes gunicorn
        sys.executable, "-m", "gunicorn", "ecg.web.wsgi:app",
        "--worker-class", "gthread", "--threads", str(config.web_threads),
        "--workers", str(config.web_processes), "--bind", f"{config.host}:{config.port}",
        "--timeout", "120", "--graceful-timeout", "10", "--keep-alive", "15", "--no-control-socket",
    ])  # fmt: skip
