"""Column types shared by the nouns."""

from __future__ import annotations

import datetime
import uuid
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, func
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, mapped_column

Moment = Annotated[datetime.datetime, mapped_column(DateTime(timezone=True))]
CreatedAt = Annotated[
    datetime.datetime, mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
]
Uuid = Annotated[str, mapped_column(UUID(as_uuid=False))]
UuidKey = Annotated[
    str, mapped_column(UUID(as_uuid=False), primary_key=True, default=lambda: str(uuid.uuid4()))
]
Big = Annotated[int, mapped_column(BigInteger)]
UserId = Annotated[
    str, mapped_column(UUID(as_uuid=False), ForeignKey("users.id", ondelete="CASCADE"), index=True)
]
JobId = Annotated[
    str, mapped_column(UUID(as_uuid=False), ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]


class Record(DeclarativeBase):
    """Root of every table."""
