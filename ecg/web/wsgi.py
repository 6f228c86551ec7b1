"""The web tier for gunicorn: ``gunicorn --worker-class gthread ecg.web.wsgi:app``."""

from ecg.web.app import create_app

app = create_app()
