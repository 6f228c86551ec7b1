"""A caption style of a user's own."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import CreatedAt, Json, Record, Uuid


class SavedStyle(Record):
    """``definition``: the whole style, as `ecg.captions.Style.to_json` gives it."""

    __tablename__ = "saved_styles"

    user_id: Mapped[Uuid] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    definition: Mapped[Json]
    created_at: Mapped[CreatedAt]
