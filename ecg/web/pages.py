"""The single-page app, and the player and fonts that its preview shares with the renderer."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, send_from_directory
from werkzeug.exceptions import NotFound

from ecg.captions import PLAYER_DIR
from ecg.web.api import settings

bp = Blueprint("pages", __name__)

_FONT_FILES = (".css", ".woff2")
# Fonts change only when another version of their package is installed.
_FONTS_FRESH_S = 7 * 86400


@bp.get("/")
def index() -> Response:
    """The page."""
    assert current_app.static_folder
    return _revalidated(send_from_directory(current_app.static_folder, "index.html"))


@bp.get("/player/<path:filename>")
def player(filename: str) -> Response:
    """A module of the player."""
    return _revalidated(send_from_directory(PLAYER_DIR, filename))


@bp.get("/player/fonts/<path:filename>")
def fonts(filename: str) -> Response:
    """A font or its style sheet, out of the installed npm packages."""
    if not filename.endswith(_FONT_FILES):
        raise NotFound()
    folder = settings().fonts_dir
    assert folder
    return send_from_directory(folder / "node_modules", filename, max_age=_FONTS_FRESH_S)


def _revalidated(response: Response) -> Response:
    """Ask each time whether it changed: a page and its modules must be of one version."""
    response.headers["Cache-Control"] = "no-cache"
    return response
