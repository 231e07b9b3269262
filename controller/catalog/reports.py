"""Reports over the calls, recordings, pauses, files and decisions (engine.reports.ReportReader).

What the kept sums say of a period (rollups.py) is taken from them; the calls of the rest are counted here:
of quarters of an hour in which something has changed since, of the ends of a period that begins or ends
within one, and of scopes for which nothing is kept (teams). Days and hours are put together out of UTC
quarters of an hour, in which every time zone's days begin.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.reading import Scope
from ..engine.reports import Grouping, ReportRow, Storage, Sums
from . import kept_sums as kept
from . import tables as t
from .counting import QUEUES, SUMS, WAYS, Base, calls_of_tenants, counted, quarter, views
from .gate import Gate
from .kept_spans import BEGIN, END, Plan, planned
from .local_days import LocalSpans, labels
from .writing import OnDatabase

_c, _v, _w = t.calls.c, t.call_views.c, WAYS.c
_r, _f = t.recordings.c, t.files.c

_Found = dict[tuple[Any, ...], Sums]
#: Of a key as the database gives it, as the report has it.
_Named = Callable[[tuple[Any, ...]], tuple[Any, ...]]


class Reports(OnDatabase):
    """engine.reports.ReportReader."""

    async def report_totals(self, scope: Scope, since: datetime, until: datetime) -> Sums:
        async with self._database.reading() as connection:
            found = await self._sums(connection, scope, None, kept.totals(scope), since, until)
        return found.get((), Sums())

    async def report(
        self, scope: Scope, by: Grouping, since: datetime, until: datetime, zone: tzinfo
    ) -> list[ReportRow]:
        async with self._database.reading() as connection:
            if by not in (Grouping.DAY, Grouping.HOUR):
                found = await self._sums(connection, scope, by, kept.grouped(scope, by), since, until)
                rows = [_row(by, key, sums) for key, sums in found.items()]
                return sorted(rows, key=lambda r: (-r.sums.talk_ms, -r.sums.calls, r.tenant, r.key))
            local = LocalSpans(zone, since, until)
            which = kept.totals(scope)
            if which is not None:
                which = which.by(local.day if by is Grouping.DAY else local.hour)
            found = await self._sums(connection, scope, by, which, since, until, local.named(by))
        every: dict[str, Sums] = dict.fromkeys(labels(by, since, until, zone), Sums())
        for (key,), sums in found.items():
            every[key] = every.get(key, Sums()) + sums
        return [ReportRow(key, sums) for key, sums in sorted(every.items())]

    async def storage(self, scope: Scope, since: datetime, until: datetime) -> Storage:
        gate, which = Gate(scope), kept.files(scope)
        async with self._database.reading() as connection:
            if which is None:
                now = await _bytes(connection, gate, true())
                added = await _bytes(connection, gate, and_(_f.added_at >= since, _f.added_at < until))
                return Storage(now, added)
            sums = []
            for first, end in ((BEGIN, END), (since, until)):
                plan = await planned(connection, first, end, days=True)
                total = await _bytes_between(connection, gate, plan.live)
                for row in await connection.execute(kept.kept_query(plan, which)) if plan.kept else ():
                    total += row.stored
                sums.append(total)
        return Storage(*sums)

    async def _sums(
        self, connection: AsyncConnection, scope: Scope, by: Grouping | None, which: kept.Which | None,
        since: datetime, until: datetime, named: tuple[_Named, _Named] | None = None,
    ) -> _Found:  # fmt: skip
        """``named``: what the kept sums' keys, and what the counted ones', are called in the report."""
        found: dict[tuple[Any, ...], Sums] = defaultdict(Sums)
        plan = Plan([(since, until)], [])
        if which is not None:
            plan = await planned(connection, since, until, days=which.days)
        queries: list[tuple[Select[Any], dict[str, datetime], _Named | None]] = [
            (_counting(scope, by, self._database.sqlite), {"since": first, "until": end}, named and named[1])
            for first, end in plan.live
        ]
        if which is not None and plan.kept:
            queries.append((kept.kept_query(plan, which), {}, named and named[0]))
        for query, given, name in queries:
            for row in await connection.execute(query, given):
                key, sums = _taken_apart(row)
                key = name(key) if name else key
                found[key] = found[key] + sums if key in found else sums
        # Without a key there is a row even where there are no calls.
        return {key: sums for key, sums in found.items() if not key or sums != Sums()}


def _taken_apart(row: Any) -> tuple[tuple[Any, ...], Sums]:
    width = len(row) - len(SUMS)
    return tuple(row[:width]), Sums(*row[width:])


async def _bytes(connection: AsyncConnection, gate: Gate, which: ColumnElement[bool]) -> int:
    query = (
        select(func.sum(_f.size))
        .join_from(t.files, t.recordings, _r.recording_id == _f.recording_id)
        .where(gate.recordings(), which)
    )
    return int((await connection.execute(query)).scalar() or 0)


async def _bytes_between(
    connection: AsyncConnection, gate: Gate, spans: Sequence[tuple[datetime, datetime]]
) -> int:
    total = 0
    for since, until in spans:
        total += await _bytes(connection, gate, and_(_f.added_at >= since, _f.added_at < until))
    return total


@lru_cache(maxsize=256)
def _counting(scope: Scope, by: Grouping | None, sqlite: bool) -> Select[Any]:
    """To make the statement takes longer than to carry it out."""
    return counted(_base(scope, by, sqlite=sqlite), sqlite=sqlite)


def _base(scope: Scope, by: Grouping | None, *, sqlite: bool) -> Base:
    keys: tuple[ColumnElement[Any], ...]
    gate = Gate(scope)
    seen, recordings, decisions = gate.calls(), gate.recordings(), gate.tenant(t.decisions.c.tenant)
    if by is None:
        return Base(seen.source, seen.started_at, (), seen.condition, None, recordings, decisions)
    if by in (Grouping.DAY, Grouping.HOUR):
        keys = (quarter(seen.started_at, sqlite=sqlite),)
        return Base(seen.source, seen.started_at, keys, seen.condition, None, recordings, decisions)
    if by is Grouping.TENANT:
        condition = _v.user == "" if scope == Scope(None) else seen.condition
        return Base(views(), _v.started_at, (_v.tenant,), condition, _v.tenant, recordings, decisions)
    # By the tenant's own row of each call, which its index has in order of time; then whose else it is.
    tenants, own, at = calls_of_tenants()
    if by is Grouping.USER:
        source = tenants.join(t.call_views, and_(_v.call_id == own.call_id, _v.tenant == own.tenant))
        condition = and_(gate.tenant(own.tenant), _v.user != "", gate.user(_v.tenant, _v.user))
        keys = (_v.tenant, _v.user)
        return Base(source, at, keys, condition, _v.tenant, recordings, decisions)
    mine: ColumnElement[bool] = true()
    if scope.user is not None or scope.team is not None:
        ids = select(seen.call_id).select_from(seen.source).where(seen.condition).correlate(None)
        mine = _w.call_id.in_(ids)
    condition = and_(gate.tenant(own.tenant), _w.scope.in_(QUEUES), mine)
    keys = (_w.tenant, _w.scope, _w.name)
    source = tenants.join(WAYS, and_(_w.call_id == own.call_id, _w.tenant == own.tenant))
    return Base(source, at, keys, condition, _w.tenant, recordings, decisions)


def _row(by: Grouping, key: tuple[Any, ...], sums: Sums) -> ReportRow:
    if by is Grouping.TENANT:
        return ReportRow(key[0], sums, key[0])
    if by is Grouping.USER:
        return ReportRow(key[1], sums, key[0], "user")
    return ReportRow(key[2], sums, key[0], key[1])
