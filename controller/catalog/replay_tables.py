"""The table of answers to requests that may be sent again (engine.replays)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field

from .rows import Row, table_of, text_, time_


class ReplayTable(Row, table=True):
    """``status`` 0: under way. ``sealed``: the answer, which may hold a new secret."""

    __tablename__ = "replays"
    caller: str = text_(primary_key=True)
    key: str = text_(primary_key=True)
    fingerprint: str = text_()
    status: int
    sealed: bytes = Field(sa_type=LargeBinary)
    at: datetime = time_(index=True)


replays = table_of(ReplayTable)
