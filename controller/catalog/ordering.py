"""In which order a list of recordings is shown, and where a page of it begins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, literal, literal_column, select, tuple_

from ..engine.listing import Order
from . import paging
from . import tables as t
from .columns import Text, UtcTime

_r = t.recordings.c
#: Written out with the table's name and without parameters, so that the index is found.
LENGTH: ColumnElement[int] = literal_column(
    "(CASE WHEN recordings.media_ms > 0 THEN recordings.media_ms ELSE recordings.span_ms END)", BigInteger()
)

_ASCENDING = frozenset({Order.OLDEST, Order.SHORTEST, Order.SMALLEST})
_BY_LENGTH = frozenset({Order.LONGEST, Order.SHORTEST})
_BY_TIME = frozenset({Order.NEWEST, Order.OLDEST})


def ordered(query: Select[Any], order: Order, before: str | None, last: str | None = None) -> Select[Any]:
    """From behind the key ``before`` to the key ``last``. Raises ValueError for a key that is none of this
    order."""
    by = _by(order)
    here = tuple_(by, _r.recording_id)
    if before is not None:
        there = _place(order, before)
        query = query.where(here > there if order in _ASCENDING else here < there)
    if last is not None:
        there = _place(order, last)
        query = query.where(here <= there if order in _ASCENDING else here >= there)
    if order in _ASCENDING:
        return query.order_by(by, _r.recording_id)
    return query.order_by(by.desc(), _r.recording_id.desc())


def _by(order: Order) -> ColumnElement[Any]:
    if order in _BY_LENGTH:
        return LENGTH
    return _r.started_at if order in _BY_TIME else _r.size


def _place(order: Order, key: str) -> ColumnElement[Any]:
    if order in _BY_TIME:
        at, last_id = paging.decode(key)
        return tuple_(literal(at, UtcTime()), literal(last_id, Text()))
    value, last_id = paging.decode_number(key, str(order))
    return tuple_(literal(value, BigInteger()), literal(last_id, Text()))


def columns_of_key(order: Order) -> list[ColumnElement[Any]]:
    """What `key_of` reads of a row: an index has it."""
    if order in _BY_TIME:
        return [_r.started_at, _r.recording_id]
    if order in _BY_LENGTH:
        return [_r.media_ms, _r.span_ms, _r.recording_id]
    return [_r.size, _r.recording_id]


def reached(key: str, order: Order) -> datetime | None:
    """The time at which this key is, where the order is that of time."""
    return paging.decode(key)[0] if order in _BY_TIME else None


def check_key(order: Order, before: str | None) -> None:
    """Raises ValueError for a key that is none of this order."""
    ordered(select(t.recordings), order, before)


def key_of(row: Any, order: Order) -> str:
    """The key of the page behind this row."""
    if order in _BY_TIME:
        return paging.encode(row.started_at, row.recording_id)
    value = row.size if order not in _BY_LENGTH else row.media_ms if row.media_ms > 0 else row.span_ms
    return paging.encode_number(value, row.recording_id, str(order))
