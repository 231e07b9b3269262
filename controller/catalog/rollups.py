"""The sums that are kept for the reports: counted once, by quarters of an hour and by UTC days.

A quarter of an hour in which something has changed is marked in the transaction that changes it, by the
database itself; it is counted anew from the calls here, with the day that it belongs to. A report takes
what is not marked from the sums and counts the rest itself (reports.py). So it is right at every moment,
whatever happens to a call (saved again, merged, deleted, erased): nothing is ever added to a sum or taken
from it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    case,
    cast,
    delete,
    func,
    literal,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from . import rare_calls
from . import tables as t
from .columns import Text
from .counting import (
    ALL,
    DAY_S,
    FILES,
    QUARTER_S,
    QUEUES,
    SUMS,
    TENANT,
    USER,
    WAYS,
    Base,
    counted,
    quarter,
    together,
    views,
    ways,
)
from .kept_spans import PER_DAY, moment, runs
from .writing import OnDatabase, chunks, insert

_s, _stale = t.report_sums.c, t.report_stale.c
_c, _v, _f, _w = t.calls.c, t.call_views.c, t.files.c, WAYS.c
#: Any number that is not the migrations': two controllers that count the same would wait for each other.
_LOCK = 0x7265_706F


class Rollups(OnDatabase):
    """engine.reports.ReportSums."""

    async def count_anew(self) -> int:
        """What has changed of one day, the newest first; how many quarters of an hour that were. 0: there
        is nothing to be done, or another controller is at it."""
        sqlite = self._database.sqlite
        async with self._database.reading() as connection:
            if (await connection.execute(select(_stale.number).limit(1))).first() is None:
                return 0
        async with self._database.writing() as connection:
            if not sqlite and not await _alone(connection):
                return 0
            newest = (await connection.execute(select(func.max(_stale.slot)))).scalar()
            if newest is None:
                return 0
            day = newest // PER_DAY
            marks = select(_stale.number, _stale.slot).where(
                _stale.slot >= day * PER_DAY, _stale.slot < (day + 1) * PER_DAY
            )
            # Read first: what is marked after this is counted next time.
            found = (await connection.execute(marks)).all()
            slots = sorted({row.slot for row in found})
            for first, end in runs(slots):
                await _count(connection, first, end, sqlite=sqlite)
            await _sum_up(connection, day)
            for numbers in chunks([row.number for row in found]):
                await connection.execute(delete(t.report_stale).where(_stale.number.in_(numbers)))
        return len(slots)

    async def doubt_all(self) -> int:
        """Mark everything, and let nothing be kept: what is to be repaired. How many quarters these are."""
        slots = (
            select(quarter(at, sqlite=self._database.sqlite).label("slot"))
            for at in (_c.started_at, _f.added_at)
        )
        every = next(slots).union(next(slots))
        async with self._database.writing() as connection:
            await connection.execute(delete(t.report_sums))
            await connection.execute(delete(t.report_calls))
            done = await connection.execute(insert(connection, t.report_stale).from_select(["slot"], every))
            return done.rowcount


async def _alone(connection: AsyncConnection) -> bool:
    lock = text("SELECT pg_try_advisory_xact_lock(:n)")
    return bool((await connection.execute(lock, {"n": _LOCK})).scalar())


async def _count(connection: AsyncConnection, first: int, end: int, *, sqlite: bool) -> None:
    await connection.execute(delete(t.report_sums).where(*_of(QUARTER_S, first, end)))
    since, until = moment(first), moment(end)
    at = quarter(_c.started_at, sqlite=sqlite)
    nobody = literal_column("''", Text())
    of_user = case((_v.user == "", TENANT), else_=USER)
    queues = _w.scope.in_(QUEUES)
    for base, part, tenant, name in (
        (Base(t.calls, _c.started_at, (at,), true()), literal(ALL, Text()), nobody, nobody),
        (Base(views(), _c.started_at, (at, _v.tenant, _v.user, of_user), true(), _v.tenant), 3, 1, 2),
        (Base(ways(), _c.started_at, (at, _w.tenant, _w.name, _w.scope), queues, _w.tenant), 3, 1, 2),
    ):
        await _keep(connection, counted(base, sqlite=sqlite), part, tenant, name, since=since, until=until)
    await _keep(connection, _files(since, until, sqlite=sqlite), literal(FILES, Text()), 1, nobody)
    await rare_calls.keep(connection, since, until)


def _files(since: datetime, until: datetime, *, sqlite: bool) -> Select[Any]:
    """The files that were added then, by their recordings' tenants."""
    at, nothing = quarter(_f.added_at, sqlite=sqlite), literal_column("0", BigInteger())
    tenant = t.recordings.c.tenant
    size = cast(func.sum(_f.size), BigInteger)
    return (
        select(
            at.label("k0"), tenant.label("k1"),
            *((size if name == "stored" else nothing).label(name) for name in SUMS),
        )
        .join_from(t.files, t.recordings, t.recordings.c.recording_id == _f.recording_id)
        .where(_f.added_at >= since, _f.added_at < until)
        .group_by(at, tenant)
    )  # fmt: skip


async def _keep(
    connection: AsyncConnection, query: Select[Any], *which: ColumnElement[Any] | int, **given: datetime
) -> None:
    """``which``: the part, the tenant and the name, or which of the query's keys says it."""
    found = query.subquery("found")
    part, tenant, name = (found.c[f"k{w}"] if isinstance(w, int) else w for w in which)
    rows = select(
        literal(QUARTER_S), part, tenant, found.c.k0, name, *(found.c[s] for s in SUMS)
    )  # fmt: skip
    await _insert(connection, rows, given)


async def _sum_up(connection: AsyncConnection, day: int) -> None:
    """A day out of its quarters of an hour."""
    await connection.execute(delete(t.report_sums).where(*_of(DAY_S, day, day + 1)))
    keys = (_s.part, _s.tenant, _s.name)
    quarters = (
        select(*(key.label(f"k{n}") for n, key in enumerate(keys)), *(_s[name] for name in SUMS))
        .where(*_of(QUARTER_S, day * PER_DAY, (day + 1) * PER_DAY))
        .subquery("quarters")
    )
    found = together(quarters, len(keys)).subquery("found").c
    await _insert(
        connection,
        select(literal(DAY_S), found.k0, found.k1, literal(day), found.k2, *(found[s] for s in SUMS)),
    )


def _of(span_s: int, first: int, end: int) -> tuple[ColumnElement[bool], ...]:
    return (_s.span_s == span_s, _s.slot >= first, _s.slot < end)


async def _insert(
    connection: AsyncConnection, rows: Select[Any], given: dict[str, datetime] | None = None
) -> None:
    names = ["span_s", "part", "tenant", "slot", "name", *SUMS]
    await connection.execute(insert(connection, t.report_sums).from_select(names, rows), given or {})
