"""Who controls which switch, and which controllers there are. Times are the database's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint

from .rows import Row, json_, long_, table_of, text_, time_


class SwitchLeaseTable(Row, table=True):
    """``epoch`` grows with every new holder and is what a write of an old one is refused by. It stands in a
    unique key, so that PostgreSQL locks its change, and no renewal, against whoever writes under it."""

    __tablename__ = "switch_leases"
    __table_args__ = (UniqueConstraint("switch", "epoch", name="uq_switch_leases_switch_epoch"),)
    switch: str = text_(primary_key=True)
    epoch: int = long_()
    holder: str = text_()  # a controller's name; "": given back
    expires_at: datetime = time_()
    since: datetime = time_()


class ControllerTable(Row, table=True):
    """``name`` is of one process and its life; ``label`` is what people call its machine. ``key_mark`` tells
    whether two have the same secret, and nothing of it."""

    __tablename__ = "controllers"
    name: str = text_(primary_key=True)
    label: str = text_()
    address: str = text_()
    roles: list[Any] = json_()
    switches: list[Any] = json_()
    prefers: list[Any] = json_()
    key_mark: str = text_()
    version: str = text_()
    started_at: datetime = time_()
    seen_at: datetime = time_()


switch_leases = table_of(SwitchLeaseTable)
controllers = table_of(ControllerTable)
