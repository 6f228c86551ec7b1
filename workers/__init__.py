"""One entry per process type: ``python -m workers.NAME`` runs in the foreground until SIGTERM.

web, streams                   Flask under gunicorn: requests (threads), event streams (gevent)
media, audio, render, upkeep   Celery workers, one per queue; audio and render take ``--gpu N``
dispatch                       publishes ready steps and brings back lost ones
beat, flower                   Celery's clock and the operators' dashboard
"""
