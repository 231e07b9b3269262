"""A recording's time line where pauses or gaps are cut: what is left out, and where a moment lies then.

Used both to make the rendition and to draw spans on it, so that the two agree. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Span = tuple[datetime, datetime]

_MS = timedelta(milliseconds=1)
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimeLine:
    """From wall time to a place in the recording: it begins at ``zero`` and does not have ``cuts``, which
    are pauses, nor ``gaps``, in which nothing was captured for another reason. All are apart."""

    zero: datetime
    cuts: tuple[Span, ...] = ()
    gaps: tuple[Span, ...] = ()

    @property
    def without(self) -> tuple[Span, ...]:
        return (*self.cuts, *self.gaps)

    def ms(self, at: datetime) -> int:
        """Never negative."""
        return whole_ms(lasting(self.zero, at, self.without))

    def missing_ms(self, begin: datetime, end: datetime) -> int:
        """How much of this span is left out."""
        return whole_ms((end - begin) - lasting(begin, end, self.without)) if begin < end else 0


def whole_ms(span: timedelta) -> int:
    """In milliseconds, never negative."""
    return max(0, round(span / _MS))


def left_out(
    captures: Iterable[tuple[datetime | None, datetime | None]],
    pauses: Iterable[tuple[datetime, datetime | None]],
) -> tuple[Span, ...]:
    """The spans of wall time that a cut recording does not have, in order and apart.

    ``captures`` are (opened, closed), in order, ``pauses`` (began, ended or None: to the end). Only
    what lies between two captures and in a pause is left out: a gap for another reason stays, and so
    does a pause within a capture (it was masked, and its silence is in the file).
    """
    silent = _merged(pauses)
    found: list[Span] = []
    for gap_began, gap_ended in _gaps(captures):
        for began, ended in silent:
            span = max(gap_began, began), min(gap_ended, ended)
            if span[0] < span[1]:
                found.append(span)
    return tuple(found)


def gaps_left_out(
    captures: Iterable[tuple[datetime | None, datetime | None]],
    pauses: Iterable[tuple[datetime, datetime | None]],
) -> tuple[Span, ...]:
    """What lies between two captures and in no pause, in order and apart: a hold, a transfer, a restart."""
    silent = _merged(pauses)
    found: list[Span] = []
    for began, ended in _gaps(captures):
        for first, last in silent:
            if first < ended and began < last:
                if began < first:
                    found.append((began, first))
                began = max(began, last)
        if began < ended:
            found.append((began, ended))
    return tuple(found)


def lasting(began: datetime, ended: datetime, without: Iterable[Span]) -> timedelta:
    """How long from ``began`` to ``ended``, the spans ``without`` not counted; negative if it is before.

    With ``began`` as a time line's zero this is where the moment ``ended`` lies on it.
    """
    if ended < began:
        return -lasting(ended, began, without)
    missing = sum(
        (min(ended, last) - max(began, first) for first, last in without if first < ended and began < last),
        timedelta(),
    )
    return ended - began - missing


def _gaps(captures: Iterable[tuple[datetime | None, datetime | None]]) -> list[Span]:
    """From where every capture so far had closed to where the next one opened."""
    gaps: list[Span] = []
    closed: datetime | None = None
    for opened, ended in captures:
        if opened is None:
            continue  # it never ran
        if closed is not None and closed < opened:
            gaps.append((closed, opened))
        # Of a capture whose end is unknown nothing is known to be missing.
        ended = _FOR_EVER if ended is None else max(opened, ended)
        closed = ended if closed is None or closed == _FOR_EVER else max(closed, ended)
    return gaps


def _merged(pauses: Iterable[tuple[datetime, datetime | None]]) -> list[Span]:
    merged: list[Span] = []
    for began, end in sorted((b, _FOR_EVER if e is None else e) for b, e in pauses):
        if merged and began <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((began, end))
    return merged
