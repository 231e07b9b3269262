"""Which of the kept sums answer a report, and which time they leave to be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.reading import Scope
from ..engine.reports import Grouping
from . import tables as t
from .columns import name_key
from .counting import DAY_S, QUARTER_S, QUEUES, SUMS, together
from .rollups import ALL, FILES, PER_DAY, TENANT, USER, moment, runs

__all__ = ["BEGIN", "END", "SUMS", "Plan", "Which", "files", "grouped", "planned", "totals"]

_s, _stale = t.report_sums.c, t.report_stale.c
#: Before and after all there is.
BEGIN, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
#: More spans than these are counted as fewer longer ones.
_MOST_SPANS = 8

_Key = Callable[[ColumnElement[int]], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Which:
    """``parts`` of `report_sums`, whose, and by which of its columns (``slot_key``: by the time)."""

    parts: tuple[str, ...]
    tenant: str | None
    name: str | None = None
    keys: tuple[ColumnElement[Any], ...] = ()
    slot_key: _Key | None = None

    @property
    def days(self) -> bool:
        """Whether a whole UTC day's sums will do."""
        return self.slot_key is None

    def by(self, key: _Key) -> Which:
        return replace(self, slot_key=key)


def totals(scope: Scope) -> Which | None:
    """None: nothing is kept for such a scope."""
    if scope == Scope(None):
        return Which((ALL,), "")
    # A team's report counts a call once, though it is several users'; who makes no sense sees nothing.
    if scope.team is not None or not scope.tenant or scope.user == "":
        return None
    if scope.user is not None:
        return Which((USER,), name_key(scope.tenant), name_key(scope.user))
    return Which((TENANT,), name_key(scope.tenant))


def grouped(scope: Scope, by: Grouping) -> Which | None:
    which = totals(scope)
    if which is None:
        return None
    tenant = None if scope.tenant is None else which.tenant
    if by is Grouping.TENANT:
        part = which.parts if scope.tenant is not None else (TENANT,)
        return Which(part, tenant, which.name, (_s.tenant,))
    if by is Grouping.USER:
        return Which((USER,), tenant, which.name, (_s.tenant, _s.name))
    # A user's own calls through a queue are not kept apart from the others'.
    return None if scope.user is not None else Which(QUEUES, tenant, None, (_s.tenant, _s.part, _s.name))


def files(scope: Scope) -> Which | None:
    which = totals(scope)
    if which is None or scope.user is not None:
        return None
    return Which((FILES,), None if scope.tenant is None else which.tenant)


@dataclass(frozen=True, slots=True)
class Plan:
    """``live``: to be counted; ``kept``: (length of a span, the first, the end), out of the sums."""

    live: list[tuple[datetime, datetime]]
    kept: list[tuple[int, int, int]]

    def query(self, which: Which) -> Select[Any]:
        """As `counting.counted` answers, out of the kept sums."""
        every = union_all(*(_span(which, *span) for span in self.kept)).subquery("every")
        keys = len(which.keys) + (which.slot_key is not None)
        return together(every, keys)


def _span(which: Which, span_s: int, first: int, end: int) -> Select[Any]:
    keys = which.keys if which.slot_key is None else (which.slot_key(_s.slot), *which.keys)
    # Named one by one, so that the table's key leads to each tenant's period.
    whose = _s.tenant.in_(select(t.tenants.c.tenant)) if which.tenant is None else _s.tenant == which.tenant
    return select(
        *(key.label(f"k{n}") for n, key in enumerate(keys)), *(_s[name] for name in SUMS)
    ).where(
        _s.span_s == span_s, _s.part.in_(which.parts), whose, _s.slot >= first, _s.slot < end,
        true() if which.name is None else _s.name == which.name,
    )  # fmt: skip


async def planned(connection: AsyncConnection, since: datetime, until: datetime, *, days: bool) -> Plan:
    """``days``: whether whole UTC days' sums may be taken for what is not marked."""
    first, end = _slot_from(since), _slot(until)
    if first >= end:
        return Plan([(since, until)] if since < until else [], [])
    marked = select(_stale.slot).where(_stale.slot >= first, _stale.slot < end).distinct()
    stale = (await connection.execute(marked.order_by(_stale.slot))).scalars()
    live = _fewer(runs(stale))
    spans = [(moment(a), moment(b)) for a, b in live]
    spans += [s for s in ((since, moment(first)), (moment(end), until)) if s[0] < s[1]]
    kept: list[tuple[int, int, int]] = []
    for a, b in _between(live, first, end):
        kept += _in_days(a, b) if days else [(QUARTER_S, a, b)]
    return Plan(spans, kept)


def _slot(at: datetime) -> int:
    return int((at - BEGIN).total_seconds() // QUARTER_S)


def _slot_from(at: datetime) -> int:
    return int(-((BEGIN - at).total_seconds() // QUARTER_S))


def _fewer(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The nearest ones together, until there are few enough."""
    if len(spans) <= _MOST_SPANS:
        return spans
    gaps = sorted((spans[n + 1][0] - spans[n][1], n) for n in range(len(spans) - 1))
    apart = {n for _, n in gaps[-(_MOST_SPANS - 1) :]}
    found, first = [], spans[0][0]
    for n, (_, end) in enumerate(spans):
        if n in apart or n == len(spans) - 1:
            found.append((first, end))
            first = spans[n + 1][0] if n + 1 < len(spans) else end
    return found


def _between(spans: Sequence[tuple[int, int]], first: int, end: int) -> Iterator[tuple[int, int]]:
    for a, b in spans:
        if first < a:
            yield first, a
        first = b
    if first < end:
        yield first, end


def _in_days(first: int, end: int) -> list[tuple[int, int, int]]:
    day, last = -(-first // PER_DAY), end // PER_DAY
    if day >= last:
        return [(QUARTER_S, first, end)]
    found = [(QUARTER_S, first, day * PER_DAY), (DAY_S, day, last), (QUARTER_S, last * PER_DAY, end)]
    return [s for s in found if s[1] < s[2]]
