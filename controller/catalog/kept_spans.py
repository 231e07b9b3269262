"""Which spans of time the kept sums answer for, and which they leave to be counted (rollups.py)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables as t
from .counting import DAY_S, QUARTER_S

_stale = t.report_stale.c
PER_DAY = DAY_S // QUARTER_S
#: Before and after all there is.
BEGIN, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
#: More spans than these are counted as fewer longer ones.
_MOST_SPANS = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """``live``: to be counted; ``kept``: (length of a span, the first, the end), out of the sums."""

    live: list[tuple[datetime, datetime]]
    kept: list[tuple[int, int, int]]


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


def runs(slots: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as (first, end) of those that follow each other."""
    found: list[tuple[int, int]] = []
    for slot in slots:
        if found and found[-1][1] == slot:
            found[-1] = (found[-1][0], slot + 1)
        else:
            found.append((slot, slot + 1))
    return found


def moment(slot: int) -> datetime:
    return datetime.fromtimestamp(slot * QUARTER_S, UTC)
