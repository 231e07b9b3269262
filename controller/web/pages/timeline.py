"""Placing things on a time line and rows under their days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Protocol, TypeVar

from ...engine.reading import LegRow, PauseRow
from .words import day

#: Time lines are drawn as SVG that is so many units wide: positions are attributes then, and the
#: content security policy needs no exception for styles.
WIDTH = 1000


class _Begun(Protocol):
    @property
    def started_at(self) -> datetime: ...


R = TypeVar("R", bound=_Begun)


def by_day(rows: Iterable[R], zone: tzinfo) -> list[tuple[str, list[R]]]:
    """The rows in their order, under the day on which each began."""
    return [(name, list(group)) for name, group in groupby(rows, key=lambda r: day(r.started_at, zone))]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a time line: ``x`` and ``width`` of WIDTH.

    ``left_out_ms``: so much more lay here that the recording does not have.
    """

    x: float
    width: float
    from_ms: int
    to_ms: int
    left_out_ms: int = 0

    @property
    def point(self) -> bool:
        """All of it is left out: there is a place where it was, and nothing to hear there."""
        return self.left_out_ms > 0 and self.to_ms == self.from_ms


def pause_spans(pauses: Sequence[PauseRow], length_ms: int) -> list[Span]:
    if length_ms <= 0:
        return []
    spans = []
    for pause in pauses:
        begin = min(max(0, pause.from_ms), length_ms)
        end = length_ms if pause.to_ms is None else min(max(begin, pause.to_ms), length_ms)
        spans.append(_span(begin, end, length_ms, pause.left_out_ms))
    return spans


@dataclass(frozen=True, slots=True)
class LegSpan:
    """A leg on the call's time line: ringing from ``ring.x``, talking from ``talk.x``."""

    leg: LegRow
    ring: Span
    talk: Span | None


def leg_spans(legs: Sequence[LegRow], began: datetime, ended: datetime) -> list[LegSpan]:
    length = max(1, _ms(began, ended))

    def at(moment: datetime) -> int:
        return min(max(0, _ms(began, moment)), length)

    spans = []
    for leg in legs:
        end = at(leg.ended_at or ended)
        ring = _span(at(leg.started_at), end, length)
        talk = _span(at(leg.answered_at), end, length) if leg.answered_at else None
        spans.append(LegSpan(leg, ring, talk))
    return spans


def _span(begin: int, end: int, length: int, left_out_ms: int = 0) -> Span:
    # Never thinner than can be seen, and at the very end not beyond it.
    width = max(3.0, round((end - begin) / length * WIDTH, 2))
    x = max(0.0, min(round(begin / length * WIDTH, 2), WIDTH - width))
    return Span(x, width, begin, end, left_out_ms)


def _ms(begin: datetime, end: datetime) -> int:
    return int((end - begin).total_seconds() * 1000)
