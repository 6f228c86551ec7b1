"""Caption styles: those that come with ECG, and those that a user has saved."""

from __future__ import annotations

from typing import Any

from ecg import styles
from ecg.captions import Style, load_style, style_names
from ecg.captions.palette import check_palette
from ecg.db import transaction
from ecg.errors import BadRequest, Conflict, NotFound
from ecg.web.api import blueprint
from ecg.web.replies import SavedStyleReply, StyleReply
from ecg.web.requests import StyleBody, StylePath
from ecg.web.tokens import user_id

bp = blueprint("styles", __name__, "Caption styles", prefix="/api/styles")

_STYLE = {"description": "A style", "content": {"application/json": {"schema": {"type": "object"}}}}


@bp.get("", responses={200: {"description": "The styles, the default first"}})
def page() -> list[dict[str, Any]]:
    """Every style there is for you: the default first, your own last."""
    told = [StyleReply(name=name, title=load_style(name).title, saved=False) for name in style_names()]
    with transaction() as session:
        own = styles.saved(session, user_id())
    told += [StyleReply(name=row.name, title=row.definition["title"], saved=True) for row in own]
    return [style.model_dump() for style in told]


@bp.get("/<name>", responses={200: _STYLE})
def one(path: StylePath) -> dict[str, Any]:
    """A style as data, to be changed and saved under another name."""
    if found := _find(path.name):
        return found.to_json()
    raise NotFound(
        f"There is no style {path.name!r}; GET /api/styles lists those there are.", style=path.name
    )


@bp.post("", responses={201: SavedStyleReply})
def create(body: StyleBody) -> tuple[dict[str, Any], int]:
    """Keep a new style of your own, under the name it has. One that is there already is left alone: 409."""
    return _save(Style.from_json(body.root), replacing=False)


@bp.put("/<name>", responses={200: SavedStyleReply, 201: SavedStyleReply})
@bp.post("/<name>", responses={200: SavedStyleReply, 201: SavedStyleReply})
def save(path: StylePath, body: StyleBody) -> tuple[dict[str, Any], int]:
    """Keep a style of your own under this name. Colours that are hard to read are told as warnings."""
    _check_free(path.name)
    style = Style.from_json({"name": path.name, **body.root})
    if style.name != path.name:
        raise BadRequest(f"The style is called {style.name!r}, but sent to {path.name!r}; use one name.")
    return _save(style, replacing=True)


@bp.delete("/<name>", responses={204: None})
def delete(path: StylePath) -> tuple[str, int]:
    """Delete a style of your own; what was made in it stays as it is."""
    with transaction() as session:
        styles.forget(session, user_id(), path.name)
    return "", 204


def style_named(name: str, strength: float = 1.0) -> Style:
    """A style of ECG's or of the user's own; `BadRequest` names all there are."""
    if found := _find(name):
        return found.with_strength(strength)
    with transaction() as session:
        own = [row.name for row in styles.saved(session, user_id())]
    choice = ", ".join(style_names() + own)
    raise BadRequest(f"There is no style {name!r}; choose one of {choice}.", style=name)


def _save(style: Style, *, replacing: bool) -> tuple[dict[str, Any], int]:
    _check_free(style.name)
    with transaction() as session:
        new = styles.save(session, user_id(), style.name, style.to_json())
        if not (new or replacing):
            raise Conflict(f"You have a style {style.name!r} already; choose another name, or PUT it there.",
                           style=style.name)  # fmt: skip
    warnings = [str(case) for case in check_palette(style)]
    reply = SavedStyleReply(name=style.name, title=style.title, saved=True, warnings=warnings)
    return reply.model_dump(), 201 if new else 200


def _check_free(name: str) -> None:
    if name in style_names():
        raise Conflict(f"The style {name!r} comes with ECG; choose another name.", style=name)


def _find(name: str) -> Style | None:
    if name in style_names():
        return load_style(name)
    with transaction() as session:
        row = styles.find(session, user_id(), name)
    return Style.from_json(row.definition) if row else None
