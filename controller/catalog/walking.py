"""Going through a long list piece by piece until a page is full, or until it has taken long enough.

Whether a row of a list fits what is asked for may have to be looked up row after row, and those that fit may
lie far apart. So one statement looks at a bounded number of rows only, and after some seconds the walk ends
where it is, and says so: the next one goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.listing import Order, RecordingFilter, SearchTooLong
from . import paging
from . import tables as t
from .candidates import among, found
from .gate import CallsSeen, Gate
from .narrowing import Narrowed
from .ordering import columns_of_key, key_of, ordered

#: A piece's rows at first; each next one has so many times as many, unless that would take longer than this.
FIRST, MORE, PIECE_S = 2_000, 4, 0.4
#: So long a page's search may take before it stops where it is. What is done to all that fit waits longer.
MOST_S, MOST_S_OF_ALL = 2.0, 8.0
#: So few candidates are all looked at at once.
AT_ONCE = 500
#: No statement takes longer.
HARD_S = 10.0
_CANCELLED = "57014"  # query_canceled
_r = t.recordings.c


class Course(Protocol):
    """A list, from where a page begins, in pieces."""

    async def piece(self, rows: int) -> tuple[Select[Any], bool]:
        """What fits of the next so many rows, in the list's order; and whether nothing is behind them."""
        ...

    async def here(self) -> str:
        """The key of the last row of the last piece."""
        ...


@dataclass(frozen=True, slots=True)
class Walked:
    """``stopped``: the key of the last row that was looked at, where not all were."""

    rows: list[Any]
    stopped: str | None = None


async def walked(connection: AsyncConnection, course: Course, limit: int, most_s: float) -> Walked:
    rows: list[Any] = []
    size, began = FIRST, time.monotonic()
    while True:
        start = time.monotonic()
        query, last = await course.piece(size)
        rows += (await connection.execute(query.limit(limit - len(rows)))).all()
        if last or len(rows) >= limit:
            return Walked(rows)
        now = time.monotonic()
        if now - began >= most_s:
            return Walked(rows, await course.here())
        pace = size / max(now - start, 0.001)
        size = max(1, min(size * MORE, int(pace * PIECE_S)))


@asynccontextmanager
async def in_good_time(connection: AsyncConnection, where: RecordingFilter) -> AsyncIterator[None]:
    """No statement of a search within it takes longer than `HARD_S`, whatever the statistics promised, on
    PostgreSQL. Raises SearchTooLong."""
    if connection.dialect.name != "postgresql" or not looks_closely(where):
        yield
        return
    # Until the end of this transaction.
    limit = select(func.set_config("statement_timeout", str(int(HARD_S * 1000)), True))
    await connection.execute(limit)
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") == _CANCELLED:
            raise SearchTooLong from error
        raise


def looks_closely(where: RecordingFilter) -> bool:
    """Whether it asks for what no index of the list itself has."""
    return bool(
        where.party.strip() or where.number.strip() or where.text.strip() or where.words or where.user
        or where.queue or where.group or where.tag or where.format or where.rule or where.switch
        or where.direction is not None or where.held is not None or where.paused is not None
        or where.min_ms is not None or where.max_ms is not None
    )  # fmt: skip


async def course_of(
    connection: AsyncConnection, gate: Gate, where: RecordingFilter, query: Select[Any], before: str | None,
    narrow: Narrowed, *, sqlite: bool,
) -> Course:  # fmt: skip
    """For ``query``, of recordings in no order."""
    if narrow.conditions and narrow.fewest <= AT_ONCE:
        return _Whole(ordered(query.where(*narrow.conditions), where.order, before))
    if narrow.conditions:
        ids = await _in_order(connection, gate, where, before, narrow, sqlite=sqlite)
        return _Candidates(connection, query, where.order, ids, sqlite)
    if not looks_closely(where) or where.call_id is not None:
        return _Whole(ordered(query, where.order, before))
    return _ByKey(connection, gate, where, query, before)


@dataclass
class _Whole:
    """One piece."""

    query: Select[Any]

    async def piece(self, rows: int) -> tuple[Select[Any], bool]:
        return self.query, True

    async def here(self) -> str:
        raise LookupError("it has one piece")


@dataclass
class _ByKey:
    """Down the tenant's list, by the index that has it in this order."""

    connection: AsyncConnection
    gate: Gate
    where: RecordingFilter
    query: Select[Any]
    at: str | None

    async def piece(self, rows: int) -> tuple[Select[Any], bool]:
        order = self.where.order
        # Of all the tenant's, whoever asks: of a user's alone they would have to be found and sorted.
        edge = select(*columns_of_key(order)).where(self.gate.tenant(_r.tenant), _r.deleted_at.is_(None))
        edge = in_time(ordered(edge, order, self.at), _r.started_at, self.where)
        row = (await self.connection.execute(edge.offset(rows - 1).limit(1))).first()
        begin, self.at = self.at, None if row is None else key_of(row, order)
        return ordered(self.query, order, begin, self.at), row is None

    async def here(self) -> str:
        assert self.at is not None
        return self.at


@dataclass
class _Candidates:
    """Through what can fit at all, in the list's order: whether they fit is looked up for as many as it takes
    to fill the page."""

    connection: AsyncConnection
    query: Select[Any]
    order: Order
    ids: Sequence[str]
    sqlite: bool
    seen: int = 0

    async def piece(self, rows: int) -> tuple[Select[Any], bool]:
        # Most of them do fit.
        some = self.ids[self.seen : self.seen + max(1, rows // 8)]
        self.seen += len(some)
        these = among(_r.recording_id, found(some, sqlite=self.sqlite), sqlite=self.sqlite)
        return ordered(self.query.where(these), self.order, None), self.seen >= len(self.ids)

    async def here(self) -> str:
        last = select(*columns_of_key(self.order)).where(_r.recording_id == self.ids[self.seen - 1])
        return key_of((await self.connection.execute(last)).one(), self.order)


async def _in_order(
    connection: AsyncConnection, gate: Gate, where: RecordingFilter, before: str | None, narrow: Narrowed, *,
    sqlite: bool,
) -> Sequence[str]:  # fmt: skip
    """The candidates of the scope's tenant behind the key, in the list's order."""
    query = select(_r.recording_id).where(gate.tenant(_r.tenant), _r.deleted_at.is_(None), *narrow.conditions)
    query = ordered(in_time(query, _r.started_at, where), where.order, before)
    if sqlite:
        return list((await connection.execute(query)).scalars())
    # As one value: see narrowing.py.
    together = select(func.array_agg(query.subquery().c.recording_id))
    return (await connection.execute(together)).scalar_one() or []


@dataclass
class CallsByKey:
    """Down a list of calls, newest first. ``query`` is in no order; ``wide`` are the calls by whose index the
    pieces are measured, all of the scope's among them."""

    connection: AsyncConnection
    seen: CallsSeen
    wide: CallsSeen
    where: RecordingFilter
    query: Select[Any]
    at: str | None

    async def piece(self, rows: int) -> tuple[Select[Any], bool]:
        seen, wide = self.seen, self.wide
        edge = select(wide.started_at, wide.call_id).where(wide.condition)
        edge = newest_calls(in_time(edge, wide.started_at, self.where), wide, self.at)
        row = (await self.connection.execute(edge.offset(rows - 1).limit(1))).first()
        query = newest_calls(self.query, seen, self.at)
        if row is None:
            return query, True
        self.at = paging.encode(row.started_at, row.call_id)
        return query.where(paging.until(seen.started_at, seen.call_id, self.at)), False

    async def here(self) -> str:
        assert self.at is not None
        return self.at


def newest_calls(query: Select[Any], seen: CallsSeen, before: str | None) -> Select[Any]:
    """Raises ValueError for a bad key."""
    if before is not None:
        query = query.where(paging.after(seen.started_at, seen.call_id, before))
    return query.order_by(seen.started_at.desc(), seen.call_id.desc())


def in_time(query: Select[Any], at: ColumnElement[Any], where: RecordingFilter) -> Select[Any]:
    if where.since is not None:
        query = query.where(at >= where.since)
    if where.until is not None:
        query = query.where(at < where.until)
    return query
