"""The table of work on many recordings at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from .columns import Text
from .rows import Row, json_, long_, name_, table_of, text_, time_


class BatchTable(Row, table=True):
    """See engine.batches. ``ids`` and ``refused`` are read with the row and never searched."""

    __tablename__ = "batches"
    __table_args__ = (Index(None, "account_id", "created_at"), Index(None, "state", "expires_at"))
    batch_id: str = Field(primary_key=True, sa_type=Text)
    account_id: str = text_()
    tenant: str | None = name_()
    kind: str = text_()
    value: str = text_()
    ids: list[Any] = json_()
    query: str = text_()
    address: str = text_()
    state: str = text_()
    created_at: datetime = time_()
    expires_at: datetime = time_()
    done: int
    refused: list[Any] = json_()
    size: int = long_()
    error: str = text_()
    beat_at: datetime | None = time_()
    ended_at: datetime | None = time_()


batches = table_of(BatchTable)
