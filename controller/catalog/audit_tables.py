"""The table of who did what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer
from sqlmodel import Field

from .rows import Row, name_, table_of, text_, time_


class AuditTable(Row, table=True):
    __tablename__ = "audit"
    __table_args__ = (Index(None, "tenant", "number"),)
    number: int = Field(
        primary_key=True,
        sa_column_kwargs={"autoincrement": True},
        sa_type=BigInteger().with_variant(Integer, "sqlite"),  # SQLite counts only INTEGER keys up
    )
    at: datetime = time_()
    account: str = text_()
    tenant: str | None = name_()
    action: str = text_()
    subject: str = text_()
    detail: str = text_()
    address: str = text_()


audit = table_of(AuditTable)
