"""Calls without a recording, and those that miss one: kept with the reports' sums, and listed by that.

Where nearly every call is recorded, the others would be looked for call by call; where they are many, the
first page is soon full either way. What is kept may be out of date only where something is marked
(rollups.py): there the calls themselves are looked at, and what is kept is looked at once more.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, literal, literal_column, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.listing import Recorded
from ..engine.reading import RecordingFilter, Scope
from . import paging
from . import tables as t
from .columns import Text, name_key
from .gate import CallsSeen
from .kept_spans import BEGIN, END, planned
from .missing import missing
from .writing import insert

_k, _c, _v, _r, _d = (x.c for x in (t.report_calls, t.calls, t.call_views, t.recordings, t.decisions))
WHAT = {Recorded.NO: "bare", Recorded.MISSING: "missing"}


async def keep(connection: AsyncConnection, since: datetime, until: datetime) -> None:
    """Anew, of the calls that began then."""
    await connection.execute(delete(t.report_calls).where(_k.started_at >= since, _k.started_at < until))
    begun = (_c.started_at >= since, _c.started_at < until)
    nobody: ColumnElement[str] = literal_column("''", Text())

    def rows(what: str, tenant: ColumnElement[Any], source: Any, *which: ColumnElement[bool]) -> Select[Any]:
        columns = (literal(what, Text()), tenant, _c.started_at, _c.call_id)
        return select(*columns).select_from(source).where(*begun, *which)

    seen = t.calls.join(t.call_views, _v.call_id == _c.call_id)
    decided = t.calls.join(t.decisions, _d.call_id == _c.call_id)
    own = select(_r.recording_id).where(_r.call_id == _c.call_id)
    bare, lost = WHAT[Recorded.NO], WHAT[Recorded.MISSING]
    every = union(
        rows(bare, nobody, t.calls, ~own.exists()),
        rows(bare, _v.tenant, seen, _v.user == "", ~own.where(_r.tenant == _v.tenant).exists()),
        rows(lost, nobody, decided, missing()),
        rows(lost, _d.tenant, decided, missing()),
    )
    names = ["what", "tenant", "started_at", "call_id"]
    await connection.execute(insert(connection, t.report_calls).from_select(names, every))


async def page(
    connection: AsyncConnection, query: Select[Any], seen: CallsSeen, scope: Scope, where: RecordingFilter,
    before: str | None, limit: int,
) -> list[Any]:  # fmt: skip
    """The first rows of the query, newest first, for a filter of `WHAT`. Raises ValueError for a bad key."""
    since, until = where.since or BEGIN, where.until or END
    if before is not None:
        until = min(until, paging.decode(before)[0] + timedelta(microseconds=1))
    plan = await planned(connection, since, until, days=False)
    queries = [query.where(seen.started_at >= a, seen.started_at < b) for a, b in plan.live]
    if plan.kept:
        queries.append(_among_kept(query, seen, scope, where, since, until, before))
    found: dict[str, Any] = {}
    for one in queries:
        found |= {row.call_id: row for row in await connection.execute(one.limit(limit))}
    return sorted(found.values(), key=lambda row: (row.started_at, row.call_id), reverse=True)[:limit]


def _among_kept(
    query: Select[Any], seen: CallsSeen, scope: Scope, where: RecordingFilter, since: datetime,
    until: datetime, before: str | None,
) -> Select[Any]:  # fmt: skip
    """By what is kept, in its order, which is the same."""
    assert where.recorded is not None
    tenant = "" if scope.tenant is None else name_key(scope.tenant)
    here = (_k.what == WHAT[where.recorded], _k.tenant == tenant, _k.call_id == seen.call_id)
    query = query.where(*here, _k.started_at >= since, _k.started_at < until)
    if before is not None:
        query = query.where(paging.after(_k.started_at, _k.call_id, before))
    return query.order_by(None).order_by(_k.started_at.desc(), _k.call_id.desc())
