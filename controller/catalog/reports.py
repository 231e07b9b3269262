"""Reports over the calls, recordings, pauses, files and decisions (engine.reports.ReportReader).

Each sum is one grouped statement over the calls that the gate lets through. Days and hours are grouped by
UTC quarters of an hour, in which every time zone's days begin, and put together for the zone here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, and_, case, cast, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.rules import PolicyScope
from ..engine.reading import Scope
from ..engine.reports import Grouping, ReportRow, Storage, Sums
from . import tables as t
from .gate import Gate
from .missing import missing
from .writing import OnDatabase

_c, _v = t.calls.c, t.call_views.c
#: By another name: the gate asks the table by its own, of teams.
_ways = t.call_routes.alias("ways")
_w = _ways.c
_r, _p, _f, _d = t.recordings.c, t.pauses.c, t.files.c, t.decisions.c
_QUARTER_S = 900
#: A report has no more days than this.
MOST_DAYS = 1100


@dataclass(frozen=True, slots=True)
class _Base:
    """Where the calls come from, by what they are grouped, and whose the recordings must be."""

    source: FromClause
    at: ColumnElement[Any]
    keys: tuple[ColumnElement[Any], ...]
    condition: ColumnElement[bool]
    tenant: ColumnElement[Any] | None = None


class Reports(OnDatabase):
    """engine.reports.ReportReader."""

    async def report_totals(self, scope: Scope, since: datetime, until: datetime) -> Sums:
        gate = Gate(scope)
        seen = gate.calls()
        base = _Base(seen.source, seen.started_at, (), seen.condition)
        async with self._database.reading() as connection:
            return (await self._sums(connection, gate, base, since, until)).get((), Sums())

    async def report(
        self, scope: Scope, by: Grouping, since: datetime, until: datetime, zone: tzinfo
    ) -> list[ReportRow]:
        gate = Gate(scope)
        base = _base(gate, scope, by, self._database.sqlite)
        async with self._database.reading() as connection:
            found = await self._sums(connection, gate, base, since, until)
        if by in (Grouping.DAY, Grouping.HOUR):
            return _in_zone(found, by, since, until, zone)
        rows = [_row(by, key, sums) for key, sums in found.items()]
        return sorted(rows, key=lambda r: (-r.sums.talk_ms, -r.sums.calls, r.tenant, r.key))

    async def storage(self, scope: Scope, since: datetime, until: datetime) -> Storage:
        gate = Gate(scope)
        new = case((and_(_f.added_at >= since, _f.added_at < until), _f.size), else_=0)
        query = select(func.sum(_f.size), func.sum(new))
        if scope != Scope(None):
            query = query.join_from(t.files, t.recordings, _r.recording_id == _f.recording_id).where(
                gate.recordings()
            )
        async with self._database.reading() as connection:
            now, added = (await connection.execute(query)).one()
        return Storage(int(now or 0), int(added or 0))

    async def _sums(
        self, connection: AsyncConnection, gate: Gate, base: _Base, since: datetime, until: datetime
    ) -> dict[tuple[Any, ...], Sums]:
        found: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
        for query in _statements(gate, base, since, until, sqlite=self._database.sqlite):
            for row in await connection.execute(query):
                width = len(base.keys)
                names = list(row._mapping)[width:]
                found[tuple(row[:width])] |= {n: int(x or 0) for n, x in zip(names, row[width:], strict=True)}
        return {key: Sums(**sums) for key, sums in found.items()}


def _base(gate: Gate, scope: Scope, by: Grouping, sqlite: bool) -> _Base:
    seen = gate.calls()
    if by in (Grouping.DAY, Grouping.HOUR):
        return _Base(seen.source, seen.started_at, (_quarter(seen.started_at, sqlite),), seen.condition)
    views = t.call_views.join(t.calls, _c.call_id == _v.call_id)
    if by is Grouping.TENANT:
        condition = _v.user == "" if scope == Scope(None) else seen.condition
        return _Base(views, _v.started_at, (_v.tenant,), condition, _v.tenant)
    if by is Grouping.USER:
        condition = and_(_v.user != "", gate.user(_v.tenant, _v.user))
        return _Base(views, _v.started_at, (_v.tenant, _v.user), condition, _v.tenant)
    ways = _ways.join(t.calls, _c.call_id == _w.call_id)
    queues = _w.scope.in_([str(PolicyScope.QUEUE), str(PolicyScope.RING_GROUP)])
    mine: ColumnElement[bool] = true()
    if scope.user is not None or scope.team is not None:
        ids = select(seen.call_id).select_from(seen.source).where(seen.condition).correlate(None)
        mine = _w.call_id.in_(ids)
    condition = and_(queues, gate.tenant(_w.tenant), mine)
    return _Base(ways, _c.started_at, (_w.tenant, _w.scope, _w.name), condition, _w.tenant)


def _statements(
    gate: Gate, base: _Base, since: datetime, until: datetime, *, sqlite: bool
) -> Sequence[Select[Any]]:
    own = true() if base.tenant is None else _r.tenant == base.tenant
    decided = true() if base.tenant is None else _d.tenant == base.tenant
    recorded = base.source.join(t.recordings, and_(_r.call_id == _c.call_id, own, gate.recordings()))
    # What is deleted is in no sum; what was destroyed as its mode demands never was one.
    there = and_(_r.deleted_at.is_(None), _r.provisional.is_(False))
    length = case((_r.media_ms > 0, _r.media_ms), else_=_r.span_ms)
    silence = _elapsed_ms(
        func.coalesce(_p.masked_at, _p.asked_at),
        func.coalesce(_p.unmasked_at, _p.ended_at, _r.ended_at),
        sqlite,
    )
    measures: list[tuple[FromClause, ColumnElement[bool], dict[str, ColumnElement[Any]]]] = [
        (base.source, true(), {
            "calls": func.count(), "answered": func.count(_c.answered_at), "talk_ms": func.sum(_c.talk_ms),
        }),
        (recorded, there, {"recordings": func.count(), "recorded_ms": func.sum(length)}),
        (recorded.join(t.files, _f.recording_id == _r.recording_id), there, {"stored": func.sum(_f.size)}),
        (recorded.join(t.pauses, _p.recording_id == _r.recording_id), there, {
            "pauses": func.count(), "paused_ms": func.sum(silence), "longest_pause_ms": func.max(silence),
        }),
        (base.source.join(t.decisions, and_(_d.call_id == _c.call_id, decided, gate.tenant(_d.tenant))),
         missing(), {"missing": func.count()}),
    ]  # fmt: skip
    keys = [key.label(f"k{n}") for n, key in enumerate(base.keys)]
    return [
        select(*keys, *(what.label(name) for name, what in sums.items()))
        .select_from(source)
        .where(base.condition, condition, base.at >= since, base.at < until)
        .group_by(*base.keys)
        for source, condition, sums in measures
    ]


def _quarter(at: ColumnElement[Any], sqlite: bool) -> ColumnElement[Any]:
    """Quarters of an hour since 1970."""
    epoch = func.unixepoch(at) if sqlite else cast(func.floor(func.extract("epoch", at)), BigInteger)
    return func.floor(epoch / _QUARTER_S) if not sqlite else epoch.op("/")(_QUARTER_S)


def _elapsed_ms(begin: ColumnElement[Any], end: ColumnElement[Any], sqlite: bool) -> ColumnElement[Any]:
    if sqlite:
        return cast(func.round((func.julianday(end) - func.julianday(begin)) * 86_400_000), BigInteger)
    return cast(func.round(func.extract("epoch", end - begin) * 1000), BigInteger)


def _row(by: Grouping, key: tuple[Any, ...], sums: Sums) -> ReportRow:
    if by is Grouping.TENANT:
        return ReportRow(key[0], sums, key[0])
    if by is Grouping.USER:
        return ReportRow(key[1], sums, key[0], "user")
    return ReportRow(key[2], sums, key[0], key[1])


def _in_zone(
    found: dict[tuple[Any, ...], Sums], by: Grouping, since: datetime, until: datetime, zone: tzinfo
) -> list[ReportRow]:
    """A quarter of an hour belongs to the day on which it began in the zone, on days of 23 and 25 hours,
    too."""
    rows: dict[str, Sums] = {}
    if by is Grouping.HOUR:
        rows = {f"{hour:02}": Sums() for hour in range(24)}
    else:
        day, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
        while day <= last and len(rows) < MOST_DAYS:
            rows[day.isoformat()] = Sums()
            day += timedelta(days=1)
    for (quarter,), sums in found.items():
        local = datetime.fromtimestamp(int(quarter) * _QUARTER_S, UTC).astimezone(zone)
        key = f"{local.hour:02}" if by is Grouping.HOUR else local.date().isoformat()
        rows[key] = rows.get(key, Sums()) + sums
    return [ReportRow(key, sums) for key, sums in sorted(rows.items())]
