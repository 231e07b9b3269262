"""Days and hours of a time zone out of UTC quarters of an hour, on days of 23 and 25 hours, too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, cast, literal_column

from ..engine.reports import Grouping
from .counting import DAY_S, QUARTER_S

#: A report has no more days than this.
MOST_DAYS = 1100
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_QUARTER = timedelta(seconds=QUARTER_S)

_Named = Callable[[tuple[Any, ...]], tuple[Any, ...]]


class LocalSpans:
    """A zone's offsets from UTC in a period: each stands until the next one's first quarter of an hour."""

    def __init__(self, zone: tzinfo, since: datetime, until: datetime) -> None:
        self._zone = zone
        #: (the first quarter of an hour in which it does not stand any more, seconds east of UTC)
        self._changes: list[tuple[int, int]] = []
        at, self._last = since.astimezone(UTC), _offset(until, zone)
        while at < until:
            then = min(at + timedelta(days=1), until.astimezone(UTC))
            if _offset(at, zone) != _offset(then, zone):
                self._changes.append((_change(at, then, zone), _offset(at, zone)))
            at = then

    def day(self, slot: ColumnElement[int]) -> ColumnElement[int]:
        """The number of the local day, from 1970."""
        return _whole(self._local(slot), DAY_S)

    def hour(self, slot: ColumnElement[int]) -> ColumnElement[int]:
        """The local hour of the day."""
        return _whole(self._local(slot) % literal_column(str(DAY_S)), 3600)

    def _local(self, slot: ColumnElement[int]) -> ColumnElement[int]:
        east: ColumnElement[int] = literal_column(str(self._last), BigInteger())
        if self._changes:
            # The first that is true counts, so in order of time.
            east = case(*((slot < before, literal_column(str(s))) for before, s in self._changes), else_=east)
        return cast(slot, BigInteger) * literal_column(str(QUARTER_S)) + east

    def named(self, by: Grouping) -> tuple[_Named, _Named]:
        """What `day`'s or `hour`'s values, and what quarters of an hour, are called in the report."""

        def of_value(key: tuple[Any, ...]) -> tuple[Any, ...]:
            if by is Grouping.HOUR:
                return (f"{int(key[0]):02}",)
            return (date.fromordinal(_EPOCH_DAY + int(key[0])).isoformat(),)

        def of_quarter(key: tuple[Any, ...]) -> tuple[Any, ...]:
            local = datetime.fromtimestamp(int(key[0]) * QUARTER_S, UTC).astimezone(self._zone)
            return (f"{local.hour:02}" if by is Grouping.HOUR else local.date().isoformat(),)

        return of_value, of_quarter


def labels(by: Grouping, since: datetime, until: datetime, zone: tzinfo) -> list[str]:
    """Every day of the period, or every hour of the day."""
    if by is Grouping.HOUR:
        return [f"{hour:02}" for hour in range(24)]
    day, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
    return [(day + timedelta(days=n)).isoformat() for n in range(min((last - day).days + 1, MOST_DAYS))]


def _whole(number: ColumnElement[int], of: int) -> ColumnElement[int]:
    """Divided as both databases divide integers; SQLAlchemy's own division has fractions."""
    return number.op("/", precedence=8)(literal_column(str(of)))


def _offset(at: datetime, zone: tzinfo) -> int:
    return round((at.astimezone(zone).utcoffset() or timedelta()).total_seconds())


def _change(at: datetime, then: datetime, zone: tzinfo) -> int:
    """The quarter of an hour with which the offset becomes another one."""
    before, slot = _offset(at, zone), int(at.timestamp()) // QUARTER_S
    while _offset(datetime.fromtimestamp((slot + 1) * QUARTER_S, UTC), zone) == before:
        slot += 1
    return slot + 1
