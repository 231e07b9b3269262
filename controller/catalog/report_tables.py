"""The tables of the reports' sums: counted once, and which of them must be counted anew."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer
from sqlmodel import Field

from .rows import Row, long_, name_, part_of, table_of, text_, time_


class ReportSumTable(Row, table=True):
    """What began in a span of time comes to, for everybody, a tenant, one of its users, queues or groups.

    ``span_s``: the span's length; ``slot``: which one, counted from 1970. ``part``: "all", "tenant", "user",
    or a queue's scope; "files" is of the files that were added then. See catalog/rollups.py.
    """

    __tablename__ = "report_sums"
    #: One tree on SQLite: the sums of a period lie side by side.
    __table_args__ = (Index(None, "span_s", "slot"), {"sqlite_with_rowid": False})
    span_s: int = Field(primary_key=True, sa_type=Integer)
    part: str = text_(primary_key=True)
    tenant: str = name_(primary_key=True)
    slot: int = Field(primary_key=True, sa_type=Integer)
    name: str = name_(primary_key=True)
    calls: int = long_()
    answered: int = long_()
    talk_ms: int = long_()
    recordings: int = long_()
    recorded_ms: int = long_()
    stored: int = long_()
    pauses: int = long_()
    paused_ms: int = long_()
    longest_pause_ms: int = long_()
    missing: int = long_()


class ReportStaleTable(Row, table=True):
    """A quarter of an hour of which something has changed since its sums were counted: put by triggers in
    the transaction that changes it, and perhaps more than once (revision 0023)."""

    __tablename__ = "report_stale"
    number: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite")
    )
    slot: int = Field(sa_type=Integer, index=True)


class ReportCallTable(Row, table=True):
    """Calls that are rare in a list and known only when their recordings are: ``what`` is "bare", without any
    recording of the tenant, or "missing" (missing.py). Without a tenant: for who sees every tenant's."""

    __tablename__ = "report_calls"
    __table_args__ = (Index(None, "started_at"), {"sqlite_with_rowid": False})
    what: str = text_(primary_key=True)
    tenant: str = name_(primary_key=True)
    started_at: datetime = time_(primary_key=True)
    call_id: str = part_of("calls.call_id", primary_key=True, index=True)


report_sums = table_of(ReportSumTable)
report_calls = table_of(ReportCallTable)
report_stale = table_of(ReportStaleTable)
