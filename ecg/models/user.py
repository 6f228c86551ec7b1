"""A person with an account."""

from __future__ import annotations

from sqlalchemy import false
from sqlalchemy.orm import Mapped, mapped_column

from ecg.models.columns import CreatedAt, Record, UuidKey


class User(Record):
    """``email`` is kept in lower case; ``password_hash``: see `ecg.passwords`, empty for who has none;
    ``unlimited``: no quota holds; ``admin``: may see what concerns all accounts.
    """

    __tablename__ = "users"

    id: Mapped[UuidKey]
    email: Mapped[str] = mapped_column(unique=True)
    username: Mapped[str]
    password_hash: Mapped[str]
    unlimited: Mapped[bool] = mapped_column(default=False)
    admin: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[CreatedAt]
