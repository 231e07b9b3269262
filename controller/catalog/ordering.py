"""In which order a list of recordings is shown, and where a page of it begins."""

from __future__ import annotations

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


def ordered(query: Select[Any], order: Order, before: str | None) -> Select[Any]:
    """Raises ValueError for a key that is none of this order."""
    by: ColumnElement[Any] = _r.started_at if order in _BY_TIME else _r.size
    if order in _BY_LENGTH:
        by = LENGTH
    if before is not None:
        here = tuple_(by, _r.recording_id)
        if order in _BY_TIME:
            at, last_id = paging.decode(before)
            there = tuple_(literal(at, UtcTime()), literal(last_id, Text()))
        else:
            value, last_id = paging.decode_number(before, str(order))
            there = tuple_(literal(value, BigInteger()), literal(last_id, Text()))
        query = query.where(here > there if order in _ASCENDING else here < there)
    if order in _ASCENDING:
        return query.order_by(by, _r.recording_id)
    return query.order_by(by.desc(), _r.recording_id.desc())


def check_key(order: Order, before: str | None) -> None:
    """Raises ValueError for a key that is none of this order."""
    ordered(select(t.recordings), order, before)


def key_of(row: Any, order: Order) -> str:
    """The key of the page behind this row."""
    if order in _BY_TIME:
        return paging.encode(row.started_at, row.recording_id)
    value = row.size if order not in _BY_LENGTH else row.media_ms if row.media_ms > 0 else row.span_ms
    return paging.encode_number(value, row.recording_id, str(order))
