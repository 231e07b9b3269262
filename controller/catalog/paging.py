"""Keyset pages: the key of the last row shown, as an opaque text for a URL."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, literal, tuple_

from .columns import Text, UtcTime

MAX_LIMIT = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def clamped(limit: int) -> int:
    return max(1, min(limit, MAX_LIMIT))


def encode(at: datetime, row_id: str) -> str:
    raw = f"{(at - _EPOCH) // _MICROSECOND}~{row_id}".encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(key: str) -> tuple[datetime, str]:
    """Raises ValueError for whatever `encode` has not made."""
    try:
        raw = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True).decode()
        micros, tilde, row_id = raw.partition("~")
        at = _EPOCH + int(micros) * _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise ValueError("this is no page of this list") from error
    if not tilde or not row_id or encode(at, row_id) != key:
        raise ValueError("this is no page of this list")
    return at, row_id


def after(at: ColumnElement[Any], row_id: ColumnElement[Any], key: str) -> ColumnElement[bool]:
    """The rows that come after the key's, newest first. Raises ValueError."""
    last_at, last_id = decode(key)
    return tuple_(at, row_id) < tuple_(literal(last_at, UtcTime()), literal(last_id, Text()))


def until(at: ColumnElement[Any], row_id: ColumnElement[Any], key: str) -> ColumnElement[bool]:
    """The rows up to the key's, newest first. Raises ValueError."""
    last_at, last_id = decode(key)
    return tuple_(at, row_id) >= tuple_(literal(last_at, UtcTime()), literal(last_id, Text()))


def encode_number(value: int, row_id: str, order: str) -> str:
    raw = f"{order}:{value}~{row_id}".encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_number(key: str, order: str) -> tuple[int, str]:
    """Raises ValueError for whatever `encode_number` has not made, and for a key of another order."""
    try:
        raw = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True).decode()
        head, tilde, row_id = raw.partition("~")
        value = int(head.removeprefix(f"{order}:"))
        if not tilde or not row_id or abs(value) >= 2**63 or encode_number(value, row_id, order) != key:
            raise ValueError(key)
    except ValueError as error:
        raise ValueError("this is no page of this list") from error
    return value, row_id


def cut(rows: Sequence[Any], limit: int) -> tuple[Sequence[Any], bool]:
    """The page out of limit + 1 rows, and whether another follows."""
    return rows[:limit], len(rows) > limit
