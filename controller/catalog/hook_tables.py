"""Webhooks: the endpoints, and what each is to be told.

Rows of `hook_deliveries` are made by triggers (migration r0013) in the transaction that makes the event
true, so that none is lost and none invented, whoever changes the recording.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, text
from sqlmodel import Field

from .rows import Row, json_, long_, name_, part_of, table_of, text_, time_

_WAITING = text("state = 'waiting'")


class HookTable(Row, table=True):
    __tablename__ = "hooks"
    hook_id: str = text_(primary_key=True)
    tenant: str | None = name_(index=True)
    url: str = text_()
    label: str = text_()
    events: list[Any] = json_()
    enabled: bool
    parallel: int
    created_at: datetime = time_()
    sealed: str = text_()
    old_sealed: str = text_()
    old_until: datetime | None = time_()
    failures: int
    failing_since: datetime | None = time_()
    resting_until: datetime | None = time_()
    off_why: str = text_()


class HookDeliveryTable(Row, table=True):
    """``detail``: of a pause its id, of an access the audit's number, else a word. ``first_at``: from when
    the day counts in which it is tried."""

    __tablename__ = "hook_deliveries"
    __table_args__ = (
        Index(None, "hook_id", "number"),
        Index("ix_hook_deliveries_waiting", "hook_id", "number",
              sqlite_where=_WAITING, postgresql_where=_WAITING),
    )  # fmt: skip
    number: int = Field(
        primary_key=True,
        sa_column_kwargs={"autoincrement": True},
        sa_type=BigInteger().with_variant(Integer, "sqlite"),  # SQLite counts only INTEGER keys up
    )
    message_id: str = text_(unique=True)
    hook_id: str = part_of("hooks.hook_id")
    event: str = text_()
    recording_id: str = text_()
    tenant: str | None = name_()
    at: datetime = time_()
    detail: str = text_()
    state: str = text_()
    tries: int
    next_at: datetime | None = time_()
    first_at: datetime | None = time_()
    last_at: datetime | None = time_(index=True)
    leased_until: datetime | None = time_()
    lease: str = text_()
    status: int
    response: str = text_()
    error: str = text_()
    took_ms: int = long_()


hooks = table_of(HookTable)
hook_deliveries = table_of(HookDeliveryTable)
