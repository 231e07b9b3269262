"""What calls come to: the sums of a report, counted from the calls, recordings, pauses, files and decisions.

One statement for whoever asks: the reports, and the sums that are kept for them (rollups.py).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from ..core.rules import PolicyScope
from ..engine.reports import Sums
from . import tables as t
from .columns import UtcTime
from .missing import missing

_c, _v = t.calls.c, t.call_views.c
#: By another name: the gate asks the table by its own, of teams.
WAYS = t.call_routes.alias("ways")
_OWN = t.call_views.alias("own")
_r, _p, _f, _d = t.recordings.c, t.pauses.c, t.files.c, t.decisions.c
QUARTER_S, DAY_S = 900, 86_400
SUMS = tuple(f.name for f in fields(Sums))
_EVERY: ColumnElement[bool] = true()
#: The parts of the kept sums, beside the queues' scopes.
ALL, TENANT, USER, FILES = "all", "tenant", "user", "files"
QUEUES = (str(PolicyScope.QUEUE), str(PolicyScope.RING_GROUP))


@dataclass(frozen=True, slots=True)
class Base:
    """Where the calls come from, by what they are grouped, and whose the recordings must be (None: whose
    `recordings` and `decisions` let through)."""

    source: FromClause
    at: ColumnElement[Any]
    keys: tuple[ColumnElement[Any], ...]
    condition: ColumnElement[bool]
    tenant: ColumnElement[Any] | None = None
    recordings: ColumnElement[bool] = _EVERY
    decisions: ColumnElement[bool] = _EVERY


def views() -> FromClause:
    return t.call_views.join(t.calls, _c.call_id == _v.call_id)


def calls_of_tenants() -> tuple[FromClause, Any, ColumnElement[Any]]:
    """Each call once for each of its tenants: where from, whose columns say which tenant, and when."""
    own = _OWN.c
    # The condition stands in the join, so that nobody forgets it.
    source = _OWN.join(t.calls, and_(_c.call_id == own.call_id, own.user == ""))
    return source, own, own.started_at


def ways() -> FromClause:
    return WAYS.join(t.calls, _c.call_id == WAYS.c.call_id)


def counted(base: Base, *, sqlite: bool) -> Select[Any]:
    """A row for each key with calls that began from the parameter ``since`` until before ``until``: the keys
    as k0, k1 …, then `SUMS` by their names."""
    since, until = bindparam("since", type_=UtcTime()), bindparam("until", type_=UtcTime())
    own = true() if base.tenant is None else _r.tenant == base.tenant
    decided = true() if base.tenant is None else _d.tenant == base.tenant
    recorded = base.source.join(t.recordings, and_(_r.call_id == _c.call_id, own, base.recordings))
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
        (recorded, there, {
            "recordings": func.count(), "recorded_ms": func.sum(length), "stored": func.sum(_r.size),
        }),
        (recorded.join(t.pauses, _p.recording_id == _r.recording_id), there, {
            "pauses": func.count(), "paused_ms": func.sum(silence), "longest_pause_ms": func.max(silence),
        }),
        (base.source.join(t.decisions, and_(_d.call_id == _c.call_id, decided, base.decisions)),
         missing(), {"missing": func.count()}),
    ]  # fmt: skip
    keys = [key.label(f"k{n}") for n, key in enumerate(base.keys)]
    nothing: ColumnElement[int] = literal_column("0", BigInteger())
    every = union_all(*(
        select(*keys, *(sums.get(name, nothing).label(name) for name in SUMS))
        .select_from(source)
        .where(base.condition, condition, base.at >= since, base.at < until)
        .group_by(*base.keys)
        for source, condition, sums in measures
    )).subquery("every")  # fmt: skip
    return together(every, len(keys))


def together(every: FromClause, keys: int) -> Select[Any]:
    """One row for each key out of several."""
    by = [every.c[f"k{n}"] for n in range(keys)]
    return select(*by, *(_sum(every.c[name]) for name in SUMS)).group_by(*by)


def _sum(column: ColumnElement[Any]) -> ColumnElement[Any]:
    whole = func.max(column) if column.key == "longest_pause_ms" else func.sum(column)
    return cast(func.coalesce(whole, 0), BigInteger).label(column.key)


def quarter(at: ColumnElement[Any], *, sqlite: bool) -> ColumnElement[Any]:
    """Quarters of an hour since 1970."""
    if sqlite:
        return cast(func.strftime("%s", at), BigInteger).op("/")(QUARTER_S)
    return cast(func.floor(func.extract("epoch", at) / QUARTER_S), BigInteger)


def _elapsed_ms(begin: ColumnElement[Any], end: ColumnElement[Any], sqlite: bool) -> ColumnElement[Any]:
    if sqlite:
        return cast(func.round((func.julianday(end) - func.julianday(begin)) * 86_400_000), BigInteger)
    return cast(func.round(func.extract("epoch", end - begin) * 1000), BigInteger)
