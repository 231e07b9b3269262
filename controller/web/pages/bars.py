"""Bar charts as SVG without scripts: positions in percent, so that they fit any width and stay sharp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ..language import _
from .words import count, duration, long_day, short_day, shown, size

HEIGHT = 180
#: A row of a chart that lies on its side.
ROW = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """``x`` and ``width`` in percent, ``y`` and ``height`` in pixels. ``label``: on the axis, "" between."""

    x: float
    width: float
    y: float
    height: float
    label: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    upright: bool
    height: int
    bars: tuple[Bar, ...]
    #: (y, text) of an upright chart's lines.
    lines: tuple[tuple[float, str], ...]

    @property
    def empty(self) -> bool:
        return not any(b.height if self.upright else b.width for b in self.bars)


def said(value: int, name: str) -> str:
    """A sum as people read it, by what it counts."""
    if name.endswith("_ms"):
        return duration(value)
    return size(value) if name == "stored" else count(value)


def chart(values: Sequence[tuple[str, int]], name: str, *, upright: bool) -> Chart:
    """``values`` are (day, hour or name, value), in the order in which they are drawn."""
    most = max((value for _, value in values), default=0)
    if not upright:
        bars = [
            Bar(0, round(100 * value / most, 2) if most else 0, n * ROW + 4, ROW - 8, shown(key, 40),
                shown(key, 80), said(value, name))
            for n, (key, value) in enumerate(values)
        ]  # fmt: skip
        return Chart(False, ROW * len(bars), tuple(bars), ())
    top = _round_up(most, name)
    each = 100 / max(1, len(values))
    every = max(1, -(-len(values) // 8))
    bars = []
    for n, (key, value) in enumerate(values):
        height = round(HEIGHT * value / top, 1)
        x, width = round(n * each + each * 0.12, 3), round(each * 0.76, 3)
        label = _axis(key) if n % every == 0 else ""
        bars.append(Bar(x, width, HEIGHT - height, height, label, _named(key), said(value, name)))
    lines = [(round(HEIGHT - HEIGHT * part, 1), said(round(top * part), name)) for part in (0.5, 1)]
    return Chart(True, HEIGHT, tuple(bars), tuple(lines) if most else ())


def _round_up(most: int, name: str) -> int:
    """The top of the axis: 1, 2 or 5 times a power of ten, of minutes where it is a time."""
    unit = 60_000 if name.endswith("_ms") else 1
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power * unit >= most:
                return step * power * unit
        power *= 10


def _axis(key: str) -> str:
    if len(key) == 2:
        return f"{key}:00"
    return short_day(date.fromisoformat(key))


def _named(key: str) -> str:
    if len(key) == 2:
        return _("%(hour)s:00 to %(hour)s:59", hour=key)
    return long_day(date.fromisoformat(key))
