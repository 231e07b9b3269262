"""Placing things on a time line and rows under their days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Protocol, TypeVar

from ...core.spans import RecordingSpan
from ..api.waveforms import SpansView
from ..language import _
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
    """A stretch of a time line: ``x`` and ``width`` of WIDTH."""

    x: float
    width: float
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class DrawnSpan:
    """One of the recording's own spans, and where it is drawn."""

    span: RecordingSpan
    x: float
    width: float

    @property
    def moment(self) -> bool:
        """It has a place and no length."""
        return self.span.from_ms == self.span.to_ms


def drawn_spans(spans: Sequence[RecordingSpan], length_ms: int) -> list[DrawnSpan]:
    if length_ms <= 0:
        return []
    places = [_span(s.from_ms, s.to_ms, length_ms) for s in spans]
    return [DrawnSpan(s, p.x, p.width) for s, p in zip(spans, places, strict=True)]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the bar that says who spoke; ``css`` names its colour and pattern."""

    css: str
    text: str
    x: float
    width: float
    ms: int
    percent: int


def shares(view: SpansView) -> list[Share]:
    """Of all that is not paused: each party alone or not, both at once, nobody."""
    if view.silence_ms is None or view.both_ms is None:
        return []
    names = [
        t.who or (_("Somebody") if len(view.talkers) == 1 else _("Channel %(number)s", number=t.channel + 1))
        for t in view.talkers
    ]
    parts = [(f"ch{t.channel}", name, t.speech_ms) for t, name in zip(view.talkers, names, strict=True)]
    if len(parts) > 1:
        parts = [(css, name, ms - view.both_ms) for css, name, ms in parts] + [
            ("both", _("Both at once"), view.both_ms)
        ]
    parts.append(("nobody", _("Silence"), view.silence_ms))
    total, x, found = sum(ms for _, _, ms in parts), 0.0, []
    for css, text, ms in parts:
        width = round(max(0, ms) / total * WIDTH, 2) if total > 0 else 0.0
        found.append(Share(css, text, round(x, 2), width, max(0, ms), round(width * 100 / WIDTH)))
        x += width
    return found


def _span(begin: int, end: int, length: int) -> Span:
    # Never thinner than can be seen, and at the very end not beyond it.
    width = max(3.0, round((end - begin) / length * WIDTH, 2))
    x = max(0.0, min(round(begin / length * WIDTH, 2), WIDTH - width))
    return Span(x, width, begin, end)
