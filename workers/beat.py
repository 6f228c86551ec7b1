"""Celery's clock: asks the upkeep worker to sweep. One per installation."""

from ecg.config import settings
from ecg.logs import set_up_logs
from ecg.tasks import app

if __name__ == "__main__":
    set_up_logs()
    folder = settings().data_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    app.conf.include = []  # tasks are named in the schedule; what they do is loaded where it is done
    app.Beat(schedule=str(folder / "beat-schedule"), loglevel="INFO").run()
