"""The caption styles that users keep for themselves, beside those that come with ECG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ecg.errors import Conflict, NotFound
from ecg.models import SavedStyle, User

#: Of one user.
MOST = 100


def saved(session: Session, user_id: str) -> list[SavedStyle]:
    """The user's own styles, by name."""
    mine = select(SavedStyle).where(SavedStyle.user_id == user_id).order_by(SavedStyle.name)
    return list(session.scalars(mine))


def find(session: Session, user_id: str, name: str) -> SavedStyle | None:
    """The user's own style of that name."""
    return session.get(SavedStyle, (user_id, name))


def save(session: Session, user_id: str, name: str, definition: Mapping[str, Any]) -> bool:
    """Keep a style under its name, in place of one that was there; whether it is a new one.

    Raises `Conflict` for one more than `MOST`.
    """
    # The user's row is locked, so that two that come together cannot both be the last.
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    new = find(session, user_id, name) is None
    if new and _count(session, user_id) >= MOST:
        raise Conflict(f"You have {MOST} styles of your own; delete one that you no longer need.")
    row = insert(SavedStyle).values(user_id=user_id, name=name, definition=dict(definition))
    session.execute(
        row.on_conflict_do_update(
            index_elements=["user_id", "name"], set_={"definition": row.excluded.definition}
        )
    )
    return new


def forget(session: Session, user_id: str, name: str) -> None:
    """Delete a style of the user's own; captions that were made in it keep it. Raises `NotFound`."""
    mine = delete(SavedStyle).where(SavedStyle.user_id == user_id, SavedStyle.name == name)
    if session.execute(mine.returning(SavedStyle.name)).first() is None:
        raise NotFound(f"You have no style of your own called {name!r}.", style=name)


def _count(session: Session, user_id: str) -> int:
    mine = select(func.count()).select_from(SavedStyle).where(SavedStyle.user_id == user_id)
    return session.scalar(mine) or 0
