"""The table of the proof chain: one row an entry, never changed and never deleted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from .rows import Row, name_, table_of, text_, time_


class ChainTable(Row, table=True):
    """The key keeps two writers from making two entries of one number, and ``source`` one thing from
    being sealed twice; see engine.chain.ChainRow."""

    __tablename__ = "chain"
    __table_args__ = (UniqueConstraint("tenant", "source"), Index(None, "subject", "tenant", "number"))
    tenant: str = name_(primary_key=True)
    number: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    source: str = name_(index=True)
    subject: str = name_()
    marked_at: datetime | None = time_()
    header: str = text_()
    content: str = text_()
    hash: str = text_()
    signature: str = text_()


chain = table_of(ChainTable)
