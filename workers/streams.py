"""The event streams: thousands of open connections on one gevent loop, apart from the web tier."""

import os
import resource
import sys

from ecg.config import settings

if __name__ == "__main__":
    config = settings()
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    os.execv(sys.executable, [  # noqa: S606 - this process becomes gunicorn
        sys.executable, "-m", "gunicorn", "ecg.web.streams:app",
        "--worker-class", "gevent", "--workers", "1", "--worker-connections", "20000",
        "--bind", f"{config.host}:{config.stream_port}", "--graceful-timeout", "5", "--no-control-socket",
    ])  # fmt: skip
