"""The tables of lists: the views that people save, the columns that they choose."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index

from .account_tables import accounts
from .rows import Row, json_, name_, part_of, table_of, text_, time_


class SavedViewTable(Row, table=True):
    """``query`` as it stands in the list's address; ``tenant`` is its owner's."""

    __tablename__ = "saved_views"
    __table_args__ = (Index(None, "tenant", "name"),)
    view_id: str = text_(primary_key=True)
    account_id: str = part_of(accounts.c.account_id, index=True)
    tenant: str | None = name_()
    name: str = text_()
    query: str = text_()
    shared: bool
    created_at: datetime = time_()


class ListColumnsTable(Row, table=True):
    __tablename__ = "list_columns"
    account_id: str = part_of(accounts.c.account_id, primary_key=True)
    list_name: str = text_(primary_key=True)
    columns: list[Any] = json_()


saved_views = table_of(SavedViewTable)
list_columns = table_of(ListColumnsTable)
