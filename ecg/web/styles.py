"""The caption styles there are."""

from __future__ import annotations

from ecg.captions import load_style, style_names
from ecg.web.api import blueprint
from ecg.web.replies import StyleReply

bp = blueprint("styles", __name__, "Caption styles", prefix="/api/styles", public=True)


@bp.get("", responses={200: {"description": "The styles, the default first"}})
def styles() -> list[dict[str, str]]:
    """Every style, the default first."""
    return [StyleReply(name=name, title=load_style(name).title).model_dump() for name in style_names()]
